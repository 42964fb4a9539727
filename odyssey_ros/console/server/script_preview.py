"""Checked script texts as bounded JSON values for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.console.server.script_images import is_data_url

if TYPE_CHECKING:
    from odyssey_ros.console.server.script_check import CheckedText, TextEntry, TextScript

MAX_ENTRIES: Final = 2000
"""Entries of a preview; the counts of the summary include all."""

MAX_PROMPT_LENGTH: Final = 300
"""Characters of a prompt in a preview."""


def preview_value(checked: CheckedText) -> dict[str, Any]:
    """Return the result of a check: `ok`, `errors`, `summary` and `scripts`.

    A script in `scripts` has `entries` only as long as the preview has room; `entry_count` counts all.
    """
    scripts = []
    room = MAX_ENTRIES
    for script in checked.scripts:
        scripts.append(_script_value(script, room))
        room -= min(room, len(script.entries))
    return {
        "ok": not checked.errors,
        "errors": [
            {"line": error.line, "column": error.column, "message": error.message} for error in checked.errors
        ],
        "summary": {
            "scripts": len(checked.scripts),
            "entries": sum(len(script.entries) for script in checked.scripts),
            "prompts": sum(len(script.entries) - 1 for script in checked.scripts),
            "duration_s": [script.duration_s for script in checked.scripts],
            "portrait": checked.portrait,
            "portrait_in_text": checked.portrait_in_text,
            "bypass_prompt_expansion": checked.bypass_prompt_expansion,
        },
        "scripts": scripts,
    }


def _script_value(script: TextScript, room: int) -> dict[str, Any]:
    return {
        "label": script.label,
        "repeat": script.repeat,
        "variables": {
            name: _shortened(value) if isinstance(value, str) else value
            for name, value in script.variables.items()
        },
        "duration_s": script.duration_s,
        "entry_count": len(script.entries),
        "entries": [_entry_value(entry) for entry in script.entries[:room]],
    }


def _entry_value(entry: TextEntry) -> dict[str, Any]:
    value: dict[str, Any] = {
        "timestamp_ms": entry.timestamp_ms,
        "action": entry.action,
        "prompt": _shortened(entry.prompt),
    }
    if entry.image is not None:
        value["image"] = "data URL" if is_data_url(entry.image) else entry.image
    return value


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_PROMPT_LENGTH else f"{text[:MAX_PROMPT_LENGTH]}…"
