"""A bound on the calls of one kind that are under way at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Iterator


class CallLimit:
    """Counts the calls that are under way, and refuses more. For the executor's thread.

    Args:
        limit: The maximum number of calls at once.
        noun: What messages call the calls, in the plural.
        parameter: The name of the parameter that sets the limit.
    """

    def __init__(self, limit: int, noun: str, parameter: str) -> None:
        self._limit = limit
        self._noun = noun
        self._parameter = parameter
        self._under_way = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a call for as long as the context is entered.

        Raises:
            OdysseyError: The maximum number of calls is under way (`TOO_MANY_CALLS`).
        """
        if self._under_way >= self._limit:
            raise OdysseyError(
                f"{self._under_way} {self._noun} are under way: wait until one has ended, or start the node "
                f"with a larger {self._parameter}",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
