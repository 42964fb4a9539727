"""A script that breaks a rule is refused with the path and the rule."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.jobs.scripts import parse_script

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
END = {"timestamp_ms": 9000, "end": {}}


def interact(time: object, prompt: object = "it rains") -> dict[str, object]:
    return {"timestamp_ms": time, "interact": {"prompt": prompt}}


def test_a_script_has_the_same_wire_format_after_parsing() -> None:
    start = {"timestamp_ms": 0, "start": {"prompt": "", "image": "data:image/png;base64,AA=="}}
    wire = [start, interact(3000), interact(3000, "snow"), END]
    script = parse_script(wire)
    assert script.to_json() == wire
    assert script.duration_ms == 9000
    assert script.image == "data:image/png;base64,AA=="


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (None, "script: must be an array"),
        ([], "script: must be an array of entries, at least one"),
        ({"start": {}}, "script: must be an array"),
        (["start"], "script.0: must be an object"),
        ([END], "script.0: the first entry must be a start"),
        ([{**START, "timestamp_ms": 5}, END], "script.0: the first entry must be a start at timestamp_ms 0"),
        ([START], "script.0: the last entry must be an end"),
        ([START, interact(3000)], "script.1: the last entry must be an end"),
        ([START, {"timestamp_ms": 0, "end": {}}], "script.1: must end after it has started"),
        ([START, interact(5000), interact(4000), END], "script.2: entries must be in order"),
        ([START, END, END], "script.1: only interactions"),
        ([START, START, END], "script.1: only interactions"),
        ([START, interact(-1), END], "script.1.timestamp_ms: must not be negative"),
        ([START, interact(1.5), END], "script.1.timestamp_ms: must be an integer"),
        ([START, interact(True), END], "script.1.timestamp_ms: must be an integer"),
        ([START, interact(1000, None), END], "script.1.interact.prompt: field required"),
        ([START, interact(1000, 7), END], "script.1.interact.prompt: must be a string"),
        ([START, {"timestamp_ms": 1000}, END], "script.1: must have exactly one of"),
        ([START, {**interact(1000), "end": {}}, END], "script.1: must have exactly one of"),
        ([START, {"timestamp_ms": 1000, "interact": "x"}, END], "script.1.interact: must be an object"),
        ([START, {"timestamp_ms": 600_001, "end": {}}], "script.1: must end within 600000 ms"),
        ([START] + [interact(1)] * 1000 + [END], "at most 1000 entries"),
    ],
)
def test_an_invalid_script_is_refused(script: object, problem: str) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        parse_script(script)
    assert problem in str(refusal.value)
