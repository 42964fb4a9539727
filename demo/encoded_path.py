"""Decodes the encoded topic of a bridge again, and compares the pictures with those of the raw topic."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.error import FFmpegError

if TYPE_CHECKING:
    from sensor_msgs.msg import Image

PIXEL_FORMATS = {"rgb8": ("rgb24", 3), "bgr8": ("bgr24", 3), "mono8": ("gray", 1)}
MAX_WAITING_IMAGES = 8  # of 2.7 MB; an image beyond it is not compared
MAX_UNPAIRED = 60


class EncodedPath:
    """Decodes and compares on a thread of its own, so that the latency of the images is not affected.

    Attributes:
        received: Number of encoded frames.
        size: Bytes of all encoded frames.
        codec: The codec, for example `h264`; empty before the first frame.
        decoded: Number of frames that were decoded.
        compared: Number of frames of which the raw topic had an image with the same header.
        equal: Number of those whose pixels are all equal.
    """

    def __init__(self) -> None:
        self.received = self.size = self.decoded = self.compared = self.equal = 0
        self.codec = ""
        self._decoder: Any = None
        self._pictures: dict[tuple[str, int], av.VideoFrame] = {}
        self._images: dict[tuple[str, int], Image] = {}
        self._queue: deque[tuple[str, Any]] = deque()
        self._waiting_images = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="encoded_path", daemon=True)
        self._thread.start()

    def packet_received(self, message: Any) -> None:
        """Queue an encoded frame (`FFMPEGPacket`)."""
        self.received += 1
        self.size += len(message.data)
        with self._changed:
            self._queue.append(("packet", message))
            self._changed.notify()

    def image_received(self, message: Image) -> None:
        """Queue an image, to compare it."""
        with self._changed:
            if self._waiting_images < MAX_WAITING_IMAGES:
                self._waiting_images += 1
                self._queue.append(("image", message))
                self._changed.notify()

    def close(self, timeout: float) -> None:
        """Compare what waits, at most for `timeout` seconds, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if not self._queue:
                    return
                kind, message = self._queue.popleft()
            key = (message.header.frame_id, message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
            if kind == "packet":
                self._decode(message, key)
            else:
                self._images[key] = message
            self._compare(key)
            self._discard()

    def _decode(self, message: Any, key: tuple[str, int]) -> None:
        codec = message.encoding.partition(";")[0]
        if codec != self.codec:
            self.codec, self._decoder = codec, av.CodecContext.create(codec, "r")
        try:
            for picture in self._decoder.decode(av.Packet(bytes(message.data))):
                self.decoded += 1
                self._pictures[key] = picture
        except FFmpegError:
            self._pictures.pop(key, None)  # the frame counts as received and not as decoded

    def _compare(self, key: tuple[str, int]) -> None:
        if key not in self._pictures or key not in self._images:
            return
        image, (pixel_format, depth) = self._images[key], PIXEL_FORMATS[self._images[key].encoding]
        rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)[:, : image.width * depth]
        again = self._pictures[key].to_ndarray(format=pixel_format)
        self.compared += 1
        self.equal += np.array_equal(rows, again.reshape(again.shape[0], -1))
        self._pictures.pop(key)
        self._forget_image(key)

    def _discard(self) -> None:
        """Forget the oldest frames that have no counterpart."""
        while len(self._pictures) > MAX_UNPAIRED:
            del self._pictures[next(iter(self._pictures))]
        while len(self._images) >= MAX_WAITING_IMAGES:
            self._forget_image(next(iter(self._images)))

    def _forget_image(self, key: tuple[str, int]) -> None:
        del self._images[key]
        with self._changed:
            self._waiting_images -= 1
