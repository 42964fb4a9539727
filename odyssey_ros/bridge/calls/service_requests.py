"""Service requests and action goals, parsed into arguments of the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client import OdysseyArgumentError, OdysseyImageError, OdysseyScriptError
from odyssey_ros.msg import ScriptEntry as ScriptEntryMessage

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from sensor_msgs.msg import CompressedImage

    from odyssey_ros.client import Odyssey, ScriptEntry, SimulationJobDetail, StartAction
    from odyssey_ros.msg import Script

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
    def parse(cls, fields: SimulationFields) -> SimulationRequest:
        """Read a request or a goal.

        Raises:
            OdysseyArgumentError: A field is invalid; the text names it.
        """
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

    def submit(self, client: Odyssey) -> Coroutine[Any, Any, SimulationJobDetail]:
        """Return the call that submits the job."""
        return client.simulate(
            script=self.script,
            scripts=self.scripts,
            script_url=self.script_url,
            portrait=self.portrait,
            bypass_prompt_expansion=self.bypass_prompt_expansion,
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


def picture(image: CompressedImage, image_path: str, where: str = "") -> bytes | str | None:
    """Return the picture of a request: the contents of a file, a path, or None.

    Args:
        image: The field with the contents of a file.
        image_path: The field with a path.
        where: Prefix of messages.

    Raises:
        OdysseyImageError: Both fields are set, or `image_path` is not a path.
    """
    if image.data and image_path:
        raise OdysseyImageError(f"{where}image and image_path are both set: set one of them")
    if image_path.startswith("data:"):
        raise OdysseyImageError(f"{where}image_path must be a path, not a data URL")
    return bytes(image.data) if image.data else image_path or None


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
