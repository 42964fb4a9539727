"""The order and times of playback, with a fake clock and episodes in memory."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from fake_playback import FRAME_NS, MS, FakeClock, FakeObserver, FakeOpener, FakeOutput, make_episode
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart
from odyssey_ros.bridge.player.playback_sequencer import (
    AT_ONCE,
    CLOSE_TIMEOUT_S,
    NEVER,
    SUBSCRIBER_POLL_NS,
    PlaybackSequencer,
)
from odyssey_ros.bridge.player.playback_state import FramePosition, PlaybackPhase
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.errors import EpisodeError

BROKEN = EpisodeError(ErrorCode.VIDEO_BROKEN, "the video is broken")
MISSING = EpisodeError(ErrorCode.NO_VIDEO, "there is no video")


class Player:
    """A sequencer with fakes around it."""

    def __init__(self, *episodes, frames=3, rate=1.0, loop=False, paused=False, has_clock=False, active=True):
        self.clock = FakeClock()
        self.output, self.observer, self.opener = FakeOutput(), FakeObserver(), FakeOpener(frames)
        self.interrupted = False
        self.sequencer = PlaybackSequencer(
            self.output,
            self.observer,
            self.opener,
            lambda: self.interrupted,
            rate=rate,
            loop=loop,
            paused=paused,
            has_clock=has_clock,
            steady_ns=self.clock,
        )
        if episodes:
            self.add(*episodes)
        if active:
            self.sequencer.set_active(True)

    def add(self, *episodes):
        self.sequencer.episodes_found(len(episodes))
        for number, episode in enumerate(episodes):
            self.sequencer.episode_fetched(number, LibraryEpisode(episode, number))

    def settle(self):
        """Advance until there is nothing to do now; return the time of the next work."""
        for _ in range(1000):
            until_ns = self.sequencer.advance()
            if until_ns > self.clock():
                return until_ns
        raise AssertionError("the sequencer never rests")

    def play(self, limit=1000):
        """Advance with the clock until only a call can continue, or until `limit` frames are published."""
        for _ in range(1000):
            until_ns = self.settle()
            if until_ns == NEVER or len(self.output.frames) >= limit:
                return
            self.clock.now_ns = until_ns
        raise AssertionError("playback never ends")

    def step(self):
        position = Future()
        self.sequencer.step(position)
        self.settle()
        return position

    @property
    def phase(self):
        return self.output.phases[-1]

    @property
    def state(self):
        return self.output.states[-1]


def code_of(call):
    """Return the code of the error that a call raises."""
    with pytest.raises(OdysseyError) as raised:
        call()
    return raised.value.code


def test_episodes_are_played_in_order_with_their_events_and_states():
    player = Player(make_episode("a", {0: "sea", 2: "storm"}), make_episode("b", {0: "wood"}))
    player.play()
    assert player.output.published == [
        ("STARTED", "a", "sea", 0),
        ("frame", "a", 0, "sea", 0),
        ("frame", "a", 1, "sea", FRAME_NS),
        ("ACKNOWLEDGED", "a", "storm", 2 * FRAME_NS),
        ("frame", "a", 2, "storm", 2 * FRAME_NS),
        ("ENDED", "a", "", 2 * FRAME_NS),
        ("STARTED", "b", "wood", 3 * FRAME_NS),
        ("frame", "b", 0, "wood", 3 * FRAME_NS),
        ("frame", "b", 1, "wood", 4 * FRAME_NS),
        ("frame", "b", 2, "wood", 5 * FRAME_NS),
        ("ENDED", "b", "", 5 * FRAME_NS),
    ]
    assert player.output.phases == [
        PlaybackPhase.INACTIVE,
        PlaybackPhase.FETCHING,
        PlaybackPhase.PLAYING,
        PlaybackPhase.EPISODE_COMPLETE,
        PlaybackPhase.PLAYING,
        PlaybackPhase.EPISODE_COMPLETE,
        PlaybackPhase.FINISHED,
    ]
    assert player.observer.states == player.output.states
    complete = [state for state in player.output.states if state.phase is PlaybackPhase.EPISODE_COMPLETE]
    assert [
        (s.episode, s.stream_id, s.script_index, s.whole, s.frame_index, s.frame_count) for s in complete
    ] == [
        (0, "a", 0, True, 3, 3),
        (1, "b", 1, True, 3, 3),
    ]
    assert (player.state.begun, player.state.complete, player.state.failed) == (2, 2, 0)
    assert all(reader.closed for reader in player.opener.readers)


def test_frames_are_due_at_their_media_times():
    player = Player(make_episode("a"))
    start_ns = player.clock()
    assert player.settle() == start_ns + FRAME_NS
    assert player.output.frames == [("a", 0)]
    player.clock.advance(FRAME_NS - 1)
    assert player.settle() == start_ns + FRAME_NS
    assert player.output.frames == [("a", 0)]
    player.clock.advance(1)
    assert player.settle() == start_ns + 2 * FRAME_NS
    assert player.output.frames == [("a", 0), ("a", 1)]


def test_the_rate_scales_the_waits():
    player = Player(make_episode("a"), rate=4.0)
    assert player.settle() == player.clock() + FRAME_NS // 4


def test_a_change_of_the_rate_is_reported_and_takes_effect_at_once():
    player = Player(make_episode("a"), frames=4)
    player.settle()
    player.sequencer.set_pace(2.0, loop=False)
    assert (player.phase, player.state.rate) == (PlaybackPhase.PLAYING, 2.0)
    assert player.settle() == player.clock() + FRAME_NS // 2
    count = len(player.output.states)
    player.sequencer.set_pace(2.0, loop=True)
    assert len(player.output.states) == count


def test_while_no_frame_is_decoded_only_a_call_continues():
    player = Player(make_episode("a"))
    player.opener.ready = 1
    assert player.settle() == NEVER
    assert player.output.frames == [("a", 0)]
    player.opener.readers[0].ready = 1
    assert player.settle() == player.clock() + FRAME_NS


def test_playback_waits_for_episodes_and_reports_the_progress_of_the_library():
    player = Player()
    assert player.settle() == NEVER
    assert player.phase is PlaybackPhase.FETCHING
    player.sequencer.fetching("downloading")
    assert (player.phase, player.state.message) == (PlaybackPhase.FETCHING, "downloading")
    player.sequencer.episodes_found(1)
    assert player.state.episodes == 1
    player.sequencer.episode_fetched(0, LibraryEpisode(make_episode("a")))
    player.settle()
    assert player.output.frames == [("a", 0)]
    player.sequencer.fetching("more")  # of no interest while an episode is played
    assert player.state.message == ""


def test_the_wait_for_the_next_episode_is_reported():
    player = Player()
    player.sequencer.episodes_found(2)
    player.sequencer.episode_fetched(0, LibraryEpisode(make_episode("a")))
    player.play()
    assert player.output.phases[-2:] == [PlaybackPhase.EPISODE_COMPLETE, PlaybackPhase.FETCHING]
    player.sequencer.episode_fetched(1, LibraryEpisode(make_episode("b")))
    player.play()
    assert player.output.frames[3:] == [("b", 0), ("b", 1), ("b", 2)]


def test_playback_starts_when_the_required_subscribers_are_present():
    player = Player(make_episode("a"), active=False)
    player.output.subscribers = False
    player.sequencer.set_active(True)
    assert player.settle() == player.clock() + SUBSCRIBER_POLL_NS
    assert player.phase is PlaybackPhase.WAITING
    player.output.subscribers = True
    player.clock.advance(SUBSCRIBER_POLL_NS)
    player.settle()
    assert player.output.frames == [("a", 0)]
    player.output.subscribers = False  # the wait is only for the beginning
    player.play()
    assert len(player.output.frames) == 3


def test_a_step_does_not_wait_for_subscribers():
    player = Player(make_episode("a"), paused=True)
    player.output.subscribers = False
    assert player.step().result(0).frame_index == 0


def test_at_rate_0_each_publication_is_acknowledged_before_the_next():
    player = Player(make_episode("a", {0: "sea"}), rate=0.0)
    player.play()
    assert [entry[0] for entry in player.output.published] == ["STARTED", "frame", "frame", "frame", "ENDED"]
    assert player.output.ack_waits == 4  # after everything but the end: nothing follows it


def test_at_rate_0_an_interrupted_wait_is_repeated():
    player = Player(make_episode("a"), rate=0.0)
    player.output.acks = lambda interrupted: not interrupted()
    player.interrupted = True
    assert player.sequencer.advance() == AT_ONCE
    assert [entry[0] for entry in player.output.published] == ["STARTED"]
    assert player.sequencer.advance() == AT_ONCE
    assert [entry[0] for entry in player.output.published] == ["STARTED"]
    player.interrupted = False
    player.play()
    assert len(player.output.frames) == 3


def test_above_rate_0_acknowledgements_are_not_awaited():
    player = Player(make_episode("a"))
    player.play()
    assert player.output.ack_waits == 0


def test_prompts_after_the_last_frame_are_acknowledged_at_the_end():
    player = Player(make_episode("a", {0: "sea", 9: "storm"}, ended_after=9))
    player.play()
    assert player.output.published[-2:] == [
        ("ACKNOWLEDGED", "a", "storm", 2 * FRAME_NS),
        ("ENDED", "a", "", 2 * FRAME_NS),
    ]


# -- pause, step, resume -----------------------------------------------------------------------------


def test_a_player_that_starts_paused_publishes_frames_only_by_steps():
    player = Player(make_episode("a"), paused=True)
    assert player.settle() == NEVER
    assert player.phase is PlaybackPhase.PAUSED
    assert player.output.published == []
    assert player.step().result(0) == FramePosition(0, "a", 0, 0)
    assert player.step().result(0) == FramePosition(0, "a", 1, FRAME_NS)
    assert (player.phase, player.state.frame_index) == (PlaybackPhase.PAUSED, 2)
    assert player.output.frames == [("a", 0), ("a", 1)]


def test_a_step_pauses():
    player = Player(make_episode("a"))
    player.settle()
    player.step()
    assert player.phase is PlaybackPhase.PAUSED
    player.clock.advance(10 * FRAME_NS)
    assert player.settle() == NEVER
    assert player.output.frames == [("a", 0), ("a", 1)]


def test_after_a_pause_playback_continues_with_the_next_frame_at_once():
    player = Player(make_episode("a"))
    player.settle()
    player.sequencer.pause()
    player.clock.advance(50 * FRAME_NS)
    assert player.settle() == NEVER
    assert player.phase is PlaybackPhase.PAUSED
    player.sequencer.resume()
    assert player.phase is PlaybackPhase.PLAYING
    assert player.settle() == player.clock() + FRAME_NS
    assert player.output.published[-1] == ("frame", "a", 1, "", FRAME_NS)  # the stamp omits the pause


def test_steps_run_over_the_end_of_an_episode():
    player = Player(make_episode("a"), make_episode("b"), paused=True, frames=1)
    assert player.step().result(0).stream_id == "a"
    assert player.step().result(0).stream_id == "b"


def test_a_step_at_the_end_is_refused():
    player = Player(make_episode("a"), paused=True, frames=1)
    player.step()
    refused = player.step()  # finds out that there is no more frame
    assert refused.exception(0).code is ErrorCode.END_REACHED
    assert player.phase is PlaybackPhase.FINISHED
    assert code_of(lambda: player.sequencer.step(Future())) is ErrorCode.END_REACHED


def test_resume_after_the_end_starts_again():
    player = Player(make_episode("a"))
    player.play()
    player.sequencer.resume()
    assert player.phase is PlaybackPhase.FETCHING
    player.play()
    assert player.output.frames == [("a", 0), ("a", 1), ("a", 2)] * 2
    assert (player.state.rounds, player.state.begun, player.state.complete) == (1, 2, 2)


# -- activation --------------------------------------------------------------------------------------


def test_an_inactive_player_publishes_nothing_and_refuses_commands():
    player = Player(make_episode("a"), active=False)
    assert player.settle() == NEVER
    assert player.output.published == []
    assert code_of(player.sequencer.resume) is ErrorCode.NOT_ACTIVE
    assert code_of(lambda: player.sequencer.step(Future())) is ErrorCode.NOT_ACTIVE


def test_deactivation_refuses_the_steps_that_wait():
    player = Player(paused=True)
    position = player.step()
    assert not position.done()
    player.sequencer.set_active(False)
    assert position.exception(0).code is ErrorCode.NOT_ACTIVE
    assert player.phase is PlaybackPhase.INACTIVE


def test_activation_continues_where_playback_was():
    player = Player(make_episode("a"))
    player.settle()
    player.sequencer.set_active(False)
    player.clock.advance(10 * FRAME_NS)
    assert player.settle() == NEVER
    player.sequencer.set_active(True)
    player.play()
    assert player.output.frames == [("a", 0), ("a", 1), ("a", 2)]


def test_activation_after_the_end_starts_again():
    player = Player(make_episode("a"))
    player.play()
    player.sequencer.set_active(False)
    assert player.phase is PlaybackPhase.FINISHED
    player.sequencer.set_active(True)
    player.play()
    assert len(player.output.frames) == 6


# -- loop --------------------------------------------------------------------------------------------


def test_a_loop_counts_rounds_and_stamps_rise():
    player = Player(make_episode("a"), make_episode("b"), loop=True)
    player.play(limit=15)
    assert player.output.frames[6:9] == [("a", 0), ("a", 1), ("a", 2)]
    assert (player.state.rounds, player.state.episodes) == (2, 2)
    assert PlaybackPhase.FINISHED not in player.output.phases
    stamps = [entry[-1] for entry in player.output.published if entry[0] == "frame"]
    assert stamps == [index * FRAME_NS for index in range(15)]


def test_a_loop_can_end():
    player = Player(make_episode("a"), loop=True)
    player.play(limit=4)
    player.sequencer.set_pace(1.0, loop=False)
    player.play()
    assert len(player.output.frames) == 6
    assert player.phase is PlaybackPhase.FINISHED


# -- seek --------------------------------------------------------------------------------------------


def test_a_seek_by_number_continues_from_that_frame_with_its_prompt():
    player = Player(make_episode("a", {0: "sea", 3: "storm"}), frames=5)
    player.settle()
    position = player.sequencer.seek(-1, 3, 0.0)
    assert position == FramePosition(0, "a", 3, 3 * FRAME_NS)
    assert (player.state.frame_index, player.state.whole) == (3, False)
    player.play()
    assert player.output.published == [
        ("STARTED", "a", "sea", 0),
        ("frame", "a", 0, "sea", 0),
        ("ACKNOWLEDGED", "a", "storm", 2 * FRAME_NS),  # frame 1 was due at FRAME_NS, but left out
        ("frame", "a", 3, "storm", 2 * FRAME_NS),
        ("frame", "a", 4, "storm", 3 * FRAME_NS),
        ("ENDED", "a", "", 3 * FRAME_NS),
    ]
    assert player.opener.readers[0].closed
    assert player.opener.times_read == ["a"]  # the times of an open episode are not read again


def test_a_seek_by_position_goes_to_the_frame_that_is_shown_then():
    player = Player(make_episode("a"))
    assert player.sequencer.seek(0, -1, 0.15).frame_index == 1


def test_a_seek_with_the_same_prompt_publishes_no_event():
    player = Player(make_episode("a", {0: "sea"}), frames=5)
    player.settle()
    player.sequencer.seek(-1, 3, 0.0)
    player.play()
    assert [event[0] for event in player.output.events] == ["STARTED", "ENDED"]


def test_a_seek_before_the_start_starts_the_episode_there():
    player = Player(make_episode("a", {0: "sea", 2: "storm"}), paused=True)
    player.sequencer.seek(-1, 2, 0.0)
    player.step()
    assert player.output.published == [
        ("STARTED", "a", "storm", 0),
        ("frame", "a", 2, "storm", 0),
    ]


def test_a_seek_to_another_episode_starts_that_one():
    player = Player(make_episode("a"), make_episode("b"))
    player.settle()
    assert player.sequencer.seek(1, 1, 0.0).stream_id == "b"
    player.play()
    assert player.output.frames == [("a", 0), ("b", 1), ("b", 2)]
    assert player.output.events == [("STARTED", "a", ""), ("STARTED", "b", ""), ("ENDED", "b", "")]


def test_a_paused_player_stays_paused_after_a_seek():
    player = Player(make_episode("a"), paused=True)
    player.sequencer.seek(0, 1, 0.0)
    assert player.settle() == NEVER
    assert player.phase is PlaybackPhase.PAUSED
    assert player.output.published == []


def test_a_seek_after_the_end_continues():
    player = Player(make_episode("a"))
    player.play()
    player.sequencer.seek(0, 2, 0.0)
    player.play()
    assert player.output.frames[3:] == [("a", 2)]
    assert player.phase is PlaybackPhase.FINISHED


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((7, 0, 0.0), ErrorCode.BAD_ARGUMENT),
        ((0, 3, 0.0), ErrorCode.BAD_ARGUMENT),
        ((0, -1, 0.4), ErrorCode.BAD_ARGUMENT),
        ((1, 0, 0.0), ErrorCode.NOT_FETCHED),
        ((2, 0, 0.0), ErrorCode.NOT_PLAYABLE),
        ((3, 0, 0.0), ErrorCode.NOT_PLAYABLE),
    ],
)
def test_a_refused_seek_changes_nothing(arguments, code):
    player = Player()
    player.opener.errors["broken"] = BROKEN
    player.sequencer.episodes_found(4)
    for number, episode in ((0, make_episode("a")), (2, MISSING), (3, make_episode("broken"))):
        player.sequencer.episode_fetched(number, LibraryEpisode(episode))
    player.settle()
    assert code_of(lambda: player.sequencer.seek(*arguments)) is code
    player.play(limit=3)
    assert player.output.frames == [("a", 0), ("a", 1), ("a", 2)]


# -- failures ----------------------------------------------------------------------------------------


def test_an_episode_that_could_not_be_fetched_is_skipped():
    player = Player(MISSING, make_episode("b"))
    player.play()
    failed = next(state for state in player.output.states if state.phase is PlaybackPhase.EPISODE_FAILED)
    assert (failed.episode, failed.error_code, failed.message) == (0, ErrorCode.NO_VIDEO, MISSING.message)
    assert player.output.frames == [("b", 0), ("b", 1), ("b", 2)]
    assert (player.state.failed, player.state.complete) == (1, 1)
    assert player.observer.damaged == []
    assert player.observer.errors == []


def test_an_episode_that_cannot_be_opened_is_reported_as_damaged():
    player = Player(make_episode("a"), make_episode("b"), active=False)
    player.opener.errors["a"] = BROKEN
    player.sequencer.set_active(True)
    player.play()
    assert player.observer.damaged == ["a"]
    assert player.output.frames[0] == ("b", 0)


def test_an_episode_that_breaks_in_the_middle_ends_alone():
    player = Player(make_episode("a"), make_episode("b"), active=False)
    player.opener.damage["a"] = (2, BROKEN)
    player.sequencer.set_active(True)
    player.play()
    assert player.output.frames == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]
    assert ("ENDED", "a", "") not in player.output.events
    assert player.observer.damaged == ["a"]
    assert player.phase is PlaybackPhase.FINISHED


def test_when_every_episode_fails_playback_fails():
    player = Player(MISSING, make_episode("b"), paused=True)
    player.opener.errors["b"] = BROKEN
    position = player.step()
    assert position.exception(0).code is ErrorCode.VIDEO_BROKEN
    assert player.output.phases[-3:] == [
        PlaybackPhase.EPISODE_FAILED,
        PlaybackPhase.EPISODE_FAILED,
        PlaybackPhase.FAILED,
    ]
    assert (player.state.error_code, player.state.message) == (ErrorCode.VIDEO_BROKEN, BROKEN.message)
    (error,) = player.observer.errors
    assert (error.code, error.message) == (ErrorCode.VIDEO_BROKEN, BROKEN.message)
    player.sequencer.set_active(False)
    assert player.phase is PlaybackPhase.FAILED  # the reason remains the last state


def test_failures_are_counted_for_each_round():
    player = Player(make_episode("a"), make_episode("b"), loop=True)
    player.opener.damage["b"] = (1, BROKEN)
    player.play(limit=12)
    assert player.observer.errors == []
    assert player.state.failed >= 2


# -- clock -------------------------------------------------------------------------------------------


def test_the_clock_ticks_between_frames():
    player = Player(make_episode("a"), has_clock=True, frames=2)
    assert player.settle() == player.clock() + 10 * MS
    player.clock.advance(10 * MS)
    player.settle()
    player.clock.advance(10 * MS)
    player.settle()
    assert player.output.clocks[-2:] == [10 * MS, 20 * MS]
    assert player.output.frames == [("a", 0)]


def test_the_clock_stands_still_while_paused():
    player = Player(make_episode("a"), has_clock=True)
    player.settle()
    player.sequencer.pause()
    player.clock.advance(10 * MS)
    assert player.settle() == player.clock() + 100 * MS
    assert player.output.clocks[-1] is None


# -- end ---------------------------------------------------------------------------------------------


def test_the_end_refuses_steps_and_closes_the_episode():
    player = Player(make_episode("a"), paused=True)
    player.opener.ready = 0
    position = player.step()
    player.sequencer.end("closed", ErrorCode.UNCONFIGURED)
    assert position.exception(0).code is ErrorCode.UNCONFIGURED
    assert player.opener.readers[0].close_timeout == CLOSE_TIMEOUT_S


def test_the_end_without_an_open_episode():
    player = Player()
    player.sequencer.end("closed", ErrorCode.UNCONFIGURED)
    assert player.output.published == []


def test_frames_are_read_again_when_somebody_subscribes_to_pictures():
    """The frame that waits is read again, and all are published once, at their times."""
    player = Player(make_episode("a"), frames=6, active=False)
    player.output.wanted = FrameDemand(pictures=False)
    player.sequencer.set_active(True)
    player.play(limit=2)
    player.output.wanted = FrameDemand(pictures=True)
    player.play()
    assert player.opener.starts == [FrameStart(0, pictures=False), FrameStart(2, pictures=True)]
    assert [reader.closed for reader in player.opener.readers] == [True, True]
    assert [entry for entry in player.output.published if entry[0] == "frame"] == [
        ("frame", "a", index, "", index * FRAME_NS) for index in range(6)
    ]


def test_a_paused_player_reads_the_next_frame_again():
    player = Player(make_episode("a"), frames=6, active=False)
    player.output.wanted = FrameDemand(pictures=False)
    player.sequencer.set_active(True)
    player.play(limit=2)
    player.sequencer.pause()
    player.output.wanted = FrameDemand(pictures=True)
    assert player.step().result(0).frame_index == 2
    assert player.opener.starts[1:] == [FrameStart(2, pictures=True)]


def test_a_seek_begins_with_what_the_subscribers_need():
    player = Player(make_episode("a"), frames=6, paused=True)
    player.output.wanted = FrameDemand(pictures=False, packets=True, joined=1)
    player.sequencer.seek(-1, 4, 0.0)
    assert player.opener.starts[-1] == FrameStart(4, pictures=False, key_frame=True)


def test_that_packets_are_missing_is_reported_once_for_each_video():
    player = Player(make_episode("a"), make_episode("b"), loop=True, active=False)
    player.opener.refusal = "a video with B frames"
    player.sequencer.set_active(True)
    player.play(limit=3)
    assert player.observer.limits == []
    player.output.wanted = FrameDemand(packets=True, joined=1)
    player.play(limit=20)
    assert [name for name, _ in player.observer.limits] == ["b", "a"]
    assert player.observer.limits[0][1].startswith("a video with B frames cannot be passed through")
