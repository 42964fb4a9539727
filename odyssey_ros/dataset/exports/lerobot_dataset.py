"""Exports a dataset folder as LeRobotDataset v3.0: tasks make the episodes, and one process adds them.

Episodes are added in the order of their names, several at a time. What is added once is never changed, so a
dataset can grow while it is used. A run that was killed leaves a dataset without the episodes that were
not added yet; the next run adds them, and uses those that are staged.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.engines.task_engine import LostTaskError, finished_tasks
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError, StateError, disk_error
from odyssey_ros.dataset.exports.export_commit import ExportCommit, finish_commit
from odyssey_ros.dataset.exports.lerobot_episode import (
    EpisodeTask,
    crc32_of_bag,
    export_episode,
    read_staged,
)
from odyssey_ros.dataset.exports.lerobot_state import DatasetState
from odyssey_ros.dataset.file_names import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path, PurePosixPath

    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.exports.export_folder import ExportFolder
    from odyssey_ros.dataset.exports.export_places import ExportPlaces
    from odyssey_ros.dataset.exports.lerobot_episode import StagedEpisode
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

# The small files are written again with each commit, so a commit waits until it is worth it.
_MIN_BETWEEN_COMMITS_S: Final = 1.0
_MAX_SHARE_OF_COMMITS: Final = 0.05
_MAX_EPISODES_OF_COMMIT: Final = 500


@dataclass(slots=True)
class ExportOutcome:
    """What a run did.

    Attributes:
        added: Number of episodes that were added.
        present: Number of episodes that were there already.
        failures: The errors of the episodes that could not be exported, by name.
        repeated_frames: Number of frames of added episodes that fill gaps.
        datasets: Number of episodes and frames of each dataset, by place.
    """

    added: int = 0
    present: int = 0
    failures: dict[str, EpisodeError] = field(default_factory=dict)
    repeated_frames: int = 0
    datasets: dict[PurePosixPath, tuple[int, int]] = field(default_factory=dict)


class LeRobotExport:
    """An export to one output folder.

    Args:
        export: The output folder, locked.
        places: Where the episodes go.
        gop: Distance between key frames in frames, or None to copy the H.264 of the bags.
        resample: The constant frame rate to be made in Hz, or None to refuse episodes without one.
        version: Version of this package, for the card.
        progress: Receives the progress.
    """

    def __init__(
        self,
        export: ExportFolder,
        places: ExportPlaces,
        *,
        gop: int | None,
        resample: int | None,
        version: str,
        progress: ProgressDisplay,
    ) -> None:
        self._export = export
        self._places = places
        self._gop = gop
        self._resample = resample
        self._version = version
        self._progress = progress
        self._states: dict[PurePosixPath, DatasetState] = {}
        self._outcome = ExportOutcome()

    def run(
        self,
        engine: TaskEngine,
        episodes: Sequence[StoredEpisode],
        left_out: Sequence[StoredEpisode] | None = None,
    ) -> ExportOutcome:
        """Add the episodes that the dataset does not have. Blocks.

        Args:
            engine: Runs the tasks.
            episodes: All episodes that are wanted, in the order of their names.
            left_out: Episodes that are not wanted because of findings, or None if findings do not matter. One
                that was exported before stays, with a note. The cards have the number of the others.

        Raises:
            PlanError: The episodes do not fit into one dataset.
            StateError: The output folder is damaged, or the disk failed.
        """
        self._places.check(episodes)
        with _disk_errors(self._export.folder):
            finish_commit(self._export.folder, self._export.work)
            new = [episode for episode in episodes if self._is_new(episode)]
            self._clean_staging(new)
        self._progress.start(len(episodes), self._outcome.present)
        if left_out is not None:
            self._set_flagged(episodes, left_out)
        queue = _Queue(new)
        commits = _CommitPace()
        for episode, error in self._results(engine, new):
            queue.set(episode, error)
            if commits.is_due(queue.ready):
                with commits.measured():
                    self._commit(queue.take())
        self._commit(queue.take())
        self._update_cards()
        for place, state in self._states.items():
            self._outcome.datasets[place] = len(state.records), state.frames
        return self._outcome

    def _set_flagged(self, episodes: Sequence[StoredEpisode], left_out: Sequence[StoredEpisode]) -> None:
        for episode in episodes:
            self._state_of(episode).set_flagged(episode.name, has_findings=False)
        for episode in left_out:
            state = self._state_of(episode)
            state.set_flagged(episode.name, has_findings=True)
            if episode.name in state.records:
                text = "it was exported before and has findings now; exported episodes are not removed"
                self._progress.note(episode.name, text)

    def _update_cards(self) -> None:
        """Write the small files of datasets to which nothing was added, but whose episodes have findings."""
        outdated = [state for state in self._states.values() if state.is_outdated]
        if outdated:
            with _disk_errors(self._export.folder):
                commit = ExportCommit(self._export.folder, self._export.work)
                for state in outdated:
                    state.write_meta(commit)
                commit.finish()

    def _is_new(self, episode: StoredEpisode) -> bool:
        state = self._state_of(episode)
        record = state.records.get(episode.name)
        if record is None:
            return True
        if record.crc32 != crc32_of_bag(episode.entry):
            self._fail(
                episode.name,
                EpisodeError(
                    ErrorCode.NOT_EXPORTABLE,
                    "its bag is not the one that was exported before, and exported episodes are not "
                    "replaced: export to another folder",
                ),
            )
        elif (missing := state.missing_file(record)) is not None:
            text = f"it was exported before, but {missing} is missing now: export to another folder"
            self._fail(episode.name, EpisodeError(ErrorCode.NOT_EXPORTABLE, text))
        else:
            self._outcome.present += 1
        return False

    def _state_of(self, episode: StoredEpisode) -> DatasetState:
        place = self._places.place(episode)
        if place not in self._states:
            self._states[place] = DatasetState(
                self._export.folder, place, self._places.split(episode), self._gop, self._version
            )
        return self._states[place]

    def _clean_staging(self, new: Sequence[StoredEpisode]) -> None:
        """Remove what runs before have left and this one cannot use."""
        wanted = {self._staged(episode): episode for episode in new}
        for folder in self._export.staging.iterdir():
            if folder not in wanted or not _fits(folder, wanted[folder]):
                shutil.rmtree(folder)

    def _staged(self, episode: StoredEpisode) -> Path:
        return self._export.staging / safe_name(episode.name)

    def _results(
        self, engine: TaskEngine, episodes: Sequence[StoredEpisode]
    ) -> Iterator[tuple[StoredEpisode, EpisodeError | None]]:
        """Yield each episode when it is staged or has failed."""
        tasks = []
        for episode in episodes:
            task = EpisodeTask(episode, self._staged(episode), self._gop, self._resample)
            if task.staged.is_dir():
                yield episode, None
            else:
                tasks.append(task)
        for task, future in finished_tasks(engine, export_episode, tasks):
            yield task.episode, _error_of(task.episode.name, future)

    def _commit(self, finished: Sequence[tuple[StoredEpisode, EpisodeError | None]]) -> None:
        """Add staged episodes, and report all that are finished."""
        added: list[tuple[StoredEpisode, StagedEpisode]] = []
        with _disk_errors(self._export.folder):
            commit = ExportCommit(self._export.folder, self._export.work)
            for episode, error in finished:
                if error is not None:
                    self._fail(episode.name, error)
                    continue
                state, staged = self._state_of(episode), read_staged(self._staged(episode))
                try:
                    state.check(staged)
                except EpisodeError as unfit:
                    self._fail(episode.name, unfit)
                    shutil.rmtree(self._staged(episode))
                    continue
                state.add(episode.entry, staged, self._staged(episode), commit)
                added.append((episode, staged))
            if not added:
                return
            for place in dict.fromkeys(self._places.place(episode) for episode, _ in added):
                self._states[place].write_meta(commit)
            commit.finish()
            for episode, _ in added:
                shutil.rmtree(self._staged(episode))
        for episode, staged in added:
            self._report(episode.name, staged)

    def _report(self, name: str, staged: StagedEpisode) -> None:
        self._outcome.added += 1
        self._outcome.repeated_frames += staged.notes.get("repeated_frames", 0)
        if staged.notes:
            counts = ", ".join(f"{kind.replace('_', ' ')}: {count}" for kind, count in staged.notes.items())
            self._progress.note(name, counts)
        self._progress.finished(name, f"{staged.frames} frames at {staged.rate} Hz")

    def _fail(self, name: str, error: EpisodeError) -> None:
        self._outcome.failures[name] = error
        self._progress.failed(name, str(error))


class _Queue:
    """Finished episodes, which leave in the order of their names."""

    def __init__(self, episodes: Sequence[StoredEpisode]) -> None:
        self._episodes = episodes
        self._results: dict[str, EpisodeError | None] = {}
        self._taken = 0
        self._end = 0

    @property
    def ready(self) -> int:
        """How many episodes `take` returns."""
        return self._end - self._taken

    def set(self, episode: StoredEpisode, error: EpisodeError | None) -> None:
        """Set the result of an episode; None if it is staged."""
        self._results[episode.name] = error
        while self._end < len(self._episodes) and self._episodes[self._end].name in self._results:
            self._end += 1

    def take(self) -> list[tuple[StoredEpisode, EpisodeError | None]]:
        """Return the next episodes, up to the first one without a result."""
        taken = self._episodes[self._taken : self._end]
        self._taken = self._end
        return [(episode, self._results.pop(episode.name)) for episode in taken]


class _CommitPace:
    """Decides when a commit is worth its time."""

    def __init__(self) -> None:
        self._ended = time.monotonic()
        self._duration = 0.0

    def is_due(self, ready: int) -> bool:
        if not ready:
            return False
        pause = max(_MIN_BETWEEN_COMMITS_S, self._duration / _MAX_SHARE_OF_COMMITS)
        return ready >= _MAX_EPISODES_OF_COMMIT or time.monotonic() - self._ended >= pause

    @contextmanager
    def measured(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._ended = time.monotonic()
        self._duration = self._ended - started


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failure = disk_error(error, str(folder))
        raise StateError(f"{failure}. Fix this, and run the same command again to continue") from error


def _fits(folder: Path, episode: StoredEpisode) -> bool:
    try:
        return read_staged(folder).crc32 == crc32_of_bag(episode.entry)
    except StateError:
        return False


def _error_of(name: str, future: Future[None]) -> EpisodeError | None:
    """Return the error of a finished task."""
    try:
        with containing(name):
            future.result()
    except EpisodeError as error:
        return error
    except LostTaskError as error:
        return EpisodeError(ErrorCode.INTERNAL, str(error))
    return None
