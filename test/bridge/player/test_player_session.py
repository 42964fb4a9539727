"""A configured player: it fetches, plays, reports failures and cleans up."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from odyssey_ros.msg import FrameInfo

from odyssey_ros.bridge.frames.image_settings import ImageSettings
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.latched_topics import LatchedTopics
from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState
from odyssey_ros.bridge.player.player_session import PlayerSession
from odyssey_ros.bridge.player_parameters import SETTINGS, PlayerParameters
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.episodes import Episode
from small_video import write_video
from waiting import wait_until

DEFAULTS = PlayerParameters(**{setting.name: setting.default for setting in SETTINGS})
IMAGE_SETTINGS = ImageSettings("eye", "rgb8", 85, None)
TIMEOUT_S = 60.0


class FakeLogger:
    """Records log lines as `(level, text)`."""

    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(("info", text))

    def error(self, text):
        self.lines.append(("error", text))


@pytest.fixture
def logger(node, monkeypatch):
    """The log of the node."""
    logger = FakeLogger()
    monkeypatch.setattr(node, "get_logger", lambda: logger)
    return logger


@pytest.fixture
def failures():
    """The errors that the node received."""
    return []


@pytest.fixture
def finished():
    """The states that the node received after the last episode."""
    return []


@pytest.fixture
def close(on_executor):
    """Closes a session on the executor's thread, and waits for the end of its work in the background."""
    return lambda session: on_executor(session.close).result(TIMEOUT_S)


@pytest.fixture
def make_session(node, failures, finished, on_executor, close):
    """Makes sessions on the executor's thread, and closes them at the end of the test."""
    made = []

    def make(**parameters):
        def create():
            latched = LatchedTopics(node)
            settings = replace(DEFAULTS, **parameters)
            return PlayerSession(
                node, latched, settings, IMAGE_SETTINGS, (), failures.append, finished.append
            )

        made.append(on_executor(create))
        return made[-1]

    yield make
    for session in made:
        close(session)


def fetcher(*episodes):
    """Return a function that reports these episodes, or raises the error among them."""

    async def fetch(folder, observer):
        for episode in episodes:
            if isinstance(episode, Exception):
                raise episode
        observer.episodes_found(len(episodes))
        for number, episode in enumerate(episodes):
            observer.episode_fetched(number, LibraryEpisode(episode))

    return fetch


def test_fetched_episodes_are_played(make_session, logger, finished, probe, tmp_path):
    labels = probe.listen(FrameInfo, "/player/frame_info")
    session = make_session(rate=100.0)
    wait_until(session._topics.frames.watched, "the subscriber")
    episode = Episode("a", write_video(tmp_path / "a.mp4", frames=3))
    session.fetch(fetcher(episode), tmp_path, keep=True)
    session.playback.set_active(True).result(TIMEOUT_S)
    wait_until(lambda: len(labels) == 3, "the frames")
    assert [label.frame_index for label in labels] == [0, 1, 2]
    wait_until(lambda: ("info", "All episodes have been played") in logger.lines)
    assert ("info", "Played episode 1 of 1: 3 frames of a") in logger.lines
    wait_until(lambda: finished, "the end")
    assert [(state.complete, state.failed) for state in finished] == [(1, 0)]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OdysseyError("no such job", code=ErrorCode.NOT_FOUND), ErrorCode.NOT_FOUND, "no such job"),
        (ZeroDivisionError("defect"), ErrorCode.INTERNAL, "internal error: ZeroDivisionError: defect"),
    ],
)
def test_a_failure_of_the_library_is_reported_once(make_session, failures, tmp_path, error, code, message):
    session = make_session()
    session.fetch(fetcher(error), tmp_path, keep=True)
    wait_until(lambda: failures, "the failure")
    assert [(failure.code, failure.message) for failure in failures] == [(code, message)]
    assert session.failure is failures[0]


def test_after_close_failures_are_not_reported(make_session, close, on_executor, failures):
    session = make_session()
    close(session)
    session.playback_failed(OdysseyError("late", code=ErrorCode.TIMEOUT))
    on_executor(lambda: None)  # which runs after the report
    assert failures == []
    assert session.failure is None


def test_close_cancels_fetching_and_deletes_a_temporary_folder(make_session, close, tmp_path):
    folder, started = tmp_path / "temporary", threading.Event()
    folder.mkdir()

    async def fetch(folder, observer):
        (folder / "part.mp4").touch()
        started.set()
        await asyncio.Event().wait()

    session = make_session()
    session.fetch(fetch, folder, keep=False)
    assert started.wait(TIMEOUT_S)
    close(session)
    assert not folder.exists()


def test_close_keeps_a_cache(make_session, close, tmp_path):
    session = make_session()
    session.fetch(fetcher(), tmp_path, keep=True)
    close(session)
    assert tmp_path.is_dir()


def test_a_damaged_video_is_deleted_from_the_cache_only(make_session, tmp_path):
    cached, other = tmp_path / "cache" / "a.mp4", tmp_path / "b.mp4"
    cached.parent.mkdir()
    cached.touch()
    other.touch()
    session = make_session()
    session.episode_damaged(Episode("a", cached))  # nothing is fetched yet
    assert cached.exists()
    session.fetch(fetcher(), cached.parent, keep=True)
    session.episode_damaged(Episode("a", cached))
    session.episode_damaged(Episode("b", other))
    assert not cached.exists()
    assert other.exists()


def test_parameters_are_applied(make_session):
    session = make_session()
    settings = ImageSettings("other", "mono8", 10, None)
    session.apply(settings, 2.0, loop=True)
    assert session._topics.frames.settings is settings
    session.playback.pause().result(TIMEOUT_S)
    assert session.playback._sequencer._timeline.rate == 2.0


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (
            PlaybackState(PlaybackPhase.EPISODE_FAILED, "it broke", ErrorCode.VIDEO_BROKEN, 1, 3),
            ("error", "Cannot play episode 2 of 3: VIDEO_BROKEN: it broke"),
        ),
        (PlaybackState(PlaybackPhase.WAITING), ("info", "Waiting for subscribers")),
        (PlaybackState(PlaybackPhase.FETCHING, "downloading"), ("info", "downloading")),
        (PlaybackState(PlaybackPhase.PLAYING), None),
    ],
)
def test_changes_of_the_state_are_logged(make_session, logger, state, line):
    session = make_session()
    logger.lines.clear()
    session.state_changed(state)
    assert logger.lines == ([] if line is None else [line])


def test_a_thread_that_does_not_end_keeps_its_topics(make_session, close, logger, monkeypatch):
    session = make_session()
    with monkeypatch.context() as patch:
        patch.setattr(session.playback, "close", lambda: False)
        close(session)
    assert [level for level, _ in logger.lines] == ["error"]
    assert session._topics.has_subscribers(1.0)
