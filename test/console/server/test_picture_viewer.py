"""A slow viewer gets fewer pictures, never old ones, and asks for key frames ever more rarely."""

from __future__ import annotations

from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.picture_packets import PicturePacket
from odyssey_ros.console.server.picture_viewer import (
    FIRST_DELAY_S,
    MAX_DELAY_S,
    MAX_UNACKNOWLEDGED_BYTES,
    MAX_UNACKNOWLEDGED_JPEGS,
    MAX_UNACKNOWLEDGED_S,
    RECOVERED_S,
    PictureViewer,
)


class Scene:
    """A viewer, a clock, and pictures with rising numbers."""

    def __init__(self) -> None:
        self.now = 100.0
        self.viewer = PictureViewer(lambda: self.now)
        self.number = 0

    def video(self, *, key: bool = False, size: int = 1000) -> bool:
        return self._offer(Codec.H264, key=key, size=size)

    def jpeg(self, size: int = 1000) -> bool:
        return self._offer(Codec.JPEG, key=True, size=size)

    def _offer(self, codec: Codec, *, key: bool, size: int) -> bool:
        self.number += 1
        return self.viewer.offer(PicturePacket(codec, key, self.number, bytes(size)))

    def sent(self) -> list[int]:
        numbers = []
        while (packet := self.viewer.take()) is not None:
            numbers.append(packet.number)
        return numbers

    def fall_behind(self) -> None:
        """Send a picture that is not acknowledged in time, so that the next one is dropped."""
        assert self.video(key=True)
        self.now += MAX_UNACKNOWLEDGED_S + 0.1
        assert not self.video()


def test_a_new_viewer_begins_with_a_key_frame_and_asks_for_one():
    scene = Scene()
    assert not scene.video()
    assert scene.viewer.needs_key_frame()
    assert not scene.viewer.needs_key_frame()  # once is enough for a while
    assert scene.video(key=True)
    assert scene.video()
    assert scene.sent() == [2, 3]
    assert scene.viewer.dropped == 0
    scene.now += 60
    assert not scene.viewer.needs_key_frame()


def test_a_viewer_that_acknowledges_gets_everything():
    scene = Scene()
    for number in range(100):
        assert scene.video(key=number == 0)
        scene.now += 0.1
        scene.viewer.acknowledge(scene.number - 3)
    assert scene.sent() == list(range(1, 101))
    assert scene.viewer.dropped == 0


def test_nothing_is_sent_while_the_oldest_picture_is_not_acknowledged_in_time():
    scene = Scene()
    scene.fall_behind()
    assert not scene.video(key=True)  # even a key frame would only be late
    assert not scene.viewer.needs_key_frame()
    assert scene.sent() == [1]
    assert scene.viewer.dropped == 2
    scene.viewer.acknowledge(1)
    assert not scene.video()  # a picture without the ones before it cannot be decoded
    assert scene.video(key=True)
    assert scene.sent() == [scene.number]


def test_unacknowledged_bytes_are_bounded_but_one_picture_may_be_larger():
    scene = Scene()
    assert scene.video(key=True, size=MAX_UNACKNOWLEDGED_BYTES + 1)
    assert not scene.video(size=1)
    scene.viewer.acknowledge(1)
    assert scene.video(key=True, size=MAX_UNACKNOWLEDGED_BYTES // 2)
    assert scene.video(size=MAX_UNACKNOWLEDGED_BYTES // 4)
    assert not scene.video(size=MAX_UNACKNOWLEDGED_BYTES // 3)


def test_acknowledgements_of_other_pictures_are_ignored():
    scene = Scene()
    assert scene.video(key=True)
    for number in (0, 2, -1, 2**40):
        scene.viewer.acknowledge(number)
    scene.now += MAX_UNACKNOWLEDGED_S + 0.1
    assert not scene.video()


def test_a_viewer_that_falls_behind_again_and_again_asks_ever_more_rarely():
    scene = Scene()
    delays = []
    for _ in range(8):
        scene.fall_behind()
        scene.viewer.acknowledge(scene.number - 1)
        begin = scene.now
        while not scene.viewer.needs_key_frame():
            scene.now += 0.25
        delays.append(scene.now - begin)
    assert delays == sorted(delays)
    assert delays[0] >= FIRST_DELAY_S
    assert delays[-1] == MAX_DELAY_S


def test_a_viewer_that_has_kept_up_asks_soon_again():
    scene = Scene()
    for _ in range(5):
        scene.fall_behind()
        scene.viewer.acknowledge(scene.number - 1)
    assert scene.video(key=True)
    scene.viewer.acknowledge(scene.number)
    scene.now += RECOVERED_S
    assert scene.video()
    scene.now += MAX_UNACKNOWLEDGED_S + 0.1
    assert not scene.video()
    assert not scene.viewer.needs_key_frame()  # it has not caught up yet
    scene.viewer.acknowledge(scene.number - 1)
    assert scene.viewer.needs_key_frame()
    assert not scene.viewer.needs_key_frame()
    scene.now += FIRST_DELAY_S
    assert scene.viewer.needs_key_frame()


def test_of_jpeg_only_the_newest_waits():
    scene = Scene()
    for _ in range(MAX_UNACKNOWLEDGED_JPEGS):
        assert scene.jpeg()
    for _ in range(5):
        assert not scene.jpeg()
    assert scene.sent() == [1, 2, 3]
    assert scene.viewer.dropped == 4
    assert scene.viewer.acknowledge(1)
    assert scene.sent() == [scene.number]
    assert not scene.viewer.acknowledge(2)
    assert scene.sent() == []


def test_a_jpeg_replaces_the_one_that_waits_also_when_there_is_room_again():
    scene = Scene()
    assert scene.jpeg(MAX_UNACKNOWLEDGED_BYTES)
    assert not scene.jpeg(MAX_UNACKNOWLEDGED_BYTES)
    scene.now += MAX_UNACKNOWLEDGED_S + 1
    assert not scene.jpeg()
    assert scene.viewer.acknowledge(1)
    assert scene.sent() == [1, 3]


def test_h264_after_jpeg_begins_with_a_key_frame():
    scene = Scene()
    assert scene.video(key=True)
    scene.viewer.acknowledge(1)
    assert scene.jpeg()
    assert not scene.video()
    assert scene.video(key=True)


def test_a_restart_forgets_what_was_sent():
    scene = Scene()
    scene.fall_behind()
    scene.viewer.restart()
    assert scene.sent() == []
    assert not scene.video()
    assert scene.video(key=True)


def test_a_viewer_that_restarts_again_and_again_asks_ever_more_rarely():
    """A page whose decoder is too slow does this."""
    scene = Scene()
    delays = []
    for _ in range(6):
        assert scene.video(key=True)
        scene.viewer.restart()
        begin = scene.now
        while not scene.viewer.needs_key_frame():
            scene.now += 0.25
        delays.append(scene.now - begin)
    assert delays[0] >= FIRST_DELAY_S
    assert delays[-1] == MAX_DELAY_S
