"""The order of episodes, and the current one."""

from __future__ import annotations

import pytest

from fake_playback import FakeOpener, make_episode
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.episode_queue import EpisodeQueue
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.errors import EpisodeError

MISSING = EpisodeError(ErrorCode.NO_VIDEO, "there is no video")
BROKEN = EpisodeError(ErrorCode.VIDEO_BROKEN, "the video is broken")


def make_queue(*episodes, loop=False, opener=None):
    queue = EpisodeQueue(opener or FakeOpener(), loop=loop)
    queue.count = len(episodes)
    for number, episode in enumerate(episodes):
        queue.add(number, LibraryEpisode(episode, number))
    return queue


def test_an_episode_opens_when_it_is_fetched_and_only_once():
    queue = EpisodeQueue(FakeOpener(), loop=False)
    assert queue.open_current() is None
    assert queue.current is None
    queue.add(0, LibraryEpisode(make_episode("a"), 4))
    opened = queue.open_current()
    assert (opened.stream_id, opened.script_index, opened.next_index) == ("a", 4, 0)
    assert queue.open_current() is opened is queue.open_episode


def test_the_error_of_fetching_or_opening_is_returned():
    queue = make_queue(MISSING, make_episode("broken"), opener=FakeOpener(errors={"broken": BROKEN}))
    assert queue.open_current() is MISSING is queue.current
    queue.advance()
    assert queue.open_current() is BROKEN
    assert queue.open_episode is None


def test_advance_closes_and_finishes_after_the_last_episode():
    queue = make_queue(make_episode("a"), make_episode("b"))
    opened = queue.open_current()
    assert not queue.advance()
    assert opened.frames.closed
    assert (queue.number, queue.open_episode, queue.finished) == (1, None, False)
    assert queue.advance()
    assert (queue.number, queue.finished) == (0, True)


def test_a_loop_never_finishes():
    queue = make_queue(make_episode("a"), loop=True)
    assert queue.advance()
    assert (queue.number, queue.finished) == (0, False)


def test_an_unknown_count_is_never_the_end():
    queue = make_queue()
    queue.count = None
    assert not any(queue.advance() for _ in range(5))
    assert not queue.count_failure()


def test_a_round_of_failures_finishes_the_queue():
    queue = make_queue(MISSING, MISSING, loop=True)
    assert not queue.count_failure()
    queue.advance()
    assert queue.count_failure()
    assert queue.finished


def test_a_new_round_forgets_failures():
    queue = make_queue(MISSING, make_episode("b"), loop=True)
    for _ in range(4):
        assert not queue.count_failure()
        queue.advance()
        queue.advance()


def test_rewind_goes_to_the_first_episode():
    queue = make_queue(make_episode("a"), make_episode("b"))
    queue.advance()
    queue.advance()
    queue.advance()
    queue.rewind()
    assert (queue.number, queue.finished) == (0, False)


def test_a_seek_opens_the_episode_at_the_frame():
    queue = make_queue(make_episode("a"), make_episode("b"))
    first = queue.open_current()
    opened = queue.seek(1, 2, 0.0)
    assert first.frames.closed
    assert (queue.number, opened.stream_id, opened.next_index, opened.whole) == (1, "b", 2, False)
    assert not opened.after_seek


def test_a_seek_within_an_episode_takes_over_what_has_been_published():
    opener = FakeOpener()
    queue = make_queue(make_episode("a", {0: "sea"}), opener=opener)
    before = queue.open_current()
    before.start(before.frames.poll())
    opened = queue.seek(-1, 1, 0.0)
    assert (opened.started, opened.last_prompt, opened.after_seek) == (True, "sea", True)
    assert opener.times_read == ["a"]


@pytest.mark.parametrize(
    ("number", "frame_index", "code"),
    [
        (9, 0, ErrorCode.BAD_ARGUMENT),
        (0, 3, ErrorCode.BAD_ARGUMENT),
        (1, 0, ErrorCode.NOT_PLAYABLE),
        (2, 0, ErrorCode.NOT_PLAYABLE),
        (3, 0, ErrorCode.NOT_FETCHED),
    ],
)
def test_a_refused_seek_leaves_the_open_episode(number, frame_index, code):
    queue = make_queue(
        make_episode("a"), MISSING, make_episode("broken"), opener=FakeOpener(errors={"broken": BROKEN})
    )
    queue.count = 4
    opened = queue.open_current()
    with pytest.raises(OdysseyError) as raised:
        queue.seek(number, frame_index, 0.0)
    assert raised.value.code is code
    assert queue.open_episode is opened
    assert not opened.frames.closed


def test_close_passes_the_timeout():
    queue = make_queue(make_episode("a"))
    reader = queue.open_current().frames
    queue.close(1.5)
    queue.close(2.5)  # of no effect: nothing is open
    assert reader.close_timeout == 1.5
