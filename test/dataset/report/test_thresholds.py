"""The thresholds: the report repeats all of them, and the docs name each with its value."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

from odyssey_ros.dataset.report.thresholds import THRESHOLDS, Thresholds


def test_the_report_has_all_thresholds() -> None:
    assert THRESHOLDS.to_json().keys() == {field.name for field in fields(Thresholds)}
    assert THRESHOLDS.to_json()["moved_level"] == THRESHOLDS.moved_level


def test_the_docs_name_each_threshold_with_its_value() -> None:
    text = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^### Thresholds$(.*?)^##", text, re.MULTILINE | re.DOTALL)
    values = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", section, re.MULTILINE))
    assert {name: f"{value:g}" for name, value in THRESHOLDS.to_json().items()} == values


def test_the_docstring_explains_each_threshold() -> None:
    text = inspect.getdoc(Thresholds)
    assert text is not None
    for field in fields(Thresholds):
        assert re.search(rf"^    {field.name}: ", text, re.MULTILINE), field.name
