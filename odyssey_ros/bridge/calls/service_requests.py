"""Service requests and action goals, parsed into arguments of the client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.bridge.calls.request_pictures import PictureFile
from odyssey_ros.bridge.live.prompt_length import check_prompt
from odyssey_ros.client import OdysseyArgumentError, OdysseyImageError, OdysseyScriptError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.client.scripts import check_counts
from odyssey_ros.msg import ScriptEntry as ScriptEntryMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensor_msgs.msg import CompressedImage

    from odyssey_ros.bridge.calls.request_pictures import PictureReader
    from odyssey_ros.client import Odyssey, ScriptEntry, SimulationJobDetail, StartAction
    from odyssey_ros.msg import Script

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
"""Maximum total size of the images and prompts of a request; that of the job is the same."""

MAX_PATH_LENGTH: Final = 4096
"""Maximum length of `image_path` in characters: that of Linux."""

_TRISTATE: Final = {-1: None, 0: False, 1: True}


class SimulationFields(Protocol):
    """The fields that SubmitSimulationJob.Request and RunSimulation.Goal share."""

    script: Sequence[ScriptEntryMessage]
    scripts: Sequence[Script]
    script_url: str
    portrait: bool
    bypass_prompt_expansion: int


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """A simulation job to submit; see `odyssey_ros.client.Odyssey.simulate`, which checks the scripts."""

    script: list[ScriptEntry] | None
    scripts: list[list[ScriptEntry]] | None
    script_url: str | None
    portrait: bool
    bypass_prompt_expansion: bool | None

    @classmethod
    def parse(cls, fields: SimulationFields, max_prompt_length: int) -> SimulationRequest:
        """Read a request or a goal. Its images are not copied.

        Args:
            fields: The request or the goal.
            max_prompt_length: The maximum length of each prompt in characters.

        Raises:
            OdysseyArgumentError: A field is invalid or too large; the text names it.
        """
        _check_sizes(fields, max_prompt_length)
        return cls(
            script=_script(fields.script, "script") if fields.script else None,
            scripts=[
                _script(script.entries, f"scripts[{index}]") for index, script in enumerate(fields.scripts)
            ]
            or None,
            script_url=fields.script_url or None,
            portrait=fields.portrait,
            bypass_prompt_expansion=tristate("bypass_prompt_expansion", fields.bypass_prompt_expansion),
        )

    async def submit(self, client: Odyssey, pictures: PictureReader) -> SimulationJobDetail:
        """Read the files of the pictures, and submit the job.

        Raises:
            OdysseyError: A file cannot be used, or the job cannot be submitted.
        """
        read = await self._read(pictures)
        return await client.simulate(
            script=read.script,
            scripts=read.scripts,
            script_url=read.script_url,
            portrait=read.portrait,
            bypass_prompt_expansion=read.bypass_prompt_expansion,
        )

    async def _read(self, pictures: PictureReader) -> SimulationRequest:
        """Return the request with the contents of its picture files."""

        async def entry_with_picture(entry: ScriptEntry) -> ScriptEntry:
            start = entry.get("start")
            picture = None if start is None else start.get("image")
            if start is None or not isinstance(picture, PictureFile):
                return entry
            return {**entry, "start": {**start, "image": await pictures.read(picture)}}

        async def with_pictures(script: list[ScriptEntry]) -> list[ScriptEntry]:
            return [await entry_with_picture(entry) for entry in script]

        return replace(
            self,
            script=None if self.script is None else await with_pictures(self.script),
            scripts=None if self.scripts is None else [await with_pictures(one) for one in self.scripts],
        )


def tristate(name: str, value: int) -> bool | None:
    """Return None for -1, False for 0 and True for 1.

    Raises:
        OdysseyArgumentError: The field `name` has another value.
    """
    try:
        return _TRISTATE[value]
    except KeyError:
        raise OdysseyArgumentError(f"{name} must be -1, 0 or 1, not {value}") from None


def optional_count(value: int) -> int | None:
    """Return a count; None for -1."""
    return None if value == -1 else value


def picture(image: CompressedImage, image_path: str, where: str = "") -> memoryview | PictureFile | None:
    """Return the picture of a request: the contents of a file, without a copy; a file to read; or None.

    Args:
        image: The field with the contents of a file.
        image_path: The field with a path.
        where: Prefix of messages.

    Raises:
        OdysseyImageError: Both fields are set, the contents are too large, or `image_path` is not a path.
    """
    if image.data and image_path:
        raise OdysseyImageError(f"{where}image and image_path are both set: set one of them")
    if len(image_path) > MAX_PATH_LENGTH:
        raise OdysseyImageError(f"{where}image_path has more than {MAX_PATH_LENGTH} characters")
    if image_path.startswith("data:"):
        raise OdysseyImageError(f"{where}image_path must be a path, not a data URL")
    if len(image.data) > MAX_IMAGE_BYTES:
        raise OdysseyImageError(f"{where}the image is larger than {MAX_IMAGE_BYTES // (1024 * 1024)} MB")
    if image.data:
        return memoryview(image.data)
    return PictureFile(image_path, where) if image_path else None


def _check_sizes(fields: SimulationFields, max_prompt_length: int) -> None:
    """Check counts and sizes before anything is converted."""
    check_counts(len(fields.scripts), len(fields.script))
    total = 0
    scripts = {"script": fields.script}
    scripts |= {f"scripts[{index}]": script.entries for index, script in enumerate(fields.scripts)}
    for name, entries in scripts.items():
        check_counts(1, len(entries), name=name)
        for index, entry in enumerate(entries):
            check_prompt(entry.prompt, max_prompt_length, f"{name}[{index}]: ")
            total += len(entry.image.data) + len(entry.prompt)
    if total > MAX_REQUEST_BYTES:
        raise OdysseyScriptError(
            f"the images and prompts of the request have {total} bytes, but at most {MAX_REQUEST_BYTES} are "
            "allowed: submit fewer scripts at once"
        )


def _script(entries: Sequence[ScriptEntryMessage], name: str) -> list[ScriptEntry]:
    return [_entry(entry, f"{name}[{index}]") for index, entry in enumerate(entries)]


def _entry(entry: ScriptEntryMessage, where: str) -> ScriptEntry:
    image = picture(entry.image, entry.image_path, f"{where}: ")
    if image is not None and entry.action != ScriptEntryMessage.START:
        raise OdysseyScriptError(f"{where}: only a START can have a picture")
    if entry.action == ScriptEntryMessage.START:
        start: StartAction = {"prompt": entry.prompt}
        if image is not None:
            start["image"] = image
        return {"timestamp_ms": entry.timestamp_ms, "start": start}
    if entry.action == ScriptEntryMessage.INTERACT:
        return {"timestamp_ms": entry.timestamp_ms, "interact": {"prompt": entry.prompt}}
    if entry.action != ScriptEntryMessage.END:
        raise OdysseyScriptError(
            f"{where}: unknown action {entry.action}: START is 0, INTERACT is 1, END is 2"
        )
    if entry.prompt:
        raise OdysseyScriptError(f"{where}: an END cannot have a prompt")
    return {"timestamp_ms": entry.timestamp_ms, "end": {}}
