"""Renders the frames of a stream: a procedural world that moves and changes with every prompt.

A scene is painted when its prompt changes (`landscapes`); frames are then drawn by copying into the planes of
a YUV 4:2:0 frame, without colour conversion. The lowest 96 rows contain the prompt, the stream time and the
frame counter, both human-readable (`captions`) and machine-readable (`marker`). The rows above them show the
world.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, ImageOps

from odyssey_ros.emulator.scene import landscapes, skies
from odyssey_ros.emulator.scene.canvas import Backdrop, Drawable, Planes, even, swing
from odyssey_ros.emulator.scene.captions import CAPTION_HEIGHT, Caption
from odyssey_ros.emulator.scene.landscapes import Painting
from odyssey_ros.emulator.scene.looks import Look
from odyssey_ros.emulator.scene.marker import MARKER_WIDTH, Marker, draw_marker, prompt_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scene", "World", "make_scene"]

_TIME_BASE = Fraction(1, 1000)
_MIN_HEIGHT = 288


def make_scene(prompt: str, width: int, height: int, *, seed_image: NDArray[np.uint8] | None = None) -> Scene:
    """Return the scene of a stream that starts with `prompt`.

    Takes some tens of milliseconds of CPU time. The same arguments give the same frames.

    Args:
        prompt: any text; its words choose the place, the time of day, the weather and the accent colour.
        width: width of the frames, in pixels; even, at least 704.
        height: height of the frames, in pixels; even, at least 288.
        seed_image: H x W x 3 RGB uint8 of any size, shown instead of a painted place.

    Raises:
        ValueError: the size is odd or too small, or the seed image has another shape.
    """
    if width % 2 or height % 2 or width < MARKER_WIDTH or height < _MIN_HEIGHT:
        raise ValueError(
            f"a scene needs even sides of at least {MARKER_WIDTH} x {_MIN_HEIGHT}, not {width} x {height}"
        )
    if seed_image is not None and (seed_image.ndim != 3 or seed_image.shape[2] != 3 or not seed_image.size):
        raise ValueError(f"a seed image has the shape H x W x 3, not {seed_image.shape}")
    return Scene(prompt, width, height, seed_image)


@dataclass(frozen=True, slots=True)
class World:
    """What frames show from one prompt to the next; made by `Scene.prepare`."""

    prompt: str
    painting: Painting
    caption: Caption


class Scene:
    """The world of a stream, made by `make_scene`.

    One thread may call `render` while another calls `prepare`: frames show the change from `show` on.

    Attributes:
        width: width of the frames, in pixels.
        height: height of the frames, in pixels.
    """

    def __init__(self, prompt: str, width: int, height: int, seed_image: NDArray[np.uint8] | None) -> None:
        self.width = width
        self.height = height
        self._seed_image = (
            None if seed_image is None else _SeedImage(seed_image, width, height - CAPTION_HEIGHT)
        )
        self._look = Look.from_prompt(prompt)
        self._current = self._paint(prompt, prompted=False)

    @property
    def prompt(self) -> str:
        """The prompt that frames show now."""
        return self._current.prompt

    def prepare(self, prompt: str) -> World:
        """Return the world as `prompt` changes it, after all prompts that were prepared before.

        Takes some tens of milliseconds of CPU time.
        """
        self._look = self._look.after(prompt)
        return self._paint(prompt, prompted=True)

    def show(self, world: World) -> None:
        """Show a prepared world from the next frame on; takes no time."""
        self._current = world

    def interact(self, prompt: str) -> None:
        """Change the world by `prompt`; the next frame shows the change.

        Takes some tens of milliseconds of CPU time.
        """
        self.show(self.prepare(prompt))

    def render(self, stream_time_ms: int, counter: int) -> av.VideoFrame:
        """Draw one frame.

        Args:
            stream_time_ms: time since the start of the stream, in milliseconds.
            counter: number of the frame in the stream, from 0.

        Returns:
            A new yuv420p frame whose `pts` is the stream time in milliseconds.
        """
        world = self._current
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        planes = Planes.of_frame(frame)
        world.painting.draw(planes.crop(0, 0, self.width, self.height - CAPTION_HEIGHT), stream_time_ms)
        world.caption.draw(planes, stream_time_ms, counter)
        draw_marker(planes.y, Marker(counter, stream_time_ms, prompt_digest(world.prompt)))
        frame.pts = stream_time_ms
        frame.time_base = _TIME_BASE
        return frame

    def _paint(self, prompt: str, *, prompted: bool) -> World:
        size = (self.width, self.height - CAPTION_HEIGHT)
        if self._seed_image is None:
            painting = landscapes.paint(self._look, *size)
        else:
            painting = self._seed_image.paint(self._look, prompted=prompted)
        return World(prompt, painting, Caption(prompt, self.width))


class _SeedImage:
    """The image from which a stream starts: the view moves over the image, and prompts change its light."""

    _MARGIN = 0.06

    def __init__(self, image: NDArray[np.uint8], width: int, height: int) -> None:
        self._size = (width, height)
        self._pan = (even(width * self._MARGIN), even(height * self._MARGIN))
        larger = (width + self._pan[0], height + self._pan[1])
        fitted = ImageOps.fit(Image.fromarray(np.ascontiguousarray(image)), larger, Image.Resampling.BICUBIC)
        self._planes = Planes.from_rgb(np.asarray(fitted))

    def paint(self, look: Look, *, prompted: bool) -> Painting:
        """Return the image as a painting; it has the light of `look` once a prompt was sent (`prompted`)."""
        width, height = self._size
        planes = self._planes
        drawables: list[Drawable] = []
        if prompted:
            planes, drawables = skies.relit(planes, look), skies.overlays(look, width, height)
        # The view starts at the middle of the image.
        across, along = swing(self._pan[0], 24.0, 0.25), swing(self._pan[1], 17.0, 0.25)
        return Painting(Backdrop(planes, across, along), drawables)
