"""The pictures of a stream: a procedural world that moves, and answers every prompt.

A scene is painted when its prompt changes (`landscapes`); a frame is then drawn by copying into the planes of
a YUV 4:2:0 frame, with no colour conversion. Above the lowest 96 rows is the world; below it are the prompt,
the stream time and the frame counter, for people (`captions`) and for software (`marker`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, ImageOps

from odyssey_ros.emulator.scene import landscapes, skies
from odyssey_ros.emulator.scene.canvas import Backdrop, Drawable, Planes, swing
from odyssey_ros.emulator.scene.captions import CAPTION_HEIGHT, Caption
from odyssey_ros.emulator.scene.landscapes import Painting
from odyssey_ros.emulator.scene.looks import Look
from odyssey_ros.emulator.scene.marker import MARKER_WIDTH, Marker, draw_marker, prompt_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scene", "make_scene"]

_TIME_BASE = Fraction(1, 1000)
_MIN_HEIGHT = 288


def make_scene(prompt: str, width: int, height: int, *, seed_image: NDArray[np.uint8] | None = None) -> Scene:
    """Return the scene that a stream shows when it starts with ``prompt``.

    Takes some tens of milliseconds of CPU. The same arguments give the same pictures.

    Args:
        prompt: any text; its words choose the place, the time of day, the weather and a colour.
        width: of the frames; even, at least 704.
        height: of the frames; even, at least 288.
        seed_image: H x W x 3 RGB uint8 of any size; the stream begins from it.

    Raises:
        ValueError: the size cannot hold the marker, or the picture has another shape.
    """
    if width % 2 or height % 2 or width < MARKER_WIDTH or height < _MIN_HEIGHT:
        raise ValueError(
            f"a scene needs even sides of at least {MARKER_WIDTH} x {_MIN_HEIGHT}, not {width} x {height}"
        )
    if seed_image is not None and (seed_image.ndim != 3 or seed_image.shape[2] != 3 or not seed_image.size):
        raise ValueError(f"a seed image has the shape H x W x 3, not {seed_image.shape}")
    return Scene(prompt, width, height, seed_image)


class Scene:
    """A running world.

    `render` may run in one thread while `interact` runs in another: a frame shows the world wholly before or
    wholly after the prompt.

    Attributes:
        width: width of the frames, pixels.
        height: height of the frames, pixels.
    """

    def __init__(self, prompt: str, width: int, height: int, seed_image: NDArray[np.uint8] | None) -> None:
        """Paint the world; see `make_scene`."""
        self.width = width
        self.height = height
        self._picture = (
            None if seed_image is None else _SeedPicture(seed_image, width, height - CAPTION_HEIGHT)
        )
        self._look = Look.from_prompt(prompt)
        self._shown = self._paint(prompt, answered=False)

    @property
    def prompt(self) -> str:
        """The prompt in force."""
        return self._shown[0]

    def interact(self, prompt: str) -> None:
        """Change the world as ``prompt`` says, in some tens of ms of CPU; the next frame shows it."""
        self._look = self._look.after(prompt)
        self._shown = self._paint(prompt, answered=True)

    def render(self, stream_time_ms: int, counter: int) -> av.VideoFrame:
        """Draw one frame.

        Args:
            stream_time_ms: time since the stream began, milliseconds.
            counter: number of the frame in its stream, from 0.

        Returns:
            A new yuv420p frame with ``pts`` in milliseconds of the stream.
        """
        prompt, painting, caption = self._shown
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        planes = Planes.of_frame(frame)
        painting.draw(planes.crop(0, 0, self.width, self.height - CAPTION_HEIGHT), stream_time_ms)
        caption.draw(planes, stream_time_ms, counter)
        draw_marker(planes.y, Marker(counter, stream_time_ms, prompt_digest(prompt)))
        frame.pts = stream_time_ms
        frame.time_base = _TIME_BASE
        return frame

    def _paint(self, prompt: str, *, answered: bool) -> tuple[str, Painting, Caption]:
        size = (self.width, self.height - CAPTION_HEIGHT)
        if self._picture is None:
            painting = landscapes.paint(self._look, *size)
        else:
            painting = self._picture.paint(self._look, answered=answered)
        return prompt, painting, Caption(prompt, self.width)


class _SeedPicture:
    """The picture that a stream began from: the view wanders over it, and prompts change its light."""

    _MARGIN = 0.06

    def __init__(self, image: NDArray[np.uint8], width: int, height: int) -> None:
        self._size = (width, height)
        self._pan = (int(width * self._MARGIN) // 2 * 2, int(height * self._MARGIN) // 2 * 2)
        larger = (width + self._pan[0], height + self._pan[1])
        fitted = ImageOps.fit(Image.fromarray(np.ascontiguousarray(image)), larger, Image.Resampling.BICUBIC)
        self._planes = Planes.from_rgb(np.asarray(fitted))

    def paint(self, look: Look, *, answered: bool) -> Painting:
        """Return the picture as it is, or in the light of ``look`` when a prompt has been ``answered``."""
        width, height = self._size
        planes = self._planes
        drawables: list[Drawable] = []
        if answered:
            planes, drawables = skies.relit(planes, look), skies.visitors(look, width, height)
        # The view begins at the middle of the picture.
        across, along = swing(self._pan[0], 24.0, 0.25), swing(self._pan[1], 17.0, 0.25)
        return Painting(Backdrop(planes, across, along), drawables)
