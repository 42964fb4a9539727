"""The sky of a scene: light, sun or moon, clouds, stars, weather and a balloon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from odyssey_ros.emulator.scene import props
from odyssey_ros.emulator.scene.canvas import (
    RGB,
    Drawable,
    Particles,
    Planes,
    Sprite,
    even,
    mix,
    scaled,
    scroll,
    swing,
    yuv,
)
from odyssey_ros.emulator.scene.looks import Light, Look, Weather

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "Palette",
    "balloon",
    "drifting_sprite",
    "overlays",
    "palette_of",
    "relit",
    "sky_of",
    "stars",
    "swaying_sprite",
    "weather",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of a time of day.

    Attributes:
        zenith: colour of the sky at the top.
        horizon: colour of the sky at the horizon, and of haze.
        disc: colour of the sun or the moon.
        tint: factor for each channel of lit surfaces.
        has_stars: whether stars are visible.
    """

    zenith: RGB
    horizon: RGB
    disc: RGB
    tint: RGB
    has_stars: bool

    def lit(self, colour: RGB, distance: float = 0.0) -> RGB:
        """Return `colour` under this light, mixed with haze by `distance`, 0 to 1."""
        lit = tuple(channel * tint for channel, tint in zip(colour, self.tint, strict=True))
        return mix((lit[0], lit[1], lit[2]), self.horizon, distance)


_PALETTES = {
    Light.DAY: Palette(
        zenith=(58, 128, 214),
        horizon=(196, 224, 242),
        disc=(255, 250, 224),
        tint=(1.0, 1.0, 1.0),
        has_stars=False,
    ),
    Light.DAWN: Palette(
        zenith=(104, 132, 196),
        horizon=(255, 208, 190),
        disc=(255, 236, 200),
        tint=(0.92, 0.82, 0.88),
        has_stars=False,
    ),
    Light.SUNSET: Palette(
        zenith=(64, 44, 112),
        horizon=(255, 146, 78),
        disc=(255, 214, 120),
        tint=(0.86, 0.58, 0.52),
        has_stars=False,
    ),
    Light.NIGHT: Palette(
        zenith=(6, 9, 32),
        horizon=(40, 52, 104),
        disc=(238, 236, 220),
        tint=(0.26, 0.31, 0.5),
        has_stars=True,
    ),
}
_OVERCAST: RGB = (128, 136, 148)


def palette_of(look: Look) -> Palette:
    """Return the palette of the light and the weather, with the sky colours shifted slightly by the seed."""
    base = _PALETTES[look.light]
    shift = look.rng().uniform(-18, 18, 3)

    def shifted(colour: RGB) -> RGB:
        moved = (colour[0] + shift[0], colour[1] + shift[1], colour[2] + shift[2])
        return moved if look.weather is Weather.CLEAR else mix(moved, scaled(_OVERCAST, base.tint), 0.6)

    return replace(base, zenith=shifted(base.zenith), horizon=shifted(base.horizon))


def sky_of(
    look: Look, palette: Palette, width: int, height: int, *, horizon: float
) -> tuple[Planes, list[Drawable]]:
    """Return the planes of a sky with its horizon at a share of the height, and its drifting clouds."""
    rng = look.rng()
    sky = Planes.gradient(
        width,
        height,
        [(0.0, palette.zenith), (horizon * 0.9, palette.horizon), (1.0, palette.horizon)],
    )
    bottom = height * horizon
    x, y = rng.uniform(0.18, 0.82) * width, bottom * rng.uniform(0.25, 0.6)
    if look.light in (Light.SUNSET, Light.DAWN):
        y = bottom * rng.uniform(0.72, 0.86)
    radius = 0.055 * min(width, height)
    if palette.has_stars:
        stars(sky, rng, int(bottom), width * height // 7000)
    if look.weather is Weather.CLEAR:
        _paint_disc(sky, (x, y), radius, palette.disc)
    drawables: list[Drawable] = []
    colour = mix(palette.lit((255, 255, 255)), palette.horizon, 0.35)
    for _ in range(3 if look.weather is Weather.CLEAR else 5):
        image = props.cloud(rng, int(rng.uniform(0.16, 0.34) * min(width, height) * 1.4), colour)
        top = even(rng.uniform(0.03, 0.55) * bottom)
        speed, phase = rng.uniform(6, 22), rng.uniform(0, 1)
        drawables.append(drifting_sprite(image, width, top=top, speed=speed, phase=phase))
    return sky, drawables


def stars(sky: Planes, rng: np.random.Generator, bottom: int, count: int) -> None:
    """Paint `count` stars into the rows above `bottom`; their density increases with height."""
    xs = rng.integers(0, sky.width - 2, count)
    ys = (rng.uniform(0, 1, count) ** 1.4 * bottom).astype(np.intp)
    levels = rng.integers(90, 220, count)
    for dy in range(2):
        for dx in range(2):
            sky.y[ys + dy, xs + dx] = np.maximum(sky.y[ys + dy, xs + dx], levels)


def _paint_disc(sky: Planes, centre: tuple[float, float], radius: float, colour: RGB) -> None:
    """Paint the sun or the moon with a glow; `centre` and `radius` are in pixels."""
    reach = int(radius * 5)
    left, top = max(even(centre[0] - reach), 0), max(even(centre[1] - reach), 0)
    right, bottom = min(even(centre[0] + reach), sky.width), min(even(centre[1] + reach), sky.height)
    rows = np.arange(top, bottom, dtype=np.float32)[:, None] - centre[1]
    columns = np.arange(left, right, dtype=np.float32)[None, :] - centre[0]
    distance = np.sqrt(rows**2 + columns**2)
    glow = np.clip(1 - distance / reach, 0, 1) ** 2.2 * 0.55
    disc = np.clip(radius - distance + 0.5, 0, 1)
    sky.crop(left, top, right - left, bottom - top).blend(np.maximum(glow, disc).astype(np.float32), colour)


def drifting_sprite(image: Image.Image, width: int, *, top: int, speed: float, phase: float) -> Sprite:
    """Return a sprite that crosses the viewport again and again.

    Args:
        image: RGBA image of the sprite.
        width: width of the viewport, in pixels.
        top: top row of the sprite.
        speed: pixels per second to the right; negative to the left.
        phase: initial position as a share of the path, 0 to 1.
    """
    span = even(width + image.width)
    start = even(phase * span)
    travel = scroll(abs(speed), span)

    def x(time_ms: int) -> int:
        place = (travel(time_ms) + start) % span
        return (place if speed > 0 else span - place) - image.width

    return Sprite(image, x, lambda _: top)


def swaying_sprite(image: Image.Image, *, x: int, y: int, sway: tuple[int, int], seconds: float) -> Sprite:
    """Return a sprite that sways.

    Args:
        image: RGBA image of the sprite.
        x: leftmost column of the sprite.
        y: topmost row of the sprite.
        sway: largest distance to the right and down, in pixels.
        seconds: period of the horizontal motion; the vertical period is shorter.
    """
    across, along = swing(sway[0], seconds), swing(sway[1], seconds * 0.7, 0.3)
    return Sprite(image, lambda t: x + across(t), lambda t: y + along(t))


def balloon(look: Look, width: int, height: int) -> Sprite:
    """Return a balloon in the accent colour that sways in the sky."""
    rng = look.rng()
    size = int(0.2 * min(width, height))
    image = props.balloon(size, look.accent())
    x, y = rng.uniform(0.12, 0.7) * width, rng.uniform(0.06, 0.2) * height
    sway = (int(0.16 * width), int(0.05 * height))
    return swaying_sprite(image, x=int(x), y=int(y), sway=sway, seconds=14.0)


def weather(look: Look, width: int, height: int) -> list[Drawable]:
    """Return the rain or the snow of a look; empty if the weather is clear."""
    count = width * height // 9000
    if look.weather is Weather.RAIN:
        return [
            Particles(
                look.rng(),
                count * 2,
                area=(width, height),
                size=(2, 22),
                velocity=(160, 1300),
                luma=190,
                slant=0.12,
            )
        ]
    if look.weather is Weather.SNOW:
        return [
            Particles(look.rng(), count, area=(width, height), size=(4, 4), velocity=(24, 90), luma=232),
            Particles(
                look.rng(), count // 2, area=(width, height), size=(6, 6), velocity=(40, 130), luma=235
            ),
        ]
    return []


def relit(planes: Planes, look: Look) -> Planes:
    """Return `planes` in the light of `look`, tinted slightly with its accent colour."""
    tint = _PALETTES[look.light].tint
    gain = 0.3 * tint[0] + 0.59 * tint[1] + 0.11 * tint[2]
    _, blue, red = yuv(mix(scaled((160, 160, 160), tint), look.accent(), 0.3))

    def shifted(plane: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
        return np.clip(plane.astype(np.int16) + shift, 16, 240).astype(np.uint8)

    luma = (16 + (planes.y.astype(np.float32) - 16) * gain).astype(np.uint8)
    return Planes(luma, shifted(planes.u, blue - 128), shifted(planes.v, red - 128))


def overlays(look: Look, width: int, height: int) -> list[Drawable]:
    """Return the drawables that a prompt adds to a seed image: a balloon and the weather."""
    return [balloon(look, width, height), *weather(look, width, height)]
