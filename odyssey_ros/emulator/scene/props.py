"""Images of the objects in scenes: clouds, boats, cars, planets, furniture."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from odyssey_ros.emulator.scene.canvas import RGB, Planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "balloon",
    "car",
    "car_from_behind",
    "cloud",
    "floor_boards",
    "frame",
    "hsv",
    "planet",
    "road",
    "robot",
    "rocket",
    "sailboat",
    "table",
    "window",
]

_OVERSAMPLING = 3


def hsv(hue: float, saturation: float, value: float) -> RGB:
    """Convert an HSV colour, each value 0 to 1, to RGB, each channel 0 to 255."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return (red * 255, green * 255, blue * 255)


class _Pen:
    """Draws shapes in coordinates from 0 to 1 at a multiple of the image's size, for smooth edges.

    Args:
        width: width of the image, in pixels.
        height: height of the image, in pixels.
        backdrop: colour of transparent pixels; the colour of the object keeps soft edges from going dark.
    """

    def __init__(self, width: int, height: int, backdrop: RGB) -> None:
        self._size = (width // 2 * 2, height // 2 * 2)
        scale = _OVERSAMPLING
        self._image = Image.new(
            "RGBA", (self._size[0] * scale, self._size[1] * scale), (*_rounded(backdrop), 0)
        )
        self._draw = ImageDraw.Draw(self._image)

    def _scaled(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        width, height = self._image.size
        return [(x * width, y * height) for x, y in points]

    def polygon(self, points: list[tuple[float, float]], colour: RGB) -> None:
        self._draw.polygon(self._scaled(points), fill=(*_rounded(colour), 255))

    def ellipse(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        box = self._scaled([(left, top), (right, bottom)])
        self._draw.ellipse([*box[0], *box[1]], fill=(*_rounded(colour), 255))

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: RGB, radius: float = 0.0
    ) -> None:
        corners = self._scaled([(left, top), (right, bottom)])
        self._draw.rounded_rectangle(
            [*corners[0], *corners[1]], radius * self._image.width, fill=(*_rounded(colour), 255)
        )

    def image(self) -> Image.Image:
        return self._image.resize(self._size, Image.Resampling.BOX)


def _rounded(colour: RGB) -> tuple[int, int, int]:
    red, green, blue = (min(max(round(channel), 0), 255) for channel in colour)
    return (red, green, blue)


def _darker(colour: RGB, share: float) -> RGB:
    return (colour[0] * share, colour[1] * share, colour[2] * share)


def _paler(colour: RGB, share: float) -> RGB:
    red, green, blue = (channel + (255 - channel) * share for channel in colour)
    return (red, green, blue)


def cloud(rng: np.random.Generator, width: int, colour: RGB) -> Image.Image:
    """Return a cloud with soft edges."""
    height = width * 2 // 5 // 2 * 2
    width = width // 2 * 2
    puffs = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(puffs)
    for _ in range(9):
        x = rng.normal(0.5, 0.15) * width
        radius = rng.uniform(0.1, 0.22) * height * (1.6 - 2.2 * abs(x / width - 0.5))
        y = height * 0.66 - radius * 0.7
        draw.ellipse([x - radius * 2, y - radius, x + radius * 2, y + radius], fill=215)
    image = Image.new("RGBA", (width, height), (*_rounded(colour), 0))
    image.putalpha(puffs.filter(ImageFilter.GaussianBlur(height * 0.06)))
    return image


def balloon(height: int, colour: RGB) -> Image.Image:
    """Return a hot-air balloon of `colour`."""
    pen = _Pen(int(height * 0.74), height, colour)
    pen.polygon([(0.2, 0.52), (0.8, 0.52), (0.59, 0.8), (0.41, 0.8)], _darker(colour, 0.8))
    pen.ellipse(0.02, 0.0, 0.98, 0.71, colour)
    pen.ellipse(0.2, 0.0, 0.8, 0.71, _paler(colour, 0.75))
    pen.ellipse(0.37, 0.0, 0.63, 0.71, colour)
    pen.polygon([(0.41, 0.8), (0.425, 0.8), (0.445, 0.9), (0.435, 0.9)], (60, 50, 40))
    pen.polygon([(0.575, 0.8), (0.59, 0.8), (0.565, 0.9), (0.555, 0.9)], (60, 50, 40))
    pen.box(0.42, 0.88, 0.58, 0.99, (128, 88, 50), 0.02)
    return pen.image()


def sailboat(height: int, colour: RGB) -> Image.Image:
    """Return a sailing boat with a sail of `colour`."""
    pen = _Pen(int(height * 0.9), height, colour)
    pen.box(0.47, 0.02, 0.49, 0.8, (84, 64, 48))
    pen.polygon([(0.5, 0.03), (0.52, 0.72), (0.93, 0.7), (0.7, 0.34)], colour)
    pen.polygon([(0.46, 0.1), (0.44, 0.72), (0.1, 0.72)], _paler(colour, 0.75))
    pen.polygon([(0.04, 0.8), (0.97, 0.77), (0.84, 0.98), (0.2, 0.98)], (122, 74, 44))
    pen.polygon([(0.04, 0.8), (0.97, 0.77), (0.94, 0.83), (0.08, 0.85)], (232, 226, 214))
    return pen.image()


def car(width: int, colour: RGB, *, mirrored: bool) -> Image.Image:
    """Return a car from the side, facing right, or left if `mirrored`."""
    pen = _Pen(width, int(width * 0.42), colour)
    pen.polygon([(0.2, 0.48), (0.33, 0.1), (0.66, 0.1), (0.82, 0.48)], _darker(colour, 0.85))
    pen.polygon([(0.27, 0.46), (0.36, 0.18), (0.49, 0.18), (0.49, 0.46)], (196, 222, 236))
    pen.polygon([(0.52, 0.46), (0.52, 0.18), (0.63, 0.18), (0.74, 0.46)], (196, 222, 236))
    pen.box(0.02, 0.42, 0.98, 0.82, colour, 0.05)
    pen.box(0.92, 0.5, 0.98, 0.6, (255, 244, 190), 0.01)
    pen.box(0.02, 0.5, 0.07, 0.6, (226, 44, 40), 0.01)
    for centre in (0.22, 0.78):
        pen.ellipse(centre - 0.09, 0.6, centre + 0.09, 1.0, (28, 28, 32))
        pen.ellipse(centre - 0.04, 0.71, centre + 0.04, 0.89, (170, 172, 178))
    image = pen.image()
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image


def car_from_behind(width: int, colour: RGB) -> Image.Image:
    """Return a car from behind."""
    pen = _Pen(width, int(width * 0.72), colour)
    pen.box(0.1, 0.72, 0.26, 0.98, (24, 24, 28), 0.03)
    pen.box(0.74, 0.72, 0.9, 0.98, (24, 24, 28), 0.03)
    pen.polygon([(0.12, 0.45), (0.24, 0.06), (0.76, 0.06), (0.88, 0.45)], _darker(colour, 0.85))
    pen.polygon([(0.2, 0.42), (0.29, 0.13), (0.71, 0.13), (0.8, 0.42)], (66, 84, 100))
    pen.box(0.04, 0.4, 0.96, 0.86, colour, 0.06)
    pen.box(0.08, 0.5, 0.26, 0.6, (236, 52, 44), 0.02)
    pen.box(0.74, 0.5, 0.92, 0.6, (236, 52, 44), 0.02)
    pen.box(0.38, 0.62, 0.62, 0.74, (236, 236, 228), 0.01)
    return pen.image()


def rocket(width: int, colour: RGB) -> Image.Image:
    """Return a rocket that points to the right."""
    pen = _Pen(width, int(width * 0.46), (230, 232, 238))
    pen.polygon([(0.0, 0.5), (0.24, 0.34), (0.24, 0.66)], (255, 176, 60))
    pen.polygon([(0.1, 0.5), (0.24, 0.42), (0.24, 0.58)], (255, 240, 170))
    pen.polygon([(0.24, 0.4), (0.16, 0.04), (0.44, 0.32)], colour)
    pen.polygon([(0.24, 0.6), (0.16, 0.96), (0.44, 0.68)], colour)
    pen.ellipse(0.2, 0.26, 0.98, 0.74, (230, 232, 238))
    pen.polygon([(0.82, 0.34), (1.0, 0.5), (0.82, 0.66)], colour)
    pen.ellipse(0.58, 0.38, 0.68, 0.62, (70, 120, 170))
    return pen.image()


def robot(height: int, colour: RGB) -> Image.Image:
    """Return a robot with three wheels."""
    pen = _Pen(int(height * 0.72), height, colour)
    grey: RGB = (92, 98, 110)
    pen.box(0.47, 0.02, 0.53, 0.16, grey)
    pen.ellipse(0.43, 0.0, 0.57, 0.09, (255, 210, 80))
    pen.box(0.2, 0.13, 0.8, 0.44, colour, 0.1)
    pen.box(0.27, 0.19, 0.73, 0.38, (28, 34, 44), 0.07)
    pen.ellipse(0.34, 0.23, 0.45, 0.32, (140, 232, 255))
    pen.ellipse(0.55, 0.23, 0.66, 0.32, (140, 232, 255))
    pen.box(0.02, 0.5, 0.15, 0.76, grey, 0.06)
    pen.box(0.85, 0.5, 0.98, 0.76, grey, 0.06)
    pen.box(0.16, 0.46, 0.84, 0.84, _darker(colour, 0.88), 0.08)
    pen.box(0.34, 0.54, 0.66, 0.72, _paler(colour, 0.7), 0.03)
    for left in (0.2, 0.42, 0.64):
        pen.ellipse(left, 0.83, left + 0.18, 0.99, (40, 42, 50))
    return pen.image()


def planet(rng: np.random.Generator, size: int, colour: RGB) -> Image.Image:
    """Return a banded planet, lit from the upper left."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    distance = np.sqrt(x**2 + y**2)
    depth = np.sqrt(np.clip(1 - distance**2, 0, 1))
    light = np.clip(-0.55 * x - 0.45 * y + 0.7 * depth, 0.05, 1)
    bands = np.zeros((size, 1), dtype=np.float32)
    for frequency in (3.0, 7.0, 13.0):
        bands += np.sin(y * frequency + rng.uniform(0, 6.3)) * 0.1
    shade = (light * (0.86 + bands))[..., None]
    pixels = np.empty((size, size, 4), dtype=np.uint8)
    pixels[..., :3] = np.clip(shade * np.array(colour, dtype=np.float32), 0, 255)
    pixels[..., 3] = np.clip((1 - distance) * size / 2 + 0.5, 0, 1) * 255
    return Image.fromarray(pixels)


def road(size: tuple[int, int], meadow: RGB, asphalt: RGB, dash: RGB | None) -> Planes:
    """Return a road through a meadow to the horizon.

    Args:
        size: width and height, in pixels.
        meadow: colour of the meadow.
        asphalt: colour of the road.
        dash: colour of the centre line and the kerbs; None for no line and dark kerbs.
    """
    width, height = size
    planes = Planes.gradient(width, height, [(0.0, _paler(meadow, 0.12)), (1.0, meadow)])
    depth = np.linspace(0.02, 1, height, dtype=np.float32)[:, None]
    away = np.abs(np.arange(width, dtype=np.float32)[None, :] - width / 2)
    half = depth * width * 0.42
    planes.paint(away < half, asphalt)
    planes.paint((away < half) & (away > half * 0.95), dash or _darker(asphalt, 0.8))
    if dash:
        planes.paint(away < half * 0.018 + 0.5, dash)
    return planes


def floor_boards(luma: NDArray[np.uint8]) -> None:
    """Draw the joints of a floor into its luma, towards a vanishing point above the floor."""
    height, width = luma.shape
    depth = np.linspace(0.45, 1.0, height, dtype=np.float32)[:, None]
    across = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / depth
    spacing = width / 14
    joint = np.abs((across % spacing) - spacing / 2) > spacing / 2 - 1.6
    luma[joint] = (luma[joint] * 0.8).astype(np.uint8)


def frame(room: Planes, picture: Planes, place: tuple[int, int], colour: RGB) -> None:
    """Draw a picture with a frame on the wall of a room, its upper left corner at `place`."""
    left, top = place
    border = 10
    outer = room.crop(left - border, top - border, picture.width + 2 * border, picture.height + 2 * border)
    outer.paste(Planes.filled(outer.width, outer.height, colour))
    room.crop(left, top, picture.width, picture.height).paste(picture)


def window(room: Planes, outside: Planes, place: tuple[int, int], lamp: RGB) -> None:
    """Draw a window with a view `outside` into the wall of a room, its upper left corner at `place`."""
    frame(room, outside, place, (238 * lamp[0], 236 * lamp[1], 230 * lamp[2]))
    left, top = place
    bar = (236 * lamp[0], 232 * lamp[1], 226 * lamp[2])
    middle = left + outside.width // 4 * 2
    room.crop(middle - 4, top, 8, outside.height).paste(Planes.filled(8, outside.height, bar))
    across = top + outside.height // 4 * 2
    room.crop(left, across - 4, outside.width, 8).paste(Planes.filled(outside.width, 8, bar))


def table(room: Planes, place: tuple[int, int], width: int, colour: RGB) -> None:
    """Draw a table into a room, its upper left corner at `place`."""
    left, top = place
    legs = width // 4 * 2 // 2 * 2
    dark = _darker(colour, 0.7)
    for x in (left + 16, left + width - 32):
        room.crop(x, top + 16, 16, legs).paste(Planes.filled(16, legs, dark))
    room.crop(left, top, width, 20).paste(Planes.filled(width, 20, colour))
    room.crop(left, top + 14, width, 6).paste(Planes.filled(width, 6, dark))
