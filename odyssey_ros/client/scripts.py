"""Simulation scripts: their types, and their validation before submission.

A script is a list of entries in time order. Each entry has a time and exactly one action. The first entry is
`start` at 0 ms; the last is `end`, whose time is the length of the video; the entries between are `interact`.
Source: the Simulate API reference. The service would fail an invalid job later; validation raises before
anything is sent, and names the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict, TypeGuard
from urllib.parse import urlsplit

from odyssey_ros.client.errors import OdysseyScriptError

MAX_SCRIPTS: Final = 100
"""Maximum number of scripts of a job."""

MAX_ENTRIES: Final = 1000
"""Maximum number of entries of a script. One prompt every 3 s, as recommended, makes 200 in 10 minutes."""

_MAX_URL_LENGTH: Final = 8192

_TIME: Final = "timestamp_ms"
_ACTIONS: Final = ("start", "interact", "end")


class _StartPrompt(TypedDict):
    prompt: str


class StartAction(_StartPrompt, total=False):
    """The action that starts a stream.

    Attributes:
        prompt: The text to generate video from. May be empty only with an image.
        image: The first image, in any form that `odyssey_ros.client.images.prepare_image` accepts.
    """

    image: Any


class InteractAction(TypedDict):
    """The action that sends a prompt to the running stream."""

    prompt: str


class _EntryTime(TypedDict):
    timestamp_ms: int


class ScriptEntry(_EntryTime, total=False):
    """One entry of a script: a time and exactly one of the three actions.

    Attributes:
        timestamp_ms: Time of the action in milliseconds since the start of the script, 0 or more.
        start: Starts the stream. Only in the first entry, at 0.
        interact: Sends a prompt to the running stream.
        end: Ends the stream; an empty dict. Only in the last entry.
    """

    start: StartAction
    interact: InteractAction
    end: dict[str, Any]


def check_sources(script: object, scripts: object, script_url: object) -> None:
    """Check that exactly one source of a simulation is given, and that it is valid.

    Args:
        script: One script, or None.
        scripts: A list of scripts that run in parallel, or None.
        script_url: The http or https URL of a JSON script, or None. The script is not fetched.

    Raises:
        OdysseyScriptError: None or several are given, or the given one is invalid.
    """
    sources = {"script": script, "scripts": scripts, "script_url": script_url}
    given = [name for name, source in sources.items() if source is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise OdysseyScriptError(f"exactly one of script, scripts and script_url is needed, but got {found}")
    if script is not None:
        check_script(script)
    elif scripts is not None:
        check_scripts(scripts)
    else:
        _check_url(script_url)


def check_scripts(scripts: object) -> None:
    """Check a batch of scripts.

    Raises:
        OdysseyScriptError: The batch is not a list, is empty, or has an invalid script; the text names the
            script and the entry, as in `scripts[1][2]`.
    """
    if not _is_list(scripts):
        raise OdysseyScriptError(f"scripts must be a list of scripts, not {_kind(scripts)}")
    if not scripts:
        raise OdysseyScriptError("scripts is empty: a job needs at least one script")
    check_counts(len(scripts), 0)
    for index, script in enumerate(scripts):
        check_script(script, name=f"scripts[{index}]")


def check_script(script: object, *, name: str = "script") -> None:
    """Check one script.

    Args:
        script: The script.
        name: What errors call the script.

    Raises:
        OdysseyScriptError: The script breaks a rule; the text names the entry, as in `script[2]`.
    """
    if not _is_list(script):
        raise OdysseyScriptError(f"{name} must be a list of entries, not {_kind(script)}")
    if len(script) < 2:
        raise OdysseyScriptError(
            f"{name} needs at least a start entry and an end entry, but has {len(script)}"
        )
    check_counts(1, len(script), name=name)
    last = len(script) - 1
    previous_ms = 0
    index = 0
    try:
        for index, entry in enumerate(script):
            previous_ms = _check_position(entry, f"{name}[{index}]", index, last, previous_ms)
    except OdysseyScriptError as error:
        error.entry = index
        raise


def check_counts(scripts: int, entries: int, *, name: str = "script") -> None:
    """Check the number of scripts of a job and the number of entries of the script `name`.

    Raises:
        OdysseyScriptError: There are more than `MAX_SCRIPTS` or `MAX_ENTRIES`.
    """
    if scripts > MAX_SCRIPTS:
        raise OdysseyScriptError(
            f"scripts has {scripts} scripts, but a job may have {MAX_SCRIPTS}: submit several jobs"
        )
    if entries > MAX_ENTRIES:
        raise OdysseyScriptError(
            f"{name} has {entries} entries, but a script may have {MAX_ENTRIES}: submit a shorter script"
        )


def _check_position(entry: object, where: str, index: int, last: int, previous_ms: int) -> int:
    """Check one entry at its position in the script; return its time."""
    timestamp_ms, action = _check_entry(entry, where)
    where = f"{where} ({action} at {timestamp_ms} ms)"
    if (index == 0) != (action == "start"):
        raise _wrong_key(f"{where}: the first entry, and only the first, must be start", action)
    if (index == last) != (action == "end"):
        raise _wrong_key(f"{where}: the last entry, and only the last, must be end", action)
    if index == 0 and timestamp_ms != 0:
        raise _wrong_value(f"{where}: start must be at 0 ms", _TIME)
    if timestamp_ms < previous_ms:
        raise _wrong_value(
            f"{where}: entries must be in time order, but the one before is at {previous_ms} ms", _TIME
        )
    if index == last and timestamp_ms == 0:
        raise _wrong_value(f"{where}: end must be later than start", _TIME)
    return timestamp_ms


def _check_entry(entry: object, where: str) -> tuple[int, str]:
    """Check one entry without its neighbours; return its time and the name of its action."""
    if not isinstance(entry, Mapping):
        raise OdysseyScriptError(f"{where}: an entry must be a mapping, not {_kind(entry)}")
    unknown = [key for key in entry if key != _TIME and key not in _ACTIONS]
    if unknown:
        raise _wrong_key(
            f"{where}: unknown key {unknown[0]!r}; known are {_TIME}, {', '.join(_ACTIONS)}", unknown[0]
        )
    timestamp_ms = entry.get(_TIME)
    if not isinstance(timestamp_ms, int) or isinstance(timestamp_ms, bool) or timestamp_ms < 0:
        raise _wrong_value(f"{where}: {_TIME} must be an integer of 0 or more, not {timestamp_ms!r}", _TIME)
    actions = [action for action in _ACTIONS if action in entry]
    if len(actions) != 1:
        found = " and ".join(actions) or "none"
        raise _wrong_key(
            f"{where}: exactly one of start, interact and end is needed, but it has {found}", *actions[1:2]
        )
    action = actions[0]
    _check_action(action, entry[action], f"{where} ({action} at {timestamp_ms} ms)")
    return timestamp_ms, action


def _check_action(action: str, fields: object, where: str) -> None:
    if not isinstance(fields, Mapping):
        raise _wrong_value(f"{where}: {action} must be a mapping, not {_kind(fields)}", action)
    known = {"start": ("prompt", "image"), "interact": ("prompt",), "end": ()}[action]
    unknown = [key for key in fields if key not in known]
    if unknown:
        raise _wrong_key(f"{where}: {action} has no field {unknown[0]!r}", action, unknown[0])
    if action == "end":
        return
    prompt = fields.get("prompt")
    if not isinstance(prompt, str):
        raise _wrong_value(f"{where}: a prompt is needed, as a string, not {_kind(prompt)}", action, "prompt")
    if not prompt.strip() and fields.get("image") is None:
        raise _wrong_value(f"{where}: the prompt is empty", action, "prompt")


def _wrong_value(text: str, *fields: object) -> OdysseyScriptError:
    """Return the error of a value of an entry, to which these keys lead."""
    error = OdysseyScriptError(text)
    error.fields = fields
    return error


def _wrong_key(text: str, *fields: object) -> OdysseyScriptError:
    """Return the error of a key of an entry: the last of these."""
    error = _wrong_value(text, *fields)
    error.is_key = True
    return error


def _check_url(script_url: object) -> None:
    if not isinstance(script_url, str):
        raise OdysseyScriptError(f"script_url must be a string, not {_kind(script_url)}")
    # The messages omit the URL, since a presigned URL is a secret.
    if len(script_url) > _MAX_URL_LENGTH:
        raise OdysseyScriptError(f"script_url must be a URL of at most {_MAX_URL_LENGTH} characters")
    if " " in script_url or not script_url.isprintable():  # `urlsplit` drops line breaks
        raise OdysseyScriptError("script_url must be a URL without white space and control characters")
    try:
        parts = urlsplit(script_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise OdysseyScriptError("script_url must be an absolute http or https URL")


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
