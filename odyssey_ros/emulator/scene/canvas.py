"""Draws into YUV 4:2:0 planes: backdrops, scrolling layers, sprites and particles.

Drawables are prepared once per prompt and drawn by copying, so that a frame costs little more than memory
bandwidth. Colours are limited-range BT.601. Positions of moving drawables are even, so that luma and chroma
stay aligned and a video encoder predicts the motion exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "RGB",
    "Backdrop",
    "Drawable",
    "Layer",
    "Particles",
    "Planes",
    "Sprite",
    "even",
    "mix",
    "scaled",
    "scroll",
    "swing",
    "yuv",
]

RGB = tuple[float, float, float]
"""A colour; each channel is 0 to 255, values outside of this range are clipped when drawn."""


def yuv(colour: RGB) -> tuple[int, int, int]:
    """Convert one RGB colour to limited-range BT.601."""
    red, green, blue = (min(max(channel, 0.0), 255.0) for channel in colour)
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Return the linear mix of two colours; `share`, 0 to 1, is the share of the second one."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def scaled(colour: RGB, factors: RGB) -> RGB:
    """Return `colour` with each channel multiplied by its factor."""
    red, green, blue = (channel * factor for channel, factor in zip(colour, factors, strict=True))
    return (red, green, blue)


def even(value: float) -> int:
    """Return the largest even number that is not greater than `value`, which is not negative."""
    return int(value) // 2 * 2


@dataclass(frozen=True, slots=True)
class Planes:
    """The planes of an image: `y` is H x W, `u` and `v` are H/2 x W/2, all uint8; H and W are even."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]

    @classmethod
    def filled(cls, width: int, height: int, colour: RGB) -> Planes:
        """Return new planes filled with one colour."""
        luma, blue, red = yuv(colour)
        half = (height // 2, width // 2)
        return cls(
            np.full((height, width), luma, dtype=np.uint8),
            np.full(half, blue, dtype=np.uint8),
            np.full(half, red, dtype=np.uint8),
        )

    @classmethod
    def gradient(cls, width: int, height: int, stops: list[tuple[float, RGB]]) -> Planes:
        """Return new planes with a vertical gradient through `stops`: positions, 0 to 1, with colours."""
        positions = [position for position, _ in stops]
        colours = np.array([yuv(colour) for _, colour in stops], dtype=np.float32)
        rows = np.linspace(0.0, 1.0, height)
        channels = [
            np.interp(rows, positions, colours[:, channel]).round().astype(np.uint8) for channel in range(3)
        ]
        return cls(
            np.repeat(channels[0][:, None], width, axis=1),
            np.repeat(channels[1][::2, None], width // 2, axis=1),
            np.repeat(channels[2][::2, None], width // 2, axis=1),
        )

    @classmethod
    def from_rgb(cls, image: NDArray[np.uint8]) -> Planes:
        """Convert an H x W x 3 uint8 RGB image with even sides."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        view = cls.of_frame(frame.reformat(format="yuv420p"))
        return cls(view.y.copy(), view.u.copy(), view.v.copy())

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Planes:
        """Return writable views of the planes of a yuv420p frame."""
        height, width = frame.height, frame.width
        sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        views = [
            np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)[:rows, :columns]  # type: ignore[call-overload]
            for plane, (rows, columns) in zip(frame.planes, sizes, strict=True)
        ]
        return cls(*views)

    @property
    def width(self) -> int:
        """Width in luma pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Height in luma pixels."""
        return int(self.y.shape[0])

    def crop(self, left: int, top: int, width: int, height: int) -> Planes:
        """Return a view of a rectangle in luma pixels; all four arguments are even."""
        half = (slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2))
        return Planes(self.y[top : top + height, left : left + width], self.u[half], self.v[half])

    def paste(self, other: Planes) -> None:
        """Copy planes of the same size into these planes."""
        np.copyto(self.y, other.y)
        np.copyto(self.u, other.u)
        np.copyto(self.v, other.v)

    def paint(self, mask: NDArray[np.bool_], colour: RGB) -> None:
        """Set every pixel in an H x W mask to `colour`."""
        luma, blue, red = yuv(colour)
        self.y[mask] = luma
        half = mask[::2, ::2]
        self.u[half] = blue
        self.v[half] = red

    def blend(self, alpha: NDArray[np.float32], colour: RGB) -> None:
        """Blend `colour` over the planes by an H x W `alpha`, 0 to 1."""
        luma, blue, red = yuv(colour)
        half = alpha[::2, ::2]
        for plane, weight, value in ((self.y, alpha, luma), (self.u, half, blue), (self.v, half, red)):
            mixed = plane + (value - plane.astype(np.float32)) * weight
            np.copyto(plane, mixed.round(), casting="unsafe")

    def shade(self, delta: NDArray[np.floating]) -> None:
        """Add `delta`, broadcast to H x W, to the luma."""
        np.copyto(self.y, np.clip(self.y + delta, 16, 235), casting="unsafe")

    def tiled(self, extra: int) -> Planes:
        """Return the planes with their first `extra` columns (even) appended, for wrap-around scrolling."""
        half = extra // 2
        return Planes(
            np.concatenate((self.y, self.y[:, :extra]), axis=1),
            np.concatenate((self.u, self.u[:, :half]), axis=1),
            np.concatenate((self.v, self.v[:, :half]), axis=1),
        )


class Drawable(Protocol):
    """An element of a scene."""

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the element into `target` at stream time `time_ms`, in milliseconds."""


def scroll(speed: float, period: int) -> Callable[[int], int]:
    """Return an offset function for steady motion that wraps around.

    Args:
        speed: speed, in pixels per second.
        period: number of pixels after which the offset starts again from 0.

    Returns:
        A function from the stream time in milliseconds to an even offset in pixels.
    """
    return lambda time_ms: int(time_ms * speed / 2000) * 2 % period


def swing(amplitude: int, seconds: float, phase: float = 0.0) -> Callable[[int], int]:
    """Return an offset function for oscillation.

    Args:
        amplitude: largest offset, in pixels; the smallest is 0.
        seconds: period of the oscillation.
        phase: initial phase as a share of the period, 0 to 1.

    Returns:
        A function from the stream time in milliseconds to an even offset in pixels.
    """

    def offset(time_ms: int) -> int:
        angle = 2 * math.pi * (time_ms / 1000 / seconds + phase)
        return int((1 - math.cos(angle)) / 4 * amplitude) * 2

    return offset


def _no_offset(time_ms: int) -> int:  # noqa: ARG001 - the signature of an offset function
    return 0


class Backdrop:
    """An image at least as large as the viewport, part of which is visible.

    Args:
        planes: the image.
        x: returns the left column of the visible part for a stream time in milliseconds; even.
        y: returns the top row of the visible part for a stream time in milliseconds; even.
    """

    def __init__(
        self, planes: Planes, x: Callable[[int], int] = _no_offset, y: Callable[[int], int] = _no_offset
    ) -> None:
        self._planes = planes
        self._x = x
        self._y = y
        self._bottom: int | None = None

    def clip(self, bottom: int | None) -> None:
        """Do not draw the rows from `bottom` (even) on, because they are hidden; None draws all rows."""
        self._bottom = bottom

    def draw(self, target: Planes, time_ms: int) -> None:
        """Copy the visible part into `target`."""
        width, height = target.width, target.height if self._bottom is None else self._bottom
        target.crop(0, 0, width, height).paste(
            self._planes.crop(self._x(time_ms), self._y(time_ms), width, height)
        )


class Layer:
    """A strip of scenery that scrolls sideways.

    Attributes:
        top: first row of the viewport that the layer may cover; even.
        bottom: row after the last row of the layer.
        solid: first row from which on the layer is opaque; even.

    Args:
        planes: the strip; as wide as the largest offset plus the width of the viewport.
        top: first row of the viewport that the layer covers; even.
        offset: returns the first visible column for a stream time in milliseconds; even.
        mask: H x W mask of the opaque pixels; None if all pixels are opaque.
    """

    def __init__(
        self,
        planes: Planes,
        top: int,
        offset: Callable[[int], int] = _no_offset,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        self.top = top
        self.bottom = top + planes.height
        self.solid = top
        self._planes = planes
        self._offset = offset
        self._holes = planes
        if mask is not None:
            ragged = np.flatnonzero(~mask.all(axis=1))
            fringe = min((int(ragged[-1]) + 2) // 2 * 2, planes.height) if ragged.size else 0
            self.solid += fringe
            # Clearing with AND and filling with OR is several times faster than a masked copy.
            shown, half = mask[:fringe], mask[:fringe:2, ::2]
            for plane, kept in ((planes.y, shown), (planes.u, half), (planes.v, half)):
                plane[: kept.shape[0]] *= kept
            self._holes = Planes(*(np.where(kept, 0, 255).astype(np.uint8) for kept in (shown, half, half)))

    def clip(self, bottom: int) -> None:
        """Do not draw the rows from `bottom` (even) on, because they are hidden."""
        self.bottom = max(min(self.bottom, bottom), self.top)

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the visible part of the layer into `target`."""
        left, width = self._offset(time_ms), target.width
        rows = self.bottom - self.top
        fringe = min(self.solid - self.top, rows)
        view = target.crop(0, self.top, width, rows)
        source = self._planes.crop(left, 0, width, rows)
        view.crop(0, fringe, width, rows - fringe).paste(source.crop(0, fringe, width, rows - fringe))
        if fringe:
            holes = self._holes.crop(left, 0, width, fringe)
            edge, filling = view.crop(0, 0, width, fringe), source.crop(0, 0, width, fringe)
            for plane, hole, fill in (
                (edge.y, holes.y, filling.y),
                (edge.u, holes.u, filling.u),
                (edge.v, holes.v, filling.v),
            ):
                np.bitwise_and(plane, hole, out=plane)
                np.bitwise_or(plane, fill, out=plane)


class Sprite:
    """A small image with soft edges that moves over the scene.

    Args:
        image: an image with an alpha channel; odd sides lose their last row or column.
        x: returns the left column of the image for a stream time in milliseconds; may be out of view.
        y: returns the top row of the image for a stream time in milliseconds; may be out of view.
    """

    def __init__(self, image: Image.Image, x: Callable[[int], int], y: Callable[[int], int]) -> None:
        pixels = np.asarray(image.convert("RGBA"))
        pixels = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
        self.height, self.width = pixels.shape[:2]
        self._x = x
        self._y = y
        planes = Planes.from_rgb(pixels[..., :3])
        # Alpha is scaled to 0 to 256, so that blending ends in a shift and opaque pixels stay exact.
        alpha = pixels[..., 3].astype(np.uint16)
        alpha = alpha + (alpha >> 7)
        half = alpha.reshape(self.height // 2, 2, self.width // 2, 2).mean(axis=(1, 3)).astype(np.uint16)
        self._parts = (
            (planes.y * alpha, 256 - alpha),
            (planes.u * half, 256 - half),
            (planes.v * half, 256 - half),
        )

    def draw(self, target: Planes, time_ms: int) -> None:
        """Blend the visible part of the sprite into `target`."""
        x, y = self._x(time_ms) // 2 * 2, self._y(time_ms) // 2 * 2
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + self.width, target.width), min(y + self.height, target.height)
        if left >= right or top >= bottom:
            return
        for plane, (colour, rest), scale in zip(
            (target.y, target.u, target.v), self._parts, (1, 2, 2), strict=True
        ):
            view = plane[top // scale : bottom // scale, left // scale : right // scale]
            part = (
                slice((top - y) // scale, (bottom - y) // scale),
                slice((left - x) // scale, (right - x) // scale),
            )
            np.copyto(view, (colour[part] + view * rest[part]) >> 8, casting="unsafe")


class Particles:
    """Small rectangles that drift: stars, rain, snow.

    Args:
        rng: chooses positions and speeds.
        count: number of particles.
        area: width and height, in pixels, of the area in which the particles drift; they wrap around.
        size: width and height of a particle, in pixels.
        velocity: mean velocity to the right and down, in pixels per second; each particle differs by up to a
            third.
        luma: luma of the particles.
        slant: shift of each row of a particle to the right, in pixels per row; not negative.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        count: int,
        *,
        area: tuple[int, int],
        size: tuple[int, int],
        velocity: tuple[float, float],
        luma: int,
        slant: float = 0.0,
    ) -> None:
        width, height = size
        self._span = (area[0] - width - math.ceil(slant * height), area[1] - height)
        self._origin = rng.uniform(0, 1, (2, count)) * np.array(self._span)[:, None]
        pace = rng.uniform(0.67, 1.33, count)
        self._velocity = np.array(velocity)[:, None] * pace
        rows, columns = np.mgrid[0:height, 0:width]
        columns = columns + np.round(rows * slant).astype(int)
        self._rows, self._columns = rows.ravel(), columns.ravel()
        self._luma = luma

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw all particles into `target`."""
        places = (self._origin + self._velocity * (time_ms / 1000)) % np.array(self._span)[:, None]
        xs, ys = places.astype(np.intp)
        target.y[ys[:, None] + self._rows, xs[:, None] + self._columns] = self._luma
