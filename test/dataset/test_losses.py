"""Kinds of losses, their texts, sums and documentation."""

from __future__ import annotations

import re
from pathlib import Path

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.losses import IncompleteDataError, Loss, combined, described, summary

PAGE = Path(__file__).parents[2] / "docs" / "dataset_content.md"


def test_the_page_lists_every_kind_in_the_order_of_the_enumeration() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Losses\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [str(loss) for loss in Loss]
    assert all(loss.text and not loss.text.endswith(".") for loss in Loss)


def test_sums_contain_only_what_occurred_in_the_order_of_the_names() -> None:
    total = combined(
        {Loss.SCRIPT_PROMPTS: 2, Loss.IGNORED_LOG_ENTRIES: 1},
        {Loss.IGNORED_LOG_ENTRIES: 3, Loss.FRAME_COUNT_DIFFERENCE: 0},
        {},
    )
    assert list(total.items()) == [("ignored_log_entries", 4), ("script_prompts", 2)]
    assert all(type(name) is str for name in total)


def test_the_summary_is_one_line_with_all_kinds_and_no_line_without_losses() -> None:
    assert summary([]) is None
    assert summary([{}, {}]) is None
    line = summary([{"guessed_start": 1, "script_prompts": 2}, {}, {"script_prompts": 3}])
    assert line == (
        "data was lost or guessed in 2 of 3 episodes: guessed_start 1 (episodes: 1), "
        "script_prompts 5 (episodes: 2)"
    )


def test_a_text_names_each_kind_also_one_of_a_newer_version() -> None:
    text = described({"guessed_start": 1, "other": 2})
    assert text == f"guessed_start: 1 ({Loss.GUESSED_START.text}); other: 2 (unknown to this version)"


def test_the_error_of_a_strict_run_has_a_code_and_the_losses() -> None:
    error = IncompleteDataError({"script_prompts": 2})
    assert (error.code, error.retryable) == (ErrorCode.INCOMPLETE_DATA, False)
    assert error.losses == {"script_prompts": 2}
    assert Loss.SCRIPT_PROMPTS.text in error.message
    assert "--strict" in error.message
