"""Playback on its thread, with episodes in memory and with video files."""

from __future__ import annotations

import threading

import pytest

from fake_playback import FRAME_NS, FakeObserver, FakeOpener, FakeOutput, make_episode
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.frame_demand import FrameStart
from odyssey_ros.bridge.player.playback import Playback, VideoOpener
from odyssey_ros.bridge.player.playback_state import FramePosition, PlaybackPhase
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.video import Video
from small_video import write_video
from waiting import wait_until

TIMEOUT_S = 60.0


class Player:
    """A playback with a fake output and observer."""

    def __init__(self, *, rate=0.0, paused=False, opener=None, has_clock=False):
        self.output, self.observer = FakeOutput(), FakeObserver()
        options = {} if opener is None else {"make_opener": lambda on_change, demand: opener}
        self.playback = Playback(
            self.output,
            self.observer,
            rate=rate,
            loop=False,
            paused=paused,
            has_clock=has_clock,
            **options,
        )

    def add(self, *episodes):
        self.playback.episodes_found(len(episodes))
        for number, episode in enumerate(episodes):
            self.playback.episode_fetched(number, LibraryEpisode(episode, number))

    def wait_for(self, phase):
        wait_until(lambda: phase in self.output.phases, phase.name)


@pytest.fixture
def make_player():
    """Makes players, whose threads end with the test."""
    players = []

    def make(**options):
        players.append(Player(**options))
        return players[-1]

    yield make
    for player in players:
        assert player.playback.close(TIMEOUT_S)


def test_episodes_are_played_to_the_end(make_player):
    player = make_player(opener=FakeOpener(3))
    player.playback.fetching("looking")
    player.add(make_episode("a", {0: "sea"}), make_episode("b"))
    assert player.output.frames == []
    player.playback.set_active(True).result(TIMEOUT_S)
    player.wait_for(PlaybackPhase.FINISHED)
    assert player.output.frames == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]
    assert "looking" in [state.message for state in player.output.states]


def test_commands_of_the_operator_and_their_results(make_player):
    player = make_player(opener=FakeOpener(3), paused=True)
    player.add(make_episode("a"))
    assert player.playback.resume().exception(TIMEOUT_S).code is ErrorCode.NOT_ACTIVE
    assert player.playback.step().exception(TIMEOUT_S).code is ErrorCode.NOT_ACTIVE
    player.playback.set_active(True).result(TIMEOUT_S)
    assert player.playback.step().result(TIMEOUT_S) == FramePosition(0, "a", 0, 0)
    assert player.playback.seek(0, 2, 0.0).result(TIMEOUT_S) == FramePosition(0, "a", 2, 2 * FRAME_NS)
    assert player.playback.seek(5, 0, 0.0).exception(TIMEOUT_S).code is ErrorCode.BAD_ARGUMENT
    player.playback.pause().result(TIMEOUT_S)
    player.playback.resume().result(TIMEOUT_S)
    player.wait_for(PlaybackPhase.FINISHED)
    assert player.output.frames == [("a", 0), ("a", 2)]


def test_a_change_of_pace_takes_effect(make_player):
    player = make_player(rate=0.001, opener=FakeOpener(3))
    player.add(make_episode("a"))
    player.playback.set_active(True)
    wait_until(lambda: player.output.frames == [("a", 0)])
    player.playback.set_pace(1000.0, loop=False)
    player.wait_for(PlaybackPhase.FINISHED)
    assert len(player.output.frames) == 3


def test_a_command_interrupts_a_wait_for_acknowledgements(make_player):
    player, waiting = make_player(opener=FakeOpener(3)), threading.Event()

    def never_acknowledged(interrupted):
        waiting.set()
        wait_until(interrupted)
        return False

    player.output.acks = never_acknowledged
    player.add(make_episode("a"))
    player.playback.set_active(True)
    assert waiting.wait(TIMEOUT_S)
    player.playback.pause().result(TIMEOUT_S)
    player.wait_for(PlaybackPhase.PAUSED)


def test_the_clock_ticks_while_nothing_is_played(make_player):
    player = make_player(opener=FakeOpener(), has_clock=True)
    wait_until(lambda: len(player.output.clocks) > 2)
    assert set(player.output.clocks) == {None}


def test_after_close_commands_are_refused(make_player):
    player = make_player(opener=FakeOpener())
    assert player.playback.close(TIMEOUT_S)
    for result in (player.playback.set_active(True), player.playback.step(), player.playback.seek(0, 0, 0.0)):
        assert result.exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED


def test_a_step_that_waits_is_refused_by_close(make_player):
    player = make_player(opener=FakeOpener(), paused=True)
    player.playback.set_active(True)
    position = player.playback.step()
    player.playback.pause().result(TIMEOUT_S)
    assert not position.cancel()
    assert player.playback.close(TIMEOUT_S)
    assert position.exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED


def test_a_defect_is_reported_to_the_observer(make_player):
    opener = FakeOpener(errors={"a": ZeroDivisionError("defect")})
    player = make_player(opener=opener)
    player.add(make_episode("a"))
    player.playback.set_active(True)
    wait_until(lambda: player.observer.errors)
    (error,) = player.observer.errors
    assert error.code is ErrorCode.INTERNAL
    assert "ZeroDivisionError: defect" in error.message
    assert player.playback.pause().exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED


def test_a_video_file_is_played(make_player, tmp_path):
    player = make_player()
    player.add(Episode("a", write_video(tmp_path / "a.mp4", frames=20)))
    player.playback.set_active(True)
    player.wait_for(PlaybackPhase.FINISHED)
    assert player.output.frames == [("a", index) for index in range(20)]
    assert player.output.published[-2][-1] == 19 * FRAME_NS


def test_a_video_file_is_opened_at_a_frame(tmp_path):
    episode, changed = Episode("a", write_video(tmp_path / "a.mp4", frames=5)), threading.Event()
    opener = VideoOpener(changed.set)
    index = opener.read_index(episode)
    assert index.times_ns == [number * FRAME_NS for number in range(5)]
    frames = opener.open_frames(episode, index, FrameStart(3))
    indexes = []
    while not frames.ended:
        if (frame := frames.poll()) is not None:
            indexes.append(frame.index)
        else:
            assert changed.wait(TIMEOUT_S)
    frames.close(TIMEOUT_S)
    assert indexes == [3, 4]


def test_a_file_that_is_not_a_video_is_broken(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    opener = VideoOpener(lambda: None)
    with pytest.raises(EpisodeError) as raised:
        opener.read_index(Episode("a", tmp_path / "a.mp4"))
    assert raised.value.code is ErrorCode.VIDEO_BROKEN


def test_a_defect_in_one_episode_does_not_stop_the_others(make_player, tmp_path, monkeypatch, caplog):
    episodes = [Episode(name, write_video(tmp_path / f"{name}.mp4", frames=3)) for name in "abc"]
    real_frames, real_times = Episode.frames, Video.frame_times_ns

    def frames(self, first=0, **options):
        if self.stream_id == "a":
            raise ZeroDivisionError("defect")
        return real_frames(self, first, **options)

    def frame_times_ns(self):
        times = real_times(self)
        return times if len(opened.append(0) or opened) != 2 else 1 // 0

    opened = []
    monkeypatch.setattr(Episode, "frames", frames)
    monkeypatch.setattr(Video, "frame_times_ns", frame_times_ns)
    player = make_player()
    player.add(*episodes)
    player.playback.set_active(True)
    player.wait_for(PlaybackPhase.FINISHED)
    assert player.output.frames == [("c", index) for index in range(3)]
    failed = [state for state in player.observer.states if state.phase is PlaybackPhase.EPISODE_FAILED]
    assert [state.error_code for state in failed] == [ErrorCode.INTERNAL] * 2
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * 2
