"""The log of submissions, a write-ahead log: a run that continues a killed run submits no script twice.

Each step is one line of JSON, which is on the disk before the step is taken. A line that is cut off belongs
to a step that was not taken, and is dropped.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from odyssey_ros.dataset.durable import sync_folder
from odyssey_ros.dataset.errors import StateError, disk_error
from odyssey_ros.dataset.json_lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Intent:
    """A submission that is about to be sent.

    Attributes:
        newest: Creation time of the account's newest job just before, as the service writes it; empty when
            the account had no job.
        seen: The jobs that were created at about that time.
        time: Time of this machine, ISO 8601, for messages; empty in journals of earlier versions.
        visible: Digest of what a job shows of the script, as `visible_digest` returns it; empty in journals
            of earlier versions.
        content: Digest of all that is submitted, as `content_digest` returns it; empty in such journals.
        reported: Whether the user was told that the outcome is unknown, and can therefore decide.
    """

    newest: str = ""
    seen: frozenset[str] = frozenset()
    time: str = ""
    visible: str = ""
    content: str = ""
    reported: bool = False


@dataclass(slots=True)
class EpisodeState:
    """The state of one episode's submission.

    Attributes:
        intent: The submission whose outcome is unknown; None when no outcome is unknown.
        job_id: The job that makes the episode; None when there is no usable job.
        failed_jobs: Jobs that made no video.
    """

    intent: Intent | None = None
    job_id: str | None = None
    failed_jobs: list[str] = field(default_factory=list)


class Journal:
    """The submissions of one run and of the runs that it continues. Only one process may open it.

    Args:
        path: The file; created when it does not exist.

    Raises:
        StateError: The file cannot be read or written, or is not a log of submissions.
    """

    def __init__(self, path: Path) -> None:
        self._states: dict[str, EpisodeState] = {}
        try:
            lines, end = _whole_lines(path.read_bytes() if path.exists() else b"")
            for record in lines:
                _apply(self._states, record)
            self._file = path.open("ab", buffering=0)
            self._end = end
            # Without its entry in the folder, a power failure would lose the file with all of its lines.
            sync_folder(path.parent)
        except (OSError, ValueError, LookupError, RecursionError) as error:
            raise StateError(f"the log of submissions {path} cannot be used: {error}") from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def state(self, episode: str) -> EpisodeState:
        """Return the state of an episode's submission."""
        return self._states.get(episode, EpisodeState())

    def episodes(self) -> list[str]:
        """Return the names of all episodes of which anything is recorded."""
        return list(self._states)

    def job_ids(self) -> set[str]:
        """Return all jobs that belong to episodes."""
        return _jobs_of(self._states.values())

    def owner_of(self, job_id: str) -> str | None:
        """Return the episode to which a job belongs; None when it belongs to none."""
        for episode, state in self._states.items():
            if job_id == state.job_id or job_id in state.failed_jobs:
                return episode
        return None

    def doubts(self) -> dict[str, Intent]:
        """Return the submissions whose outcome is unknown, by episode."""
        return {episode: state.intent for episode, state in self._states.items() if state.intent is not None}

    def intends(self, episode: str, intent: Intent) -> None:
        """Record that a submission is about to be sent.

        Like all methods that write, it blocks on the disk.

        Raises:
            EpisodeError: The disk failed; the state is unchanged. All methods that write raise it.
        """
        self._write("intends", episode, **{**asdict(intent), "seen": sorted(intent.seen)})

    def reported(self, episode: str) -> None:
        """Record that the user was told that the outcome of the episode's submission is unknown."""
        intent = self.state(episode).intent
        if intent is not None and not intent.reported:
            self.intends(episode, replace(intent, reported=True))

    def not_sent(self, episode: str) -> None:
        """Record that the intended submission made no job."""
        self._write("not_sent", episode)

    def submitted(self, episode: str, job_id: str) -> None:
        """Record the job that makes the episode."""
        self._write("submitted", episode, job_id=job_id)

    def job_failed(self, episode: str, job_id: str) -> None:
        """Record that a job made no video."""
        self._write("job_failed", episode, job_id=job_id)

    def _write(self, event: str, episode: str, **fields: object) -> None:
        record = {"event": event, "episode": episode, **fields}
        line = json.dumps(record).encode() + b"\n"
        try:
            # The remainder of a line that a kill or a full disk cut off would corrupt this line.
            self._file.truncate(self._end)
            unwritten = memoryview(line)
            while unwritten:
                unwritten = unwritten[self._file.write(unwritten) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_error(error, "the log of submissions") from error
        self._end += len(line)
        _apply(self._states, record)


@dataclass(frozen=True, slots=True)
class OtherSubmissions:
    """The submissions of the other shards of a folder.

    Attributes:
        jobs: The jobs that belong to their episodes.
        doubts: Their submissions whose outcome is unknown.
        unreadable: The journals that cannot be read.
    """

    jobs: frozenset[str] = frozenset()
    doubts: tuple[Intent, ...] = ()
    unreadable: tuple[Path, ...] = ()


def other_submissions(paths: Iterable[Path]) -> OtherSubmissions:
    """Read the journals of other shards, which may be in use. Blocks."""
    jobs: set[str] = set()
    doubts: list[Intent] = []
    unreadable: list[Path] = []
    for path in paths:
        states: dict[str, EpisodeState] = {}
        try:
            for record in _whole_lines(path.read_bytes())[0]:
                _apply(states, record)
        except (OSError, ValueError, LookupError, RecursionError):
            unreadable.append(path)
            continue
        jobs |= _jobs_of(states.values())
        doubts += (state.intent for state in states.values() if state.intent is not None)
    return OtherSubmissions(frozenset(jobs), tuple(doubts), tuple(unreadable))


def _jobs_of(states: Iterable[EpisodeState]) -> set[str]:
    return {job_id for state in states for job_id in (*state.failed_jobs, *filter(None, [state.job_id]))}


def _apply(states: dict[str, EpisodeState], record: Mapping[str, object]) -> None:
    state = states.setdefault(str(record["episode"]), EpisodeState())
    event = record["event"]
    if event == "intends":
        seen = record["seen"]
        if not isinstance(seen, list):
            raise ValueError("seen is not a list")
        texts = {name: str(record.get(name, "")) for name in ("newest", "time", "visible", "content")}
        reported = record.get("reported") is True
        state.intent = Intent(seen=frozenset(map(str, seen)), reported=reported, **texts)
    elif event == "not_sent":
        state.intent = None
    elif event == "submitted":
        state.intent, state.job_id = None, str(record["job_id"])
    elif event == "job_failed":
        state.intent, state.job_id = None, None
        state.failed_jobs.append(str(record["job_id"]))
    else:
        raise ValueError(f"unknown event {event!r}")


def _whole_lines(data: bytes) -> tuple[list[Mapping[str, object]], int]:
    end = data.rfind(b"\n") + 1
    records = [json.loads(line) for line in split_lines(data[:end])]
    if not all(isinstance(record, dict) and {"event", "episode"} <= record.keys() for record in records):
        raise ValueError("a line is not a record of a submission")
    return records, end
