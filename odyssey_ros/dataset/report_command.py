"""The command `report`: a page about the episodes of a dataset folder, and the same as JSON."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.engines.engine_options import selected_engine
from odyssey_ros.dataset.engines.task_engine import LostTaskError, finished_tasks
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.progress import BarProgress
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.report.episode_task import EpisodeTask, failed, report_episode
from odyssey_ros.dataset.report.page import write_pages
from odyssey_ros.dataset.report.page_episode import episode_section
from odyssey_ros.dataset.report.report_file import ReportFile
from odyssey_ros.dataset.report.report_folder import ReportFolder
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from odyssey_ros.dataset.report.totals import totals_json, totals_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
    from odyssey_ros.dataset.report.episode_record import EpisodeRecord

_DONE: Final = 0
_INCOMPLETE: Final = 1


def run_report(arguments: argparse.Namespace, console: Console) -> int:
    """Write the report; return 0, or 1 if an episode could not be read.

    Raises:
        PlanError: The folder has no manifest.
        StateError: The report cannot be written.
    """
    # The processes of a cluster have other working directories.
    episodes = stored_episodes(arguments.folder.absolute())
    output: Path = arguments.output or arguments.folder / "report"
    thresholds = THRESHOLDS.to_json()
    records: dict[str, EpisodeRecord] = {}
    sizes: dict[str, int] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(ReportFolder(output, thresholds))
        waiting: list[StoredEpisode] = []
        for episode in episodes:
            record = folder.record_of(episode)
            if record is None:
                waiting.append(episode)
            else:
                records[episode.name], sizes[episode.name] = _counted(record)
        progress = stack.enter_context(BarProgress(console)) if console.is_terminal else None
        if progress is not None:
            progress.start(len(episodes), len(records))
        if waiting:
            engine = stack.enter_context(selected_engine(arguments))
            for record in _records(engine, waiting):
                folder.keep(record)
                records[record.name], sizes[record.name] = _counted(record)
                name, error = clean_text(record.name), clean_text(record.report.error)
                if error and progress is not None:
                    progress.failed(name, error)
                elif error:
                    console.print(
                        f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True
                    )
                elif progress is not None:
                    progress.finished(name, f"{len(record.report.findings)} findings")
        ordered = [records[episode.name] for episode in episodes]
        page, parts = write_pages(
            arguments.folder.resolve().name,
            ordered,
            [sizes[record.name] for record in ordered],
            thresholds,
            load=lambda record: folder.kept(record.name, record.report.crc32),
            add_part=folder.add_part,
        )
        report = ReportFile(thresholds, {record.name: record.report for record in ordered})
        folder.publish(page, report.to_json(totals_json(totals_of(ordered))), parts, records)
    return _conclude(ordered, output)


def _records(engine: TaskEngine, episodes: list[StoredEpisode]) -> Iterator[EpisodeRecord]:
    """Yield the record of each episode, as they are finished."""
    tasks = (EpisodeTask(episode, THRESHOLDS) for episode in episodes)
    for task, future in finished_tasks(engine, report_episode, tasks):
        try:
            yield future.result()
        except LostTaskError as error:  # noqa: PERF203 -- a task takes seconds
            yield failed(task.episode, EpisodeError(ErrorCode.INTERNAL, str(error)))


def _counted(record: EpisodeRecord) -> tuple[EpisodeRecord, int]:
    return record.without_thumbnails(), len(episode_section(record))


def _conclude(records: list[EpisodeRecord], output: Path) -> int:
    findings = sum(len(record.report.findings) for record in records)
    flagged = sum(bool(record.report.findings) for record in records)
    failed = sum(bool(record.report.error) for record in records)
    sys.stdout.write(
        f"{len(records)} episodes, {findings} findings in {flagged} episodes, {failed} unreadable: "
        f"{output / 'index.html'}\n"
    )
    return _INCOMPLETE if failed else _DONE
