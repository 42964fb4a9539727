"""The report's file: what was written is read again, and nothing else is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.report_file import (
    REPORT_PATH,
    EpisodeReport,
    PromptSpan,
    ReportFile,
    ReportFileError,
    read_report,
)

if TYPE_CHECKING:
    from pathlib import Path

REPORT = ReportFile(
    {"cut_change": 1.5, "black_level": 24.0},
    {
        "walk \ud800": EpisodeReport("00c0ffee", 2, "s", "jpeg", (), 0, 0.1, 0.0, error="broken"),
        "walk": EpisodeReport(
            "0123abcd",
            40,
            "stream",
            "h264",
            ((1280, 704),),
            5,
            2.0,
            20.0,
            (PromptSpan("a fox", 0, 19, 0.0, 1.0), PromptSpan("“rain”", 20, 39, 1.0, 1.0)),
            (Finding(3, 4, FindingKind.FROZEN, "still"),),
            {"clamped_times": 1},
        ),
    },
)


def test_a_written_report_is_read_again() -> None:
    assert ReportFile.from_json(REPORT.to_json()) == REPORT
    assert ReportFile.from_json(REPORT.to_json({"episodes": 2})) == REPORT


def test_equal_reports_have_equal_bytes() -> None:
    turned = ReportFile(dict(reversed(REPORT.thresholds.items())), dict(reversed(REPORT.episodes.items())))
    assert turned.to_json() == REPORT.to_json()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("format",), True),
        (("more",), 1),
        (("thresholds", "cut_change"), "1.5"),
        (("thresholds", "cut_change"), float("nan")),
        (("thresholds", "cut_change"), True),
        (("thresholds", "cut_change"), 10**400),
        (("episodes",), []),
        (("episodes", "walk", "crc32"), "0123ABCD"),
        (("episodes", "walk", "frames"), -1),
        (("episodes", "walk", "frames"), 39),  # a prompt ends at 39
        (("episodes", "walk", "sizes"), [[1280]]),
        (("episodes", "walk", "more"), 1),
        (("episodes", "walk", "losses"), {"clamped_times": 1.5}),
        (("episodes", "walk", "prompts", 0, "first"), 20),
        (("episodes", "walk", "findings", 0, "kind"), "unheard"),
        (("episodes", "walk", "findings", 0, "last"), 40),
        (("episodes", "walk", "findings", 0, "text"), None),
    ],
)
def test_what_is_no_report_is_refused(path: tuple[Any, ...], value: object) -> None:
    content = json.loads(REPORT.to_json())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ReportFileError, match=r"format|damaged"):
        ReportFile.from_json(json.dumps(content).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"[" * 100_000, REPORT.to_json()[:-40]])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ReportFileError, match="damaged"):
        ReportFile.from_json(data)


def test_an_error_names_the_file(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    path = tmp_path / REPORT_PATH
    path.mkdir(parents=True)
    with pytest.raises(ReportFileError, match=r"report\.json: "):
        read_report(tmp_path)
    path.rmdir()
    path.write_bytes(b"{}")
    with pytest.raises(
        ReportFileError,
        match=r"report\.json: .* damaged\. Run `odyssey-dataset report .*` again",
    ):
        read_report(tmp_path)
    path.write_bytes(REPORT.to_json())
    assert read_report(tmp_path) == REPORT
