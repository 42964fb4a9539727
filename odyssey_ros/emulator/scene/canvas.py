"""Drawing into YUV 4:2:0 planes: scrolling layers, sprites and particles.

Everything here is prepared once per prompt and drawn by copying, so that a frame costs memory bandwidth and
little else. Colours are limited-range BT.601; positions of moving things are even, so luma and chroma stay
together and the motion is one that a video coder predicts exactly.
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
"""A colour, each channel 0 to 255; channels outside of it are clipped when drawn."""


def yuv(colour: RGB) -> tuple[int, int, int]:
    """Convert one RGB colour to limited-range BT.601."""
    red, green, blue = (min(max(channel, 0.0), 255.0) for channel in colour)
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Return the colour that lies between two by ``share``, from 0 to 1, of the way."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def scaled(colour: RGB, factors: RGB) -> RGB:
    """Return ``colour``, each channel times its factor."""
    red, green, blue = (channel * factor for channel, factor in zip(colour, factors, strict=True))
    return (red, green, blue)


def even(value: float) -> int:
    """Return the even number at or below ``value``."""
    return int(value) // 2 * 2


@dataclass(frozen=True, slots=True)
class Planes:
    """The planes of a picture: ``y`` is H x W, ``u`` and ``v`` are H/2 x W/2, all uint8; H and W are even."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]

    @classmethod
    def filled(cls, width: int, height: int, colour: RGB) -> Planes:
        """Return new planes of one colour."""
        luma, blue, red = yuv(colour)
        half = (height // 2, width // 2)
        return cls(
            np.full((height, width), luma, dtype=np.uint8),
            np.full(half, blue, dtype=np.uint8),
            np.full(half, red, dtype=np.uint8),
        )

    @classmethod
    def gradient(cls, width: int, height: int, stops: list[tuple[float, RGB]]) -> Planes:
        """Return new planes with a vertical gradient through ``stops``: (place, from 0 to 1; colour)."""
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
        """Convert an H x W x 3 RGB picture with even sides."""
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
        """Return a view of a rectangle; all four are even."""
        half = (slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2))
        return Planes(self.y[top : top + height, left : left + width], self.u[half], self.v[half])

    def paste(self, other: Planes) -> None:
        """Copy a picture of the same size into this one."""
        np.copyto(self.y, other.y)
        np.copyto(self.u, other.u)
        np.copyto(self.v, other.v)

    def paint(self, mask: NDArray[np.bool_], colour: RGB) -> None:
        """Set every pixel of an H x W mask to ``colour``."""
        luma, blue, red = yuv(colour)
        self.y[mask] = luma
        half = mask[::2, ::2]
        self.u[half] = blue
        self.v[half] = red

    def blend(self, alpha: NDArray[np.float32], colour: RGB) -> None:
        """Mix ``colour`` in by an H x W ``alpha`` from 0 to 1."""
        luma, blue, red = yuv(colour)
        half = alpha[::2, ::2]
        for plane, weight, value in ((self.y, alpha, luma), (self.u, half, blue), (self.v, half, red)):
            mixed = plane + (value - plane.astype(np.float32)) * weight
            np.copyto(plane, mixed.round(), casting="unsafe")

    def shade(self, delta: NDArray[np.floating]) -> None:
        """Add ``delta``, broadcast to H x W, to the luma."""
        np.copyto(self.y, np.clip(self.y + delta, 16, 235), casting="unsafe")

    def tiled(self, extra: int) -> Planes:
        """Return the picture with its first ``extra`` columns (even) appended, to be scrolled round."""
        half = extra // 2
        return Planes(
            np.concatenate((self.y, self.y[:, :extra]), axis=1),
            np.concatenate((self.u, self.u[:, :half]), axis=1),
            np.concatenate((self.v, self.v[:, :half]), axis=1),
        )


class Drawable(Protocol):
    """Something in a scene."""

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw itself as it is at ``time_ms`` of the stream."""


def scroll(speed: float, period: int) -> Callable[[int], int]:
    """Return the even offset of what moves at ``speed`` pixels a second, round a ``period`` of pixels."""
    return lambda time_ms: int(time_ms * speed / 2000) * 2 % period


def swing(amplitude: int, seconds: float, phase: float = 0.0) -> Callable[[int], int]:
    """Return the even offset, 0 to ``amplitude``, of something that swings to and fro in ``seconds``."""

    def offset(time_ms: int) -> int:
        angle = 2 * math.pi * (time_ms / 1000 / seconds + phase)
        return int((1 - math.cos(angle)) / 4 * amplitude) * 2

    return offset


def _still(time_ms: int) -> int:  # noqa: ARG001 - the signature of an offset
    return 0


class Backdrop:
    """A picture at least as large as the viewport, which shows a part of it."""

    def __init__(
        self, planes: Planes, x: Callable[[int], int] = _still, y: Callable[[int], int] = _still
    ) -> None:
        """Make a backdrop of ``planes``; ``x`` and ``y`` give the upper left corner of the part in view."""
        self._planes = planes
        self._x = x
        self._y = y
        self._bottom: int | None = None

    def cut(self, bottom: int | None) -> None:
        """Draw no row from ``bottom`` (even) on: something before the backdrop hides it there."""
        self._bottom = bottom

    def draw(self, target: Planes, time_ms: int) -> None:
        """Fill the viewport."""
        width, height = target.width, target.height if self._bottom is None else self._bottom
        target.crop(0, 0, width, height).paste(
            self._planes.crop(self._x(time_ms), self._y(time_ms), width, height)
        )


class Layer:
    """A strip of scenery that moves sideways behind the viewport.

    Attributes:
        top: first row of the viewport that the layer may cover; even.
        bottom: row after the last one.
        solid: row from which on the layer hides all behind it; even.
    """

    def __init__(
        self,
        planes: Planes,
        top: int,
        offset: Callable[[int], int] = _still,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Make a layer of ``planes`` at row ``top``, moved by ``offset``; only where ``mask`` (H x W).

        The planes reach from 0 to the largest offset plus the width of the viewport.
        """
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
            # Cutting out with AND and filling in with OR is several times faster than a masked copy.
            shown, half = mask[:fringe], mask[:fringe:2, ::2]
            for plane, kept in ((planes.y, shown), (planes.u, half), (planes.v, half)):
                plane[: kept.shape[0]] *= kept
            self._holes = Planes(*(np.where(kept, 0, 255).astype(np.uint8) for kept in (shown, half, half)))

    def cut(self, bottom: int) -> None:
        """Draw no row from ``bottom`` (even) on: something before the layer hides it there."""
        self.bottom = max(min(self.bottom, bottom), self.top)

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the part of the layer that is in view."""
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
    """A small picture with soft edges that moves over the scene."""

    def __init__(self, image: Image.Image, x: Callable[[int], int], y: Callable[[int], int]) -> None:
        """Make a sprite of an RGBA ``image``; ``x`` and ``y`` give its upper left corner, in view or not."""
        pixels = np.asarray(image.convert("RGBA"))
        pixels = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
        self.height, self.width = pixels.shape[:2]
        self._x = x
        self._y = y
        planes = Planes.from_rgb(pixels[..., :3])
        # Alpha goes to 256, so that mixing is a shift and an opaque pixel stays exact.
        alpha = pixels[..., 3].astype(np.uint16)
        alpha += alpha >> 7
        half = alpha.reshape(self.height // 2, 2, self.width // 2, 2).mean(axis=(1, 3)).astype(np.uint16)
        self._parts = (
            (planes.y * alpha, 256 - alpha),
            (planes.u * half, 256 - half),
            (planes.v * half, 256 - half),
        )

    def draw(self, target: Planes, time_ms: int) -> None:
        """Mix the sprite into the picture, cut at its sides."""
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
    """Small bright or dark rectangles that drift: stars, rain, snow."""

    def __init__(
        self,
        rng: np.random.Generator,
        count: int,
        area: tuple[int, int],
        size: tuple[int, int],
        velocity: tuple[float, float],
        luma: int,
        slant: float = 0.0,
    ) -> None:
        """Scatter ``count`` particles over ``area`` (width, height).

        Each is ``size`` pixels and moves at ``velocity`` pixels a second, give or take a third;
        ``slant``, not negative, shifts its rows to the right, in pixels a row.
        """
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
        """Draw every particle."""
        places = (self._origin + self._velocity * (time_ms / 1000)) % np.array(self._span)[:, None]
        xs, ys = places.astype(np.intp)
        target.y[ys[:, None] + self._rows, xs[:, None] + self._columns] = self._luma
