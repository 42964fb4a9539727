"""Numbers in texts of users."""

from __future__ import annotations

import math

import pytest

from odyssey_ros.number_text import decimal_number, whole_number


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-7", -7), ("+12", 12), ("007", 7), (" 5\n", 5)])
def test_whole_numbers(text: str, value: int) -> None:
    assert whole_number(text) == value


@pytest.mark.parametrize(
    "text", ["", "1_0", "１２", "٣", "0x10", "0o7", "1.0", "1e3", "--1", "nan", "9" * 5000, "1 2"]
)
def test_texts_that_are_no_whole_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number in decimal digits$"):
        whole_number(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("-7.5", -7.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("inf", math.inf)],
)
def test_numbers(text: str, value: float) -> None:
    assert decimal_number(text) == value


@pytest.mark.parametrize("text", ["", "1_0", "1_0.5", "１.5", "٣", "0x10", "12:30", "1,5", "1 2"])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|convert"):
        decimal_number(text)
