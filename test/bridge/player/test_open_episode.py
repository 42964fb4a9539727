"""Positions in an open episode, and the prompts that are due."""

from __future__ import annotations

import pytest

from fake_playback import FRAME_NS, FakeOpener, make_episode, make_frame
from odyssey_ros.bridge.player.frame_demand import FrameStart
from odyssey_ros.bridge.player.open_episode import OpenEpisode, duration_ns, frame_index_at
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog

TIMES_NS = [0, 100_000_000, 250_000_000]


def make_open(episode, frames=5):
    opener = FakeOpener(frames)
    index = opener.read_index(episode)
    return OpenEpisode(0, episode, -1, index, opener.open_frames(episode, index, FrameStart()))


def test_the_position_is_the_time_of_the_next_frame_or_of_the_last():
    opened = make_open(make_episode("a"), frames=2)
    positions = []
    for opened.next_index in range(4):
        positions.append(opened.position_ns)
    assert positions == [0, FRAME_NS, FRAME_NS, FRAME_NS]


def test_the_last_frame_lasts_as_long_as_the_one_before():
    assert duration_ns(TIMES_NS) == 400_000_000
    assert duration_ns([0]) == 0
    assert make_open(make_episode("a")).duration_ns == 5 * FRAME_NS


@pytest.mark.parametrize(
    ("frame_index", "position_s", "expected"),
    [
        (2, 0.0, 2),
        (0, 99.0, 0),
        (-1, 0.0, 0),
        (-1, 0.099, 0),
        (-1, 0.1, 1),
        (-1, 0.249, 1),
        (-1, 0.25, 2),
        (-1, 0.4, 2),
    ],
)
def test_a_frame_by_number_or_position(frame_index, position_s, expected):
    assert frame_index_at(TIMES_NS, frame_index, position_s) == expected


@pytest.mark.parametrize(
    ("frame_index", "position_s", "message"),
    [
        (3, 0.0, "no frame 3; there are 3"),
        (-1, 0.41, r"0.41 s is not within 0 to 0.4 s"),
        (-1, -0.1, "-0.1 s"),
        (-1, float("nan"), "nan"),
    ],
)
def test_a_frame_that_does_not_exist(frame_index, position_s, message):
    with pytest.raises(OdysseyError, match=message) as raised:
        frame_index_at(TIMES_NS, frame_index, position_s)
    assert raised.value.code is ErrorCode.BAD_ARGUMENT


def test_prompts_are_due_with_the_frame_that_shows_them_first():
    episode = make_episode("a", {0: "sea", 2: "storm", 3: "calm"})
    opened = make_open(episode)
    assert opened.start(make_frame(episode, 0)) == "sea"
    due = [list(opened.take_new_prompts(make_frame(episode, index))) for index in range(5)]
    assert due == [[], [], ["storm"], ["calm"], []]
    assert list(opened.remaining_prompts()) == []


def test_the_first_prompt_is_in_force_from_the_beginning():
    episode = make_episode("a", {2: "sea", 4: "storm"})
    opened = make_open(episode)
    assert opened.start(make_frame(episode, 0)) == "sea"
    assert list(opened.take_new_prompts(make_frame(episode, 0))) == []


def test_without_a_log_there_are_no_prompts():
    episode = make_episode("a")
    opened = make_open(episode)
    assert opened.start(make_frame(episode, 0)) == ""
    assert list(opened.take_new_prompts(make_frame(episode, 0))) == []
    assert opened.started


def test_an_episode_that_starts_later_starts_with_the_prompt_in_force():
    episode = make_episode("a", {0: "sea", 2: "storm", 4: "calm"})
    opened = make_open(episode)
    assert opened.start(make_frame(episode, 3)) == "storm"
    assert list(opened.take_new_prompts(make_frame(episode, 3))) == []
    assert list(opened.take_new_prompts(make_frame(episode, 4))) == ["calm"]


def test_prompts_by_time_instead_of_frame_number():
    events = (Event(EventKind.STARTED, 0, "sea"), Event(EventKind.PROMPTED, 2 * FRAME_NS, "storm"))
    episode = Episode("a", make_episode("a").video_path, EventLog(events))
    opened = make_open(episode)
    opened.start(make_frame(episode, 0))
    due = [list(opened.take_new_prompts(make_frame(episode, index))) for index in range(3)]
    assert due == [[], [], ["storm"]]


def test_prompts_without_a_frame_remain():
    episode = make_episode("a", {0: "sea", 9: "storm"}, ended_after=9)
    opened = make_open(episode)
    opened.start(make_frame(episode, 0))
    opened.take_new_prompts(make_frame(episode, 4))
    assert list(opened.remaining_prompts()) == ["storm"]


@pytest.mark.parametrize(("index", "due"), [(1, []), (3, ["storm"])])
def test_after_a_seek_only_a_change_of_the_prompt_is_due(index, due):
    episode = make_episode("a", {0: "sea", 2: "storm"})
    before = make_open(episode)
    before.start(make_frame(episode, 0))
    opened = make_open(episode)
    opened.continue_from(before)
    assert list(opened.take_new_prompts(make_frame(episode, index))) == due
    assert not opened.after_seek
