"""The log of submissions, written ahead: what makes a killed run go on without submitting anything twice.

One line of JSON for each step, on the disk before the step that it announces is taken. A line that was cut
off by a kill says that its step was not reached, and is dropped.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import StateError, disk_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Intent:
    """A submission that was about to be sent.

    Attributes:
        newest: When the account's newest job was created just before, as the service words it; empty when it
            had none.
        seen: The jobs that were created at that very time.
    """

    newest: str = ""
    seen: frozenset[str] = frozenset()


@dataclass(slots=True)
class EpisodeState:
    """Where the submission of one episode stands.

    Attributes:
        intent: The submission that may or may not have arrived; None when there is no doubt.
        job_id: The job that makes the episode; None when there is none, or none that can.
        failed_jobs: Jobs that came to nothing.
    """

    intent: Intent | None = None
    job_id: str | None = None
    failed_jobs: list[str] = field(default_factory=list)


class Journal:
    """The submissions of one run and of those that it goes on from. One process has it open.

    Args:
        path: The file; made when it is not there.

    Raises:
        StateError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._states: dict[str, EpisodeState] = {}
        try:
            lines, end = _whole_lines(path.read_bytes() if path.exists() else b"")
            for record in lines:
                self._apply(record)
            self._file = path.open("ab", buffering=0)
            self._end = end
        except (OSError, ValueError, LookupError) as error:
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
        """Where an episode stands."""
        return self._states.get(episode, EpisodeState())

    def job_ids(self) -> set[str]:
        """All jobs that belong to episodes."""
        return {
            job_id
            for state in self._states.values()
            for job_id in (*state.failed_jobs, *filter(None, [state.job_id]))
        }

    def intends(self, episode: str, intent: Intent) -> None:
        """Say that a submission is about to be sent. Blocks on the disk, as all that writes here.

        Raises:
            EpisodeError: The disk failed, as in all that writes here; the state is what it was.
        """
        self._write("intends", episode, newest=intent.newest, seen=sorted(intent.seen))

    def not_sent(self, episode: str) -> None:
        """Say that the announced submission made no job."""
        self._write("not_sent", episode)

    def submitted(self, episode: str, job_id: str) -> None:
        """Say which job makes the episode."""
        self._write("submitted", episode, job_id=job_id)

    def job_failed(self, episode: str, job_id: str) -> None:
        """Say that a job came to nothing."""
        self._write("job_failed", episode, job_id=job_id)

    def _write(self, event: str, episode: str, **fields: object) -> None:
        record = {"event": event, "episode": episode, **fields}
        line = json.dumps(record).encode() + b"\n"
        try:
            # What a kill or a full disk cut off would spoil the line.
            self._file.truncate(self._end)
            unwritten = memoryview(line)
            while unwritten:
                unwritten = unwritten[self._file.write(unwritten) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_error(error, "the log of submissions") from error
        self._end += len(line)
        self._apply(record)

    def _apply(self, record: Mapping[str, object]) -> None:
        state = self._states.setdefault(str(record["episode"]), EpisodeState())
        event = record["event"]
        if event == "intends":
            seen = record["seen"]
            if not isinstance(seen, list):
                raise ValueError("seen is no list")
            state.intent = Intent(str(record["newest"]), frozenset(map(str, seen)))
        elif event == "not_sent":
            state.intent = None
        elif event == "submitted":
            state.intent, state.job_id = None, str(record["job_id"])
        elif event == "job_failed":
            state.intent, state.job_id = None, None
            state.failed_jobs.append(str(record["job_id"]))
        else:
            raise ValueError(f"unknown event {event!r}")


def jobs_in(paths: Iterable[Path]) -> set[str]:
    """The jobs that other journals name, as far as they can be read: they belong to other shards."""
    found: set[str] = set()
    for path in paths:
        try:
            records, _ = _whole_lines(path.read_bytes())
        except (OSError, ValueError):
            continue
        found |= {str(record["job_id"]) for record in records if "job_id" in record}
    return found


def _whole_lines(data: bytes) -> tuple[list[Mapping[str, object]], int]:
    end = data.rfind(b"\n") + 1
    records = [json.loads(line) for line in data[:end].splitlines()]
    if not all(isinstance(record, dict) and {"event", "episode"} <= record.keys() for record in records):
        raise ValueError("a line is no record of a submission")
    return records, end
