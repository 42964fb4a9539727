"""Script texts: their mistakes with line and column, and the same scripts as the dataset tool makes."""

from __future__ import annotations

import builtins
import os
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.console.server.script_check import TextEntry, check_script_text
from odyssey_ros.dataset.scripts.plans import read_plans

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.console.server.script_check import CheckedText

SCRIPT = """\
script:
  - {timestamp_ms: 0, start: {prompt: "a harbour"}}
  - {timestamp_ms: 5000, interact: {prompt: "rain"}}
  - {timestamp_ms: 9000, end: {}}
"""
SWEEP = """\
portrait: true
bypass_prompt_expansion: true
repeats: 2
variables:
  animal: [a fox, NO, 007]
  at: [3000, 4000]
scripts:
  - - {timestamp_ms: 0, start: {prompt: "{animal} in {{braces}}"}}
    - {timestamp_ms: "{at}", interact: {prompt: "x"}}
    - {timestamp_ms: 9000, end: {}}
  - - timestamp_ms: 0
      start: {prompt: "", image: "data:image/png;base64,aGVsbG8="}
    - timestamp_ms: 10
      end: {}
"""
ZIP = SWEEP.replace("at: [3000, 4000]", "at: [3000, 4000, 5000]\nsweep: zip")
JSON = """{"script": [{"timestamp_ms": 0, "start": {"prompt": "007"}}, {"timestamp_ms": 1, "end": {}}]}"""


def submitted(checked: CheckedText) -> list[Any]:
    """Return what a job would contain."""

    def entry(one: TextEntry) -> dict[str, Any]:
        fields: dict[str, Any] = {} if one.action == "end" else {"prompt": one.prompt}
        if one.image is not None:
            fields["image"] = one.image
        return {"timestamp_ms": one.timestamp_ms, one.action: fields}

    return [
        (tuple(map(entry, script.entries)), checked.portrait, checked.bypass_prompt_expansion)
        for script in checked.scripts
    ]


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", SCRIPT), ("a.yaml", SWEEP), ("a.yml", ZIP), ("a.json", JSON)]
)
def test_the_scripts_are_those_of_the_dataset_tool(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    plans = read_plans([tmp_path / name], portrait=False)
    checked = check_script_text(text, name=name)
    assert checked.errors == ()
    assert submitted(checked) == [
        (plan.script, plan.portrait, plan.bypass_prompt_expansion) for plan in plans
    ]
    assert [dict(script.variables) for script in checked.scripts] == [dict(plan.variables) for plan in plans]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (SCRIPT.replace("5000", "10000"), 4, 20, "entries must be in time order"),
        (SCRIPT.replace("9000", "0").replace("5000", "0"), 4, 20, "end must be later than start"),
        (SCRIPT.replace("interact", "start"), 3, 26, "only the first, must be start"),
        (SCRIPT.replace("5000", "5_000"), 3, 20, "must be a whole number"),
        (SCRIPT.replace('"rain"', '""'), 3, 45, "the prompt is empty"),
        (SCRIPT.replace('"rain"', "[rain]"), 3, 45, "must be a text, not a list"),
        (SCRIPT.replace("interact: {prompt", "interact: {promt"), 3, 37, "no field 'promt'"),
        (SCRIPT.replace("timestamp_ms: 5000, ", ""), 3, 5, "timestamp_ms must be an integer"),
        (SCRIPT.replace("interact: {", "interact: {}, end: {"), 3, 40, "exactly one of start, interact"),
        (SCRIPT.replace("script:", "scrpt:"), 1, 1, "unknown key 'scrpt'"),
        (SCRIPT.replace("}}\n  - {timestamp_ms: 9", "}\n  - {timestamp_ms: 9"), 4, 3, "expected ',' or '}'"),
        (f"portrait: yes\n{SCRIPT}", 1, 11, "portrait must be true or false"),
        (f"variables: {{a: [1]}}\n{SCRIPT}", 1, 17, "the variable 'a' is not used"),
        (f"variables: {{a: [1]}}\n{SCRIPT}".replace("rain", "{b} {a}"), 4, 45, "names 'b'"),
        (SWEEP.replace("3000", "9999"), 10, 22, "(with animal='a fox', at='9999')"),
        ("\tscript: x", 1, 1, "cannot start any token"),
        ("a\x07b", 1, 2, "unacceptable character"),
        ("a: x\u2028y", 1, 5, "U+2028 ends a line"),
        ("", None, None, "a script file holds a script"),
        ("script: text", 1, 9, "must be a list of entries, not a text"),
        ("scripts: [[], 1]", 1, 11, "needs at least a start entry"),
        ("x" * 1_048_577, None, None, "more than 1 MiB"),
    ],
)
def test_mistakes_have_their_place(text: str, line: int | None, column: int | None, message: str) -> None:
    checked = check_script_text(text)
    error = checked.errors[0]
    assert message in error.message
    assert (error.line, error.column) == (line, column)
    assert str(line) not in error.message[:8]


def test_each_script_has_its_mistake() -> None:
    text = SWEEP.replace("9000, end", "2000, end").replace("timestamp_ms: 10\n", "timestamp_ms: 0\n")
    assert [error.line for error in check_script_text(text).errors] == [10, 13]
    many = "scripts:\n" + "  - []\n" * 50
    assert len(check_script_text(many).errors) == 20


def test_a_json_mistake_has_its_place() -> None:
    error = check_script_text('{"a": \n ,}', name="x.json").errors[0]
    assert (error.line, error.column, error.message) == (2, 2, "Expecting value")


def test_the_text_decides_the_orientation_if_it_does() -> None:
    assert not check_script_text(SCRIPT).portrait
    assert check_script_text(SCRIPT, portrait=True).portrait
    checked = check_script_text(f"portrait: false\n{SCRIPT}", portrait=True)
    assert (checked.portrait, checked.portrait_in_text) == (False, True)


def test_long_prompts_are_refused_at_their_place() -> None:
    assert check_script_text(SCRIPT, max_prompt_length=9).errors == ()
    error = check_script_text(SCRIPT, max_prompt_length=8).errors[0]
    assert (error.line, error.column) == (2, 39)
    assert "has 9 characters, but at most 8" in error.message


@pytest.mark.parametrize(
    "image",
    ["/etc/passwd", "~/x.png", "../x.png", "a\\b.png", "start.png", "file:///etc/passwd", "/dev/zero"],
)
def test_no_file_is_opened(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to see whether it exists."""

    def refuse(*arguments: Any, **_: Any) -> Any:
        pytest.fail(f"opened {arguments}")

    text = SCRIPT.replace('"a harbour"', f'"a harbour", image: "{image}"'.replace("\\", "\\\\"))
    with monkeypatch.context() as patch:
        for owner, name in ((builtins, "open"), (os, "open"), (os, "stat"), (os, "lstat")):
            patch.setattr(owner, name, refuse)
        checked = check_script_text(text, name="/etc/hosts.yaml")
    assert checked.scripts == ()
    assert (checked.errors[0].line, checked.errors[0].column) == (2, 59)
    assert "attach" in checked.errors[0].message


def test_attached_pictures_are_found_by_their_names() -> None:
    text = SCRIPT.replace('"a harbour"', '"a harbour", image: start.png')
    checked = check_script_text(text, attached={"start.png"})
    assert checked.scripts[0].entries[0].image == "start.png"
    assert checked.scripts[0].duration_s == 9.0


def test_long_messages_are_cut() -> None:
    assert len(check_script_text(f"portrait: {'x' * 10_000}\n{SCRIPT}").errors[0].message) <= 501
