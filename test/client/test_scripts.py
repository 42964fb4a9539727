"""Validation of scripts: every rule of the format, and the entry in the error."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.errors import OdysseyError, OdysseyScriptError
from odyssey_ros.client.scripts import check_script, check_scripts, check_sources

GOOD: list[dict[str, Any]] = [
    {"timestamp_ms": 0, "start": {"prompt": "A cat by a window"}},
    {"timestamp_ms": 3000, "interact": {"prompt": "It looks outside"}},
    {"timestamp_ms": 9000, "end": {}},
]

prompts = st.text(min_size=1).filter(lambda text: bool(text.strip()))


@st.composite
def scripts(draw: st.DrawFn) -> list[dict[str, Any]]:
    times = sorted(draw(st.lists(st.integers(0, 150_000), max_size=6)))
    middle = [{"timestamp_ms": at, "interact": {"prompt": draw(prompts)}} for at in times]
    start: dict[str, Any] = {"prompt": draw(prompts)}
    if draw(st.booleans()):
        start = {"prompt": draw(st.text()), "image": b"picture"}
    end_ms = draw(st.integers(max([1, *times]), 200_000))
    return [{"timestamp_ms": 0, "start": start}, *middle, {"timestamp_ms": end_ms, "end": {}}]


def _changed(index: int, **changes: Any) -> list[dict[str, Any]]:
    script = copy.deepcopy(GOOD)
    script[index] |= changes
    return script


def _replaced(index: int, entry: Any) -> list[Any]:
    script: list[Any] = copy.deepcopy(GOOD)
    script[index] = entry
    return script


@given(scripts())
def test_every_valid_script_passes(script: list[dict[str, Any]]) -> None:
    check_script(script)
    check_scripts([script, tuple(script)])


@given(scripts(), st.data())
def test_every_fault_is_refused_with_its_entry(script: list[dict[str, Any]], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(script) - 1))
    entry = script[index]
    action = next(key for key in entry if key != "timestamp_ms")
    faults = [
        "missing time",
        "negative time",
        "time as text",
        "missing action",
        "two actions",
        "unknown key",
        "not a mapping",
    ]
    if action != "end":
        faults += ["missing prompt", "prompt not a string"]
    if action == "interact":
        faults += ["blank prompt"]
    fault = data.draw(st.sampled_from(faults))
    if fault == "missing time":
        del entry["timestamp_ms"]
    elif fault == "negative time":
        entry["timestamp_ms"] = -1
    elif fault == "time as text":
        entry["timestamp_ms"] = str(entry["timestamp_ms"])
    elif fault == "missing action":
        del entry[action]
    elif fault == "two actions":
        entry["interact" if action != "interact" else "end"] = {"prompt": "x"} if action != "interact" else {}
    elif fault == "unknown key":
        entry["interract"] = {"prompt": "x"}
    elif fault == "not a mapping":
        entry[action] = data.draw(st.sampled_from([None, "text", 3, []]))
    elif fault == "missing prompt":
        del entry[action]["prompt"]
    elif fault == "prompt not a string":
        entry[action]["prompt"] = data.draw(st.sampled_from([None, 3, b"x"]))
    else:
        entry[action]["prompt"] = data.draw(st.sampled_from(["", "  ", "\n\t"]))
    with pytest.raises(OdysseyScriptError, match=rf"^script\[{index}\]"):
        check_script(script)


@given(scripts(), st.data())
def test_a_script_in_another_order_is_refused(script: list[dict[str, Any]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(script))
    times = [entry["timestamp_ms"] for entry in shuffled]
    if times == sorted(times) and "start" in shuffled[0] and "end" in shuffled[-1]:
        check_script(shuffled)
    else:
        with pytest.raises(OdysseyScriptError):
            check_script(shuffled)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (_changed(0, timestamp_ms=5), r"script\[0\] \(start at 5 ms\): start must be at 0 ms"),
        (_changed(1, timestamp_ms=9001), r"script\[2\] \(end at 9000 ms\): entries must be in time order"),
        (_changed(1, timestamp_ms=True), r"script\[1\]: timestamp_ms must be an integer"),
        (_changed(1, timestamp_ms=3000.0), r"script\[1\]: timestamp_ms must be an integer"),
        (_replaced(0, GOOD[1]), r"script\[0\] .*only the first, must be start"),
        (_replaced(1, GOOD[0] | {"timestamp_ms": 1}), r"script\[1\] .*only the first, must be start"),
        (_replaced(1, GOOD[2] | {"timestamp_ms": 1}), r"script\[1\] .*only the last, must be end"),
        (GOOD[:2], r"script\[1\] .*only the last, must be end"),
        (_changed(2, end={"prompt": "x"}), r"script\[2\] .*end has no field 'prompt'"),
        (_changed(1, interact={"prompt": "x", "image": "y"}), r"script\[1\] .*interact has no field 'image'"),
        (_changed(0, start={"prompt": ""}), r"script\[0\] .*the prompt is empty"),
        (_changed(0, start={"prompt": "", "image": None}), r"script\[0\] .*the prompt is empty"),
        (_replaced(1, "text"), r"script\[1\]: an entry must be a mapping, not str"),
        ([], "at least a start entry and an end entry, but has 0"),
        (GOOD[:1], "but has 1"),
        ("start", "must be a list of entries, not str"),
        ({"script": GOOD}, "must be a list of entries, not dict"),
        ([GOOD[0], {"timestamp_ms": 0, "end": {}}], r"script\[1\] \(end at 0 ms\): end must be later"),
    ],
)
def test_the_error_names_the_rule_and_the_entry(script: object, text: str) -> None:
    with pytest.raises(OdysseyScriptError, match=text):
        check_script(script)


def test_a_batch_names_the_script_and_the_entry() -> None:
    with pytest.raises(OdysseyScriptError, match=r"^scripts\[1\]\[2\] \(end at 9000 ms\): entries must"):
        check_scripts([GOOD, _changed(1, timestamp_ms=9001)])
    with pytest.raises(OdysseyScriptError, match="scripts is empty"):
        check_scripts([])
    with pytest.raises(OdysseyScriptError, match="scripts must be a list of scripts, not nothing"):
        check_scripts(None)


def test_the_numbers_of_scripts_and_entries_are_bounded() -> None:
    long = [GOOD[0], *[GOOD[1]] * 998, GOOD[-1]]
    check_script(long)
    check_scripts([GOOD] * 100)
    with pytest.raises(
        OdysseyScriptError, match="script has 1001 entries, but a script may have 1000: submit"
    ):
        check_script([*long, GOOD[-1]])
    with pytest.raises(OdysseyScriptError, match=r"scripts\[1\] has 1001 entries"):
        check_scripts([GOOD, [*long, GOOD[-1]]])
    with pytest.raises(OdysseyScriptError, match="scripts has 101 scripts, but a job may have 100: submit"):
        check_scripts([GOOD] * 101)


def test_exactly_one_source() -> None:
    check_sources(GOOD, None, None)
    check_sources(None, [GOOD, GOOD], None)
    check_sources(None, None, "https://example.com/script.json")
    with pytest.raises(OdysseyScriptError, match=r"exactly one of .* but got none"):
        check_sources(None, None, None)
    with pytest.raises(OdysseyScriptError, match="but got script and script_url"):
        check_sources(GOOD, None, "https://example.com/script.json")
    with pytest.raises(OdysseyScriptError, match=r"^scripts\[0\] must be a list"):
        check_sources(None, ["x"], None)


@pytest.mark.parametrize(
    "url",
    [
        *("", "script.json", "ftp://example.com/x", "https://", "https://[x", 3),
        *("http://\r\nX: y/", "https://example.com/a b", "https://example.com/\ud800"),
        "https://example.com/" + "a" * 5_000_000,
    ],
)
def test_a_script_url_must_be_absolute_http_and_is_not_quoted_in_the_error(url: object) -> None:
    with pytest.raises(OdysseyScriptError, match="script_url must be") as caught:
        check_sources(None, None, url)
    assert not url or str(url) not in str(caught.value)


def test_a_script_error_is_a_value_error() -> None:
    assert issubclass(OdysseyScriptError, (OdysseyError,))
    assert issubclass(OdysseyScriptError, (ValueError,))
