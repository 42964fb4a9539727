"""Values of script files: prompts are what the user wrote; ambiguous numbers and booleans are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.plan_notes import prompts_of
from odyssey_ros.dataset.scripts.plans import EpisodePlan, read_plans

if TYPE_CHECKING:
    from pathlib import Path

END = "  - {timestamp_ms: 900, end: {}}\n"


def _plans(folder: Path, text: str | bytes, name: str = "walk.yaml") -> list[EpisodePlan]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_plans([path])


def _swept(values: str) -> str:
    return (
        f'variables:\n  a: {values}\nscript:\n  - {{timestamp_ms: 0, start: {{prompt: "in {{a}}."}}}}\n{END}'
    )


def _prompted(prompt: str) -> str:
    return f"script:\n  - timestamp_ms: 0\n    start:\n      prompt: {prompt}\n{END}"


def _prompt(plan: EpisodePlan) -> str:
    return next(prompts_of(plan.script))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("On", "On"),
        ("y", "y"),
        ("true", True),
        ("False", "False"),
        ("007", "007"),
        ("7", 7),
        ("-3", -3),
        ("-0", "-0"),
        ("+7", "+7"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("0b11", "0b11"),
        ("12:30:45", "12:30:45"),
        ("2026-11-28", "2026-11-28"),
        ("2026-11-28 12:00:00", "2026-11-28 12:00:00"),
        (".inf", ".inf"),
        (".NaN", ".NaN"),
        ("nan", "nan"),
        ("1.0", 1.0),
        ("1.50", "1.50"),
        ("2.5", 2.5),
        ("1.", "1."),
        (".5", ".5"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("=", "="),
        ("<<", "<<"),
        ("１２", "１２"),
        ("'NO'", "NO"),
        ('"7"', "7"),
        ('"true"', "true"),
        ("!!str 007", "007"),
        ("! 7", "7"),
        ('"null"', "null"),
        ('""', ""),
        ("&b NO", "NO"),
        ("e\u0301", "e\u0301"),
        ("\u00e9", "\u00e9"),
        ('"a\\u2028b"', "a\u2028b"),
        ('"a\\tb"', "a\tb"),
    ],
)
def test_a_value_of_a_sweep_is_the_text_as_written(written: str, value: object, tmp_path: Path) -> None:
    (plan,) = _plans(tmp_path, _swept(f"[{written}]"))
    text = json.dumps(value) if not isinstance(value, str) else value
    assert _prompt(plan) == f"in {text}."
    assert plan.variables == {"a": value}
    assert type(plan.variables["a"]) is type(value)
    if written[0] not in "!&<":
        (as_prompt,) = _plans(tmp_path, _prompted(written)) if value else [None]
        assert as_prompt is None or _prompt(as_prompt) == text


def test_values_that_yaml_takes_for_equal_stay_apart(tmp_path: Path) -> None:
    plans = _plans(tmp_path, _swept("[7, 007, 0x7, 1, 1.0, true, yes, NO, false, off, 'No']"))
    assert [_prompt(plan) for plan in plans] == [
        f"in {text}." for text in ["7", "007", "0x7", "1", "1.0", "true", "yes", "NO", "false", "off", "No"]
    ]
    assert len({plan.name for plan in plans}) == 11
    assert not any(plan.same_as for plan in plans)


@pytest.mark.parametrize(
    ("block", "prompt"),
    [
        ("|\n        a  \n        b\n", "a  \nb\n"),
        ("|-\n        a\n        b\n", "a\nb"),
        ("|+\n        a\n", "a\n\n"),
        (">\n        a\n        b\n", "a b\n"),
        ("007 and\n        NO\n", "007 and NO"),
        ("12:30 # noon\n", "12:30"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_blocks_line_ends_and_encodings(
    block: str, prompt: str, line_end: str, encoding: str, tmp_path: Path
) -> None:
    text = _prompted(block).replace("\n", line_end)
    (plan,) = _plans(tmp_path, text.encode(encoding))
    assert _prompt(plan) == prompt


def test_merge_keys_and_keys_that_yaml_takes_for_other_values(tmp_path: Path) -> None:
    plans = _plans(
        tmp_path,
        'variables: {on: [NO], no: [1]}\nscript:\n  - {timestamp_ms: 0, start: &s {prompt: "{on} {no}"}}\n'
        "  - {<<: &t {timestamp_ms: 300, interact: *s}, timestamp_ms: 500}\n"
        "  - {<<: [*t, {timestamp_ms: 7}], timestamp_ms: 600}\n" + END,
    )
    (plan,) = plans
    assert plan.script[1] == {"timestamp_ms": 500, "interact": {"prompt": "NO 1"}}
    assert plan.script[2] == {"timestamp_ms": 600, "interact": {"prompt": "NO 1"}}
    assert plan.variables == {"on": "NO", "no": 1}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        *(
            (
                f"portrait: {value}\n{_prompted('x')}",
                f"line 1, column 11: portrait must be true or false, not '{value}'",
            )
            for value in ("yes", "no", "On", "off", "y", "1", "tRue")
        ),
        ("portrait: 'true'\n" + _prompted("x"), "portrait must be true or false without quotes, not 'true'"),
        ("portrait: [true]\n" + _prompted("x"), "portrait must be true or false, not a list"),
        (
            "bypass_prompt_expansion: no\n" + _prompted("x"),
            "column 26: bypass_prompt_expansion must be true or",
        ),
        *(
            (
                f"repeats: {value}\n{_prompted('x')}",
                f"line 1, column 10: repeats must be a whole number .* not '{value}'",
            )
            for value in ("1_0", "02", "0x2", "2.0", "1e1", "0:2", "２", "'x'"[1:-1])
        ),
        *(
            (
                f"script:\n  - {{timestamp_ms: 0, start: {{prompt: x}}}}\n  - {{timestamp_ms: {value}}}\n",
                f"line 3, column 20: script.1.: timestamp_ms must be a whole number .*, not '{value}'",
            )
            for value in ("1_000", "0o17", "017", "12:30", "0x1F", "1e3", "9.0", "~", "９")
        ),
        (
            "script:\n  - {timestamp_ms: 0, start: {prompt: x}}\n  - {timestamp_ms: '900', end: {}}\n",
            "timestamp_ms must be a whole number in decimal digits, such as 5000 without quotes, not '900'",
        ),
        (
            'variables:\n  t: [\n   1_000]\nscript: [{timestamp_ms: 0, }, {timestamp_ms: "{t}"}]',
            "line 3, column 4: script.1.: timestamp_ms must be .* '1_000'",
        ),
        (
            _prompted("~"),
            "line 4, column 15: script.0.: prompt must be a text, but '~' means that there is none",
        ),
        (_prompted("null"), 'write "" for an empty text, or "null" for this word'),
        (
            _prompted(""),
            'line 4, column 14: script.0.: prompt must be a text, but it is missing: write "" for',
        ),
        (_prompted("{a}"), "must be a text, not a mapping: put a text that begins with { or . in quotes"),
        (_prompted("[a]"), "must be a text, not a list"),
        (
            _prompted('"a\\0b"'),
            r"prompt has the control character U\+0000, which no label can hold: remove it",
        ),
        (_prompted('"a\\x1b[1m"'), r"control character U\+001B"),
        (
            _prompted("a\u2028b"),
            r'line 4, column 16: U\+2028 ends a line in some .* write "\\u2028" in double quotes',
        ),
        (_prompted("'a\u0085b'"), r"U\+0085 ends a line"),
        (_prompted("!!int 5"), "line 4, column 15: the tag !!int is not read in script files: remove it"),
        (_prompted("!!binary aGk="), "the tag !!binary is not read"),
        (_prompted("!own x"), "the tag !own is not read"),
        (_prompted("a\tb"), "line 4, column 16: "),
        (
            _swept("[NO, null]"),
            "line 2, column 11: a value of the variable 'a' must be a text, but 'null' means",
        ),
        (
            _swept("[{b: c}]"),
            "line 2, column 7: a value of the variable 'a' must be a text or a number, not a map",
        ),
        (_swept("{b: c}"), "line 2, column 6: the variable 'a' needs a list"),
        (
            _swept("[x]") + "variables: {}\n",
            "line 6, column 1: the key 'variables' is already in line 1, column 1",
        ),
        (
            _prompted("x\n      prompt: y"),
            "line 5, column 7: the key 'prompt' is already in line 4, column 7: remove",
        ),
        (_prompted('x\n      "prompt": y'), "the key 'prompt' is already in line 4, column 7"),
        (
            _prompted("x\n      <<: {}\n      <<: {}"),
            "line 6, column 7: the key '<<' is already in line 5, column 7",
        ),
        (_prompted("x\n      <<: [x]"), "<< needs a mapping or a list of mappings"),
        ("? [a]\n: b\n", "line 1, column 3: a key must be a text, not a list"),
        ("on: 1\n" + _prompted("x"), "line 1, column 1: unknown key 'on'; known are"),
        ("1: 1\n" + _prompted("x"), "unknown key '1'; known are"),
        ("~: 1\n" + _prompted("x"), "unknown key '~'; known are"),
        ("variables: {1: [x]}\n" + _prompted("x"), "column 13: a variable's name is letters, .* not '1'"),
        (_prompted("x") + "---\nscript: []\n", "line 6, column 1: a second document begins here"),
        ("script: {timestamp_ms: 0}\n", "line 1, column 9: script must be a list of entries, not a mapping"),
        ("", "a script file holds a script"),
        ("~", "a script file holds a script"),
    ],
)
def test_what_is_ambiguous_is_refused_with_place_and_remedy(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=error) as caught:
        _plans(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'walk.yaml'}: ")


JSON = '{"script": [{"timestamp_ms": 0, "start": {"prompt": %s}},\n{"timestamp_ms": 900, "end": {}}]}'
JSON_SWEEP = '{"variables": {"a": [%s]},\n "script": [{"timestamp_ms": 0, "start": {"prompt": %s}},\n%s]}'
JSON_END = '  {"timestamp_ms": 900, "end": {}}'


@pytest.mark.parametrize(
    ("written", "text", "value"),
    [
        ("1.0", "1.0", 1.0),
        ("1", "1", 1),
        ('"1"', "1", "1"),
        ("1e3", "1e3", "1e3"),
        ("-0", "-0", "-0"),
        ("1.10", "1.10", "1.10"),
        ("true", "true", True),
        ('"NO"', "NO", "NO"),
        ('"a\\u2028\\ud83d\\ude00"', "a\u2028\U0001f600", "a\u2028\U0001f600"),
        ('"\u2028"', "\u2028", "\u2028"),
    ],
)
def test_values_of_json_are_texts_as_written(written: str, text: str, value: object, tmp_path: Path) -> None:
    for mark in ("", "\ufeff"):
        document = mark + JSON_SWEEP % (written, '"in {a}."', JSON_END)
        (plan,) = _plans(tmp_path, document, "walk.json")
        assert _prompt(plan) == f"in {text}."
        assert plan.variables == {"a": value}
        assert type(plan.variables["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            JSON % "true",
            "line 1, column 53: script.0.: a prompt is a string: write true in",
        ),
        (JSON % "5", "a prompt is a string: write 5 in double quotes"),
        (
            JSON % "null",
            "prompt must be a text, but 'null' means that there is none",
        ),
        (
            JSON_SWEEP % ("null", '"{a}"', JSON_END),
            "line 1, column 22: a value of the variable 'a' must be a text",
        ),
        (JSON_SWEEP % ("NaN", '"{a}"', JSON_END), "NaN is not JSON: put it in quotes"),
        (
            JSON_SWEEP % ('"x"', '"{a}"', '\n {"timestamp_ms": 900.0, "end": {}}'),
            r"line 4, column 19: script.1.: timestamp_ms must be a whole number .* '900.0'",
        ),
        (JSON_SWEEP % ('"x"', '"{a}"', ' {"timestamp_ms": "900", "end": {}}'), "without quotes, not '900'"),
        (
            '{"portrait": true,\n"portrait": false, "script": []}',
            "line 2, column 1: the key 'portrait' is already in line 1, column 2: remove one of the two",
        ),
        ('{"portrait": 1, "script": []}', "line 1, column 14: portrait must be true or false, not '1'"),
        ('{"script": []} {}', "line 1, column 16: Extra data"),
    ],
)
def test_what_json_leaves_open_is_refused(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=error):
        _plans(tmp_path, text, "walk.json")


def test_names_of_unambiguous_scripts_are_those_of_earlier_versions(tmp_path: Path) -> None:
    """These names were printed by the version that read the values of YAML with types."""
    text = (
        'variables:\n  animal: [a fox, 3, 2.5, "7"]\n  at: [1000, 1500]\nscript:\n'
        '  - {timestamp_ms: 0, start: {prompt: "{animal} in größer rain"}}\n'
        '  - {timestamp_ms: "{at}", interact: {prompt: "the rain stops"}}\n'
        "  - {timestamp_ms: 9000, end: {}}\n"
    )
    plans = _plans(tmp_path, text, "scripts_stable.yaml")
    assert [plan.name.removeprefix("scripts_stable-") for plan in plans] == [
        "24663c86b3a1",
        "3d3edab8383d",
        "5dfbe3d2dbc5",
        "b03e36853619",
        "2ca01f84c189",
        "a7358a0f9ab7",
        "4c6c0ef4a0d9",
        "93d4022e89c2",
    ]
    assert plans[2].variables == {"animal": 3, "at": 1000}
