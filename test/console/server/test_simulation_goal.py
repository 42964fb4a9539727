"""The goal of a job: the scripts as messages, with their pictures."""

from __future__ import annotations

import pytest
from odyssey_ros.msg import ScriptEntry

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server import simulation_goal as module
from odyssey_ros.console.server.script_check import check_script_text
from odyssey_ros.console.server.simulation_goal import simulation_goal

TEXT = """\
bypass_prompt_expansion: false
portrait: true
variables: {from: ["data:image/png;base64,aGVsbG8=", start.png]}
script:
  - {timestamp_ms: 0, start: {prompt: a harbour, image: "{from}"}}
  - {timestamp_ms: 5000, interact: {prompt: rain}}
  - {timestamp_ms: 9000, end: {}}
"""


def test_the_messages() -> None:
    checked = check_script_text(TEXT, attached={"start.png"})
    goal = simulation_goal(checked, {"start.png": b"picture"})
    assert (goal.portrait, goal.bypass_prompt_expansion, len(goal.script)) == (True, 0, 0)
    first, second = goal.scripts
    assert [(entry.timestamp_ms, entry.action, entry.prompt) for entry in first.entries] == [
        (0, ScriptEntry.START, "a harbour"),
        (5000, ScriptEntry.INTERACT, "rain"),
        (9000, ScriptEntry.END, ""),
    ]
    assert bytes(first.entries[0].image.data) == b"hello"
    assert bytes(second.entries[0].image.data) == b"picture"
    assert not any(entry.image_path for script in goal.scripts for entry in script.entries)


@pytest.mark.parametrize(("line", "value"), [("true", 1), ("null", -1)])
def test_prompt_expansion(line: str, value: int) -> None:
    checked = check_script_text(
        TEXT.replace("expansion: false", f"expansion: {line}"), attached={"start.png"}
    )
    assert simulation_goal(checked, {"start.png": b"x"}).bypass_prompt_expansion == value


def test_jobs_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = check_script_text(TEXT, attached={"start.png"})
    monkeypatch.setattr(module, "MAX_JOB_BYTES", 1000)
    with pytest.raises(OdysseyError, match="at most 1000 are allowed") as refused:
        simulation_goal(checked, {"start.png": bytes(1000)})
    assert refused.value.code is ErrorCode.MESSAGE_TOO_LONG
