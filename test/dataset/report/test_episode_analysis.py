"""The analysis of an episode of the emulator: facts, prompts and findings; a broken bag is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.report.episode_analysis import EpisodeAnalysis, prompt_spans, unreadable
from odyssey_ros.dataset.report.report_file import PromptSpan, ReportFile
from synthetic_pictures import PERIOD_NS, labels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("images", ["h264", "jpeg"])
def test_an_episode_of_the_emulator(emulated_datasets: dict[str, Path], images: str) -> None:
    """Its second prompt changes the scene; five frames are too few for a finding."""
    (episode,) = stored_episodes(emulated_datasets[images])
    analysis = EpisodeAnalysis(episode)
    for picture in episode.pictures():
        analysis.add(picture)
    report = analysis.result()
    assert (report.frames, report.rate_hz, report.images) == (5, 20.0, images)
    assert report.sizes == ((1280, 704),)
    assert report.duration_s == pytest.approx(0.25)
    assert [(each.first, each.last, each.start_s, each.duration_s) for each in report.prompts] == [
        (0, 1, 0.0, 0.1),
        (2, 4, 0.1, 0.15),
    ]
    assert report.prompts[1].prompt.startswith("it “rains”")
    assert report.findings == ()
    assert len(report.crc32) == 8
    written = ReportFile({}, {episode.name: report})
    assert ReportFile.from_json(written.to_json()) == written


def test_the_report_of_a_broken_bag(emulated_datasets: dict[str, Path]) -> None:
    (episode,) = stored_episodes(emulated_datasets["h264"])
    report = unreadable(episode, EpisodeError(ErrorCode.BAG_BROKEN, "no bag"))
    assert report.error == "BAG_BROKEN: no bag"
    assert (report.frames, report.prompts, report.findings) == (5, (), ())


def test_prompts_that_come_back_are_spans_of_their_own() -> None:
    frames = [labels(number, prompt="ab a"[number // 2].strip()) for number in range(8)]
    assert prompt_spans(frames, PERIOD_NS / 1e9) == (
        PromptSpan("a", 0, 1, 0.0, 0.1),
        PromptSpan("b", 2, 3, 0.1, 0.1),
        PromptSpan("", 4, 5, 0.2, 0.1),
        PromptSpan("a", 6, 7, 0.3, 0.1),
    )
    assert prompt_spans([], 0.0) == ()
