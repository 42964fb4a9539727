"""H.264 is preferred; JPEG is used when it cannot come, or does not come."""

from __future__ import annotations

from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.picture_choice import CERTAIN_S, SILENCE_S, PictureChoice

BOTH = frozenset((Codec.H264, Codec.JPEG))


class Scene:
    def __init__(self, *codecs: Codec) -> None:
        self.now = 50.0
        self.choice = PictureChoice(frozenset(codecs), lambda: self.now)


def test_only_h264_is_wanted_while_it_comes():
    scene = Scene(*BOTH)
    for _ in range(10):
        scene.now += SILENCE_S - 0.1
        assert scene.choice.wanted() == {Codec.H264}
        assert scene.choice.video_comes()
        scene.choice.video_came()
        assert not scene.choice.takes_jpeg()


def test_jpeg_is_wanted_when_h264_is_silent_and_shown_when_it_comes_alone():
    scene = Scene(*BOTH)
    scene.now += SILENCE_S
    assert scene.choice.wanted() == BOTH
    assert not scene.choice.video_comes()
    assert not scene.choice.takes_jpeg()  # H.264 may begin at the same time
    scene.now += CERTAIN_S
    assert scene.choice.takes_jpeg()


def test_h264_that_returns_ends_jpeg():
    scene = Scene(*BOTH)
    scene.now += SILENCE_S
    scene.choice.takes_jpeg()
    scene.now += CERTAIN_S
    assert scene.choice.takes_jpeg()
    scene.choice.video_came()
    assert not scene.choice.takes_jpeg()
    assert scene.choice.wanted() == {Codec.H264}


def test_a_pause_of_both_does_not_change_the_source():
    scene = Scene(*BOTH)
    scene.choice.video_came()
    scene.now += 100
    assert not scene.choice.takes_jpeg()
    scene.choice.video_came()
    scene.now += SILENCE_S
    assert not scene.choice.takes_jpeg()


def test_without_h264_jpeg_is_shown_at_once():
    scene = Scene(Codec.JPEG)
    assert scene.choice.wanted() == {Codec.JPEG}
    assert scene.choice.takes_jpeg()
    assert not scene.choice.video_comes()


def test_a_page_without_jpeg_waits_for_h264():
    scene = Scene(Codec.H264)
    scene.now += SILENCE_S
    assert scene.choice.wanted() == {Codec.H264}


def test_nothing_is_wanted_of_a_node_without_pictures():
    assert Scene().choice.wanted() == set()
