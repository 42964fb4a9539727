"""Script texts in requests: read, and checked one at a time on a thread."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.request_bodies import bad_argument
from odyssey_ros.console.server.script_check import DEFAULT_NAME, CheckedText, check_script_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.console.server.request_bodies import JsonBody

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Size of the JSON of a text of 1 MiB, whose characters may be escaped."""

MAX_WAITING: Final = 8
"""Checks that wait for their turn."""

MAX_PICTURES: Final = 8
MAX_NAME_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """A script text in a request.

    Attributes:
        text: The text.
        name: The name of its file, which is not read; JSON if it ends with `.json`.
        portrait: The orientation for a text that does not set it.
        pictures: The ids of the attached pictures by their names; the ids are empty in a check.
    """

    text: str
    name: str
    portrait: bool
    pictures: dict[str, str]

    @classmethod
    def read(cls, body: JsonBody) -> ScriptRequest:
        """Read the fields of a request.

        Raises:
            OdysseyError: A field is invalid.
        """
        name = body.text("name", DEFAULT_NAME)
        if len(name) > MAX_NAME_LENGTH:
            raise bad_argument(f"name has more than {MAX_NAME_LENGTH} characters")
        return cls(body.text("text"), name, body.flag("portrait"), _pictures(body))


class ScriptChecks:
    """Checks script texts. For the asyncio thread.

    A check takes some seconds of a thread for the largest texts, so there is one at a time.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def run(
        self, request: ScriptRequest, max_prompt_length: int | None, use: Callable[[CheckedText], Any]
    ) -> Any:
        """Check a text; return what `use`, which runs on the thread too, makes of the result.

        Raises:
            OdysseyError: `TOO_MANY_CALLS`: too many checks are waiting; or an error of `use`.
        """
        if self._waiting >= MAX_WAITING:
            raise OdysseyError(
                "The console is checking other scripts: try again in a few seconds",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        check = partial(
            check_script_text,
            request.text,
            name=request.name,
            portrait=request.portrait,
            attached=frozenset(request.pictures),
            max_prompt_length=max_prompt_length,
        )
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(lambda: use(check()))
        finally:
            self._waiting -= 1


def _pictures(body: JsonBody) -> dict[str, str]:
    pictures = body.mapping("pictures")
    if len(pictures) > MAX_PICTURES:
        raise bad_argument(f"at most {MAX_PICTURES} pictures can be attached")
    for name, picture in pictures.items():
        if not name or len(name) > MAX_NAME_LENGTH or not isinstance(picture, str):
            raise bad_argument("pictures has to be an object of names and ids")
    return pictures
