"""Hostile script texts are refused before they are expanded."""

from __future__ import annotations

import pytest

from odyssey_ros.console.server.script_check import check_script_text

END = ", {timestamp_ms: 1, end: {}}]"
ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def script(prompt: str, settings: str = "") -> str:
    """Return a text with one script."""
    return f'{settings}\nscript: [{{timestamp_ms: 0, start: {{prompt: "{prompt}"}}}}{END}'


LONG = "x" * 100_000
MANY = "x," * 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ALIASES, "more than 100000 values, aliases included"),
        ("[" * 100_000, "nested more than 64 levels deep"),
        ("{a: " * 1000, "nested more than 64 levels deep"),
        (script("p", "repeats: 101"), "101 scripts, but a job may have 100"),
        (
            script("p", f"variables: {{a: [{MANY}], b: [{MANY}]}}"),
            "1000000 scripts, but a job may have 100",
        ),
        ("script: [" + "{a: b}," * 1001 + "]", "script has 1001 entries, but a script may have 1000"),
        (script("{a}" * 10_000, f"variables: {{a: [{LONG}]}}"), "too large together"),
        (script("{a}" * 10_000, f"variables: {{a: [{'x,' * 100}]}}"), "too large together"),
        (script(LONG * 9, "repeats: 100"), "too large together"),
        ("script: &a [*a]", "contains itself"),
        ("é" * 600_000, "more than 1 MiB"),
    ],
)
def test_hostile_texts(text: str, message: str) -> None:
    checked = check_script_text(text)
    assert checked.scripts == ()
    assert message in checked.errors[0].message


def test_a_zip_sweep_counts_its_shortest_variable() -> None:
    values = "x," * 100
    checked = check_script_text(script("{a}{b}", f"variables: {{a: [{values}], b: [{values}]}}\nsweep: zip"))
    assert (len(checked.scripts), checked.errors) == (100, ())
    checked = check_script_text(script("{a}{b}", f"variables: {{a: [{values}], b: [x]}}\nsweep: zip"))
    assert "as many values" in checked.errors[0].message
