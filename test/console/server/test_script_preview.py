"""Previews of checked scripts are bounded."""

from __future__ import annotations

from odyssey_ros.console.server import script_preview
from odyssey_ros.console.server.script_check import check_script_text
from odyssey_ros.console.server.script_preview import preview_value

ENTRIES = "".join(
    f"  - {{timestamp_ms: {index}, interact: {{prompt: p{index}}}}}\n" for index in range(1, 999)
)
LARGEST = (
    "repeats: 3\nscript:\n  - {timestamp_ms: 0, start: {prompt: x, image: s.png}}\n"
    f"{ENTRIES}  - {{timestamp_ms: 2000, end: {{}}}}\n"
)


def test_the_summary_counts_what_the_preview_leaves_out() -> None:
    value = preview_value(check_script_text(LARGEST, attached={"s.png"}))
    assert value["ok"]
    assert value["summary"] == {
        "scripts": 3,
        "entries": 3000,
        "prompts": 2997,
        "duration_s": [2.0] * 3,
        "portrait": False,
        "portrait_in_text": False,
        "bypass_prompt_expansion": None,
    }
    assert [len(script["entries"]) for script in value["scripts"]] == [1000, 1000, 0]
    assert [script["entry_count"] for script in value["scripts"]] == [1000] * 3
    assert value["scripts"][0]["entries"][0] == {
        "timestamp_ms": 0,
        "action": "start",
        "prompt": "x",
        "image": "s.png",
    }


def test_long_texts_are_cut() -> None:
    text = LARGEST.replace("prompt: x", f"prompt: {'x' * 500}").replace("s.png", '"data:;base64,aGk="')
    entry = preview_value(check_script_text(text))["scripts"][0]["entries"][0]
    assert entry["prompt"] == "x" * script_preview.MAX_PROMPT_LENGTH + "…"
    assert entry["image"] == "data URL"


def test_mistakes_are_listed() -> None:
    value = preview_value(check_script_text("script: x"))
    assert not value["ok"]
    assert value["errors"] == [
        {"line": 1, "column": 9, "message": "script must be a list of entries, not a text"}
    ]
