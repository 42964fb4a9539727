"""The log of submissions, complete and cut off at any byte."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.submissions.journal import EpisodeState, Intent, Journal, other_submissions


def _story(journal: Journal) -> list[dict[str, EpisodeState]]:
    """Take the steps of a run; return the states after each step."""
    steps = [
        lambda: journal.intends("a", Intent()),
        lambda: journal.submitted("a", "job-1"),
        lambda: journal.intends("b", Intent("2026-11-01T10:00:00Z", frozenset(["x", "y"]))),
        lambda: journal.not_sent("b"),
        lambda: journal.job_failed("a", "job-1"),
        lambda: journal.intends("a", Intent("2026-11-01T10:00:01Z", frozenset(["job-1"]))),
        lambda: journal.submitted("a", "job-2"),
    ]
    states = [_states(journal)]
    for step in steps:
        step()
        states.append(_states(journal))
    return states


def _states(journal: Journal) -> dict[str, EpisodeState]:
    return {
        name: EpisodeState(state.intent, state.job_id, list(state.failed_jobs))
        for name, state in ((name, journal.state(name)) for name in "ab")
    }


def test_a_journal_keeps_its_states(tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    with Journal(path) as journal:
        states = _story(journal)
    assert states[3]["b"].intent == Intent("2026-11-01T10:00:00Z", frozenset(["x", "y"]))
    assert states[4]["b"] == EpisodeState()
    assert states[5]["a"] == EpisodeState(failed_jobs=["job-1"])
    assert states[7]["a"] == EpisodeState(job_id="job-2", failed_jobs=["job-1"])
    with Journal(path) as journal:
        assert _states(journal) == states[-1]
        assert journal.job_ids() == {"job-1", "job-2"}
        assert [journal.owner_of(job_id) for job_id in ("job-1", "job-2", "job-3")] == ["a", "a", None]
        journal.intends("b", Intent("", frozenset(), "2026-11-01T10:00:02+00:00", "visible", "content"))
    others = other_submissions([path, tmp_path / "none"])
    assert others.jobs == {"job-1", "job-2"}
    assert others.doubts == (Intent("", frozenset(), "2026-11-01T10:00:02+00:00", "visible", "content"),)
    assert others.unreadable == (tmp_path / "none",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(data=st.data())
def test_a_journal_that_is_cut_off_has_the_state_of_its_last_whole_line(
    data: st.DataObject, tmp_path: Path
) -> None:
    path = tmp_path / "whole.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path) as journal:
        states = _story(journal)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    for _ in range(2):
        with Journal(path) as journal:
            assert _states(journal) == states[content[:cut].count(b"\n")]
            before = _states(journal)["b"]
            journal.intends("c", Intent())
            assert _states(journal)["b"] == before
            assert journal.state("c").intent == Intent()


def test_a_full_disk_leaves_the_state_and_the_file_valid(tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.intends("a", Intent())
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, most))
        try:
            for _ in range(2):
                with pytest.raises(EpisodeError, match="no room to write the log of submissions") as caught:
                    journal.submitted("a", "job-1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert caught.value.code is ErrorCode.DISK_FULL
        assert journal.state("a") == EpisodeState(intent=Intent())
        journal.intends("b", Intent())
    with Journal(path) as journal:
        assert journal.state("a") == journal.state("b") == EpisodeState(intent=Intent())


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\n",
        b"3\n",
        b"{}\n",
        b'{"event": "dances", "episode": "a"}\n',
        b'{"event": "submitted", "episode": "a"}\n',
        b'{"event": "intends", "episode": "a", "newest": "", "seen": 3}\n',
    ],
)
def test_an_invalid_journal_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    path.write_bytes(content)
    with pytest.raises(StateError, match="cannot be used"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_line_that_is_nested_too_deeply_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"a":' * 100_000 + "\n")
    with pytest.raises(StateError, match="cannot be used"):
        Journal(path)
    assert other_submissions([path]).unreadable == (path,)


def test_a_new_journal_is_in_its_folder_before_a_submission_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure would lose a file whose folder is not synced: the script would be submitted again."""
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    with Journal(tmp_path / "submissions.jsonl") as journal:
        assert synced == [str(tmp_path)]
        journal.intends("a", Intent())
    assert synced == [str(tmp_path), str(tmp_path / "submissions.jsonl")]
