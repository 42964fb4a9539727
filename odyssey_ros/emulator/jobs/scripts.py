"""Parses and checks the scripts of simulation jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_ENTRIES", "MAX_SCRIPT_MS", "Script", "ScriptEntry", "parse_script"]

MAX_SCRIPT_MS = 600_000
"""Longest simulation, milliseconds."""
MAX_ENTRIES = 1000
"""Most entries of a script."""

Action = Literal["start", "interact", "end"]
_ACTIONS: tuple[Action, ...] = ("start", "interact", "end")


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """One entry of a script.

    Attributes:
        timestamp_ms: time of the entry, milliseconds from the start of the simulation.
        action: kind of the entry.
        prompt: the prompt of a `start` or an `interact`; otherwise empty.
        image: data URL of the input image of a `start`, or None.
    """

    timestamp_ms: int
    action: Action
    prompt: str = ""
    image: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the entry in its wire format."""
        if self.action == "end":
            return {"timestamp_ms": self.timestamp_ms, "end": {}}
        details: dict[str, object] = {"prompt": self.prompt}
        if self.image is not None:
            details["image"] = self.image
        return {"timestamp_ms": self.timestamp_ms, self.action: details}


@dataclass(frozen=True, slots=True)
class Script:
    """A valid script: a `start` at 0 ms, interactions in order of time, and an `end`."""

    entries: tuple[ScriptEntry, ...]

    @property
    def duration_ms(self) -> int:
        """Length of the simulation, milliseconds."""
        return self.entries[-1].timestamp_ms

    @property
    def image(self) -> str | None:
        """Data URL of the input image, or None."""
        return self.entries[0].image

    def to_json(self) -> list[dict[str, object]]:
        """Return the script in its wire format."""
        return [entry.to_json() for entry in self.entries]


def parse_script(value: object, path: Sequence[str | int] = ("script",)) -> Script:
    """Parse and check a script.

    Args:
        value: decoded JSON, an array of entries.
        path: the keys that lead to the script in the request, for errors.

    Raises:
        InvalidFieldError: the script breaks a rule; the error has the path and the rule.
    """
    place = tuple(path)
    if not isinstance(value, list) or not value:
        raise InvalidFieldError(place, "must be an array of entries, at least one")
    if len(value) > MAX_ENTRIES:
        raise InvalidFieldError(place, f"must have at most {MAX_ENTRIES} entries")
    entries = [_entry(item, (*place, index)) for index, item in enumerate(value)]
    first, last = entries[0], entries[-1]
    if first.action != "start" or first.timestamp_ms != 0:
        raise InvalidFieldError((*place, 0), "the first entry must be a start at timestamp_ms 0")
    if last.action != "end":
        raise InvalidFieldError((*place, len(entries) - 1), "the last entry must be an end")
    if last.timestamp_ms > MAX_SCRIPT_MS:
        raise InvalidFieldError((*place, len(entries) - 1), f"must end within {MAX_SCRIPT_MS} ms")
    if last.timestamp_ms == 0:
        raise InvalidFieldError((*place, len(entries) - 1), "must end after it has started")
    for index in range(1, len(entries)):
        if entries[index].timestamp_ms < entries[index - 1].timestamp_ms:
            raise InvalidFieldError((*place, index), "entries must be in order of timestamp_ms")
        if index < len(entries) - 1 and entries[index].action != "interact":
            raise InvalidFieldError((*place, index), "only interactions may stand between start and end")
    return Script(tuple(entries))


def _entry(value: object, path: tuple[str | int, ...]) -> ScriptEntry:
    fields = Fields.of(value, path)
    timestamp_ms = fields.integer("timestamp_ms")
    if timestamp_ms < 0:
        raise InvalidFieldError(fields.path_of("timestamp_ms"), "must not be negative")
    present = [action for action in _ACTIONS if action in fields]
    if len(present) != 1:
        raise InvalidFieldError(path, "must have exactly one of start, interact and end")
    action = present[0]
    details = Fields.of(fields.raw(action), fields.path_of(action))
    if action == "end":
        return ScriptEntry(timestamp_ms, action)
    prompt = details.string("prompt")
    image = details.optional_string("image") if action == "start" else None
    return ScriptEntry(timestamp_ms, action, prompt, image)
