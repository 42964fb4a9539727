"""The places of the scenes, painted: for each kind a still background and what moves before it.

A painter is a function of a `Look` and the size of the viewport. It runs once per prompt, for some tens of
milliseconds, and spends all the work that a frame then saves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import props
from .canvas import RGB, Backdrop, Drawable, Layer, Particles, Planes, Sprite, scroll, swing, yuv
from .looks import Kind, Light, Look, Weather

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Painting", "paint", "relit", "visitors"]


class Painting:
    """A painted scene: ``drawables`` are drawn over ``backdrop`` in order."""

    def __init__(self, backdrop: Backdrop, drawables: Sequence[Drawable]) -> None:
        """Put a scene together; layers are cut where one before them hides them."""
        self.backdrop = backdrop
        self.drawables = tuple(drawables)
        hidden = None
        for drawable in reversed(self.drawables):
            if isinstance(drawable, Layer):
                if hidden is not None:
                    drawable.cut(hidden)
                hidden = drawable.solid if hidden is None else min(hidden, drawable.solid)
        backdrop.cut(hidden)

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the whole scene."""
        self.backdrop.draw(target, time_ms)
        for drawable in self.drawables:
            drawable.draw(target, time_ms)


@dataclass(frozen=True, slots=True)
class _Palette:
    """The colours that a time of day gives to a place."""

    zenith: RGB
    horizon: RGB
    orb: RGB
    tint: RGB
    stars: bool

    def lit(self, colour: RGB, distance: float = 0.0) -> RGB:
        """Return ``colour`` under this light, faded into the haze by ``distance`` from 0 to 1."""
        lit = tuple(channel * tint for channel, tint in zip(colour, self.tint, strict=True))
        return _mix((lit[0], lit[1], lit[2]), self.horizon, distance)


_PALETTES = {
    Light.DAY: _Palette((58, 128, 214), (196, 224, 242), (255, 250, 224), (1.0, 1.0, 1.0), stars=False),
    Light.DAWN: _Palette((104, 132, 196), (255, 208, 190), (255, 236, 200), (0.92, 0.82, 0.88), stars=False),
    Light.SUNSET: _Palette((64, 44, 112), (255, 146, 78), (255, 214, 120), (0.86, 0.58, 0.52), stars=False),
    Light.NIGHT: _Palette((6, 9, 32), (40, 52, 104), (238, 236, 220), (0.26, 0.31, 0.5), stars=True),
}
_OVERCAST: RGB = (128, 136, 148)


def paint(look: Look, width: int, height: int) -> Painting:
    """Paint the scene of ``look`` for a viewport of ``width`` x ``height`` pixels, both even."""
    return _PAINTERS[look.kind](look, width, height)


def relit(picture: Planes, look: Look) -> Planes:
    """Return ``picture`` in the light of ``look``, with a touch of its accent colour."""
    tint = _PALETTES[look.light].tint
    gain = 0.3 * tint[0] + 0.59 * tint[1] + 0.11 * tint[2]
    _, blue, red = yuv(_mix(_scaled((160, 160, 160), tint), look.accent(), 0.3))

    def shifted(plane: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
        return np.clip(plane.astype(np.int16) + shift, 16, 240).astype(np.uint8)

    luma = (16 + (picture.y.astype(np.float32) - 16) * gain).astype(np.uint8)
    return Planes(luma, shifted(picture.u, blue - 128), shifted(picture.v, red - 128))


def visitors(look: Look, width: int, height: int) -> list[Drawable]:
    """Return what a prompt brings into a picture that is not painted here: a balloon, and the weather."""
    return [_balloon(look, width, height), *_weather(look, width, height)]


def _weather(look: Look, width: int, height: int) -> list[Drawable]:
    """Return what falls from the sky."""
    count = width * height // 9000
    if look.weather is Weather.RAIN:
        return [Particles(look.rng(), count * 2, (width, height), (2, 22), (160, 1300), 190, slant=0.12)]
    if look.weather is Weather.SNOW:
        return [
            Particles(look.rng(), count, (width, height), (4, 4), (24, 90), 232),
            Particles(look.rng(), count // 2, (width, height), (6, 6), (40, 130), 235),
        ]
    return []


def _palette(look: Look) -> _Palette:
    """Return the palette of the light and weather, each colour shifted a little by the seed."""
    base = _PALETTES[look.light]
    shift = look.rng().uniform(-18, 18, 3)

    def shifted(colour: RGB) -> RGB:
        moved = (colour[0] + shift[0], colour[1] + shift[1], colour[2] + shift[2])
        return moved if look.weather is Weather.CLEAR else _mix(moved, _scaled(_OVERCAST, base.tint), 0.6)

    return _Palette(shifted(base.zenith), shifted(base.horizon), base.orb, base.tint, stars=base.stars)


def _mix(first: RGB, second: RGB, share: float) -> RGB:
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def _scaled(colour: RGB, factors: RGB) -> RGB:
    red, green, blue = (channel * factor for channel, factor in zip(colour, factors, strict=True))
    return (red, green, blue)


def _even(value: float) -> int:
    return int(value) // 2 * 2


def _sky(
    look: Look, palette: _Palette, width: int, height: int, horizon: float
) -> tuple[Planes, list[Drawable]]:
    """Return a sky down to ``horizon`` (a share of the height), and the clouds that drift over it."""
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
    if palette.stars:
        _stars(sky, rng, int(bottom), width * height // 7000)
    if look.weather is Weather.CLEAR:
        _orb(sky, (x, y), radius, palette.orb)
    drawables: list[Drawable] = []
    colour = _mix(palette.lit((255, 255, 255)), palette.horizon, 0.35)
    for _ in range(3 if look.weather is Weather.CLEAR else 5):
        image = props.cloud(rng, int(rng.uniform(0.16, 0.34) * min(width, height) * 1.4), colour)
        top = _even(rng.uniform(0.03, 0.55) * bottom)
        drawables.append(_drifter(image, width, top, rng.uniform(6, 22), rng.uniform(0, 1)))
    return sky, drawables


def _stars(sky: Planes, rng: np.random.Generator, bottom: int, count: int) -> None:
    xs = rng.integers(0, sky.width - 2, count)
    ys = (rng.uniform(0, 1, count) ** 1.4 * bottom).astype(np.intp)
    levels = rng.integers(90, 220, count)
    for dy in range(2):
        for dx in range(2):
            sky.y[ys + dy, xs + dx] = np.maximum(sky.y[ys + dy, xs + dx], levels)


def _orb(sky: Planes, centre: tuple[float, float], radius: float, colour: RGB) -> None:
    """Paint the sun or the moon, with a glow."""
    reach = int(radius * 5)
    left, top = max(_even(centre[0] - reach), 0), max(_even(centre[1] - reach), 0)
    right, bottom = min(_even(centre[0] + reach), sky.width), min(_even(centre[1] + reach), sky.height)
    rows = np.arange(top, bottom, dtype=np.float32)[:, None] - centre[1]
    columns = np.arange(left, right, dtype=np.float32)[None, :] - centre[0]
    distance = np.sqrt(rows**2 + columns**2)
    glow = np.clip(1 - distance / reach, 0, 1) ** 2.2 * 0.55
    disc = np.clip(radius - distance + 0.5, 0, 1)
    sky.crop(left, top, right - left, bottom - top).blend(np.maximum(glow, disc).astype(np.float32), colour)


def _drifter(image: props.Picture, width: int, top: int, speed: float, phase: float) -> Sprite:
    """Return a sprite that crosses the picture again and again at a height."""
    span = _even(width + image.width)
    start = _even(phase * span)
    travel = scroll(abs(speed), span)

    def x(time_ms: int) -> int:
        place = (travel(time_ms) + start) % span
        return (place if speed > 0 else span - place) - image.width

    return Sprite(image, x, lambda _: top)


def _floater(image: props.Picture, x: int, y: int, sway: tuple[int, int], seconds: float) -> Sprite:
    """Return a sprite that sways around a place."""
    across, along = swing(sway[0], seconds), swing(sway[1], seconds * 0.7, 0.3)
    return Sprite(image, lambda t: x + across(t), lambda t: y + along(t))


def _balloon(look: Look, width: int, height: int) -> Sprite:
    rng = look.rng()
    size = int(0.2 * min(width, height))
    image = props.balloon(size, look.accent())
    x, y = rng.uniform(0.12, 0.7) * width, rng.uniform(0.06, 0.2) * height
    return _floater(image, int(x), int(y), (int(0.16 * width), int(0.05 * height)), 14.0)


def _ridge(
    rng: np.random.Generator, period: int, coarse: int, octaves: int, rough: float
) -> NDArray[np.float32]:
    """Return a periodic outline between about -1 and 1."""
    phase = np.arange(period, dtype=np.float32) * (2 * math.pi / period)
    outline = np.zeros(period, dtype=np.float32)
    for octave in range(octaves):
        frequency = coarse * 2**octave + int(rng.integers(0, 2 + octave))
        outline += np.sin(phase * frequency + rng.uniform(0, 2 * math.pi)) * rough**octave
    return np.asarray(outline / np.abs(outline).max(), dtype=np.float32)


def _ground(
    edge: NDArray[np.float32],
    height: int,
    colours: tuple[RGB, RGB],
    relief: NDArray[np.float32] | None = None,
) -> tuple[Planes, NDArray[np.bool_]]:
    """Paint ground below ``edge`` (row of the outline in every column) in a gradient; return it and its mask.

    ``relief`` is luma added per column; it slants with depth, which looks like facets of a slope.
    """
    period = edge.shape[0]
    planes = Planes.gradient(period, height, [(0.0, colours[0]), (1.0, colours[1])])
    rows = np.arange(height, dtype=np.float32)[:, None]
    if relief is not None:
        doubled = np.concatenate((relief, relief))
        for band in range(0, height, 4):
            shift = band // 6 % period
            planes.crop(0, band, period, min(4, height - band)).shade(
                doubled[shift : shift + period][None, :]
            )
    return planes, rows >= edge[None, :]


def _layer(
    ground: tuple[Planes, NDArray[np.bool_]], top: int, offset: Callable[[int], int], width: int
) -> Layer:
    planes, mask = ground
    return Layer(planes.tiled(width), _even(top), offset, np.concatenate((mask, mask[:, :width]), axis=1))


def _slope(edge: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """Return relief from an outline's slope, as if light came from the left."""
    # Smoothed over some columns, so that what is far below a crest does not show its every notch.
    reach = 24
    around = np.concatenate((edge[-reach:], edge, edge[:reach]))
    gradient = (around[2 * reach :] - around[: -2 * reach]) / (2 * reach)
    return (np.tanh(-gradient * 2) * strength).astype(np.float32)


def _trees(
    rng: np.random.Generator, edge: NDArray[np.float32], count: int, size: tuple[float, float]
) -> NDArray[np.float32]:
    """Return ``edge`` with the outlines of ``count`` spruces on it, ``size`` (least, most) pixels high."""
    period = edge.shape[0]
    outline = edge.copy()
    for centre, tall in zip(rng.integers(0, period, count), rng.uniform(*size, count), strict=True):
        half = max(int(tall * 0.24), 3)
        columns = np.arange(-half, half + 1)
        away = np.abs(columns) / half
        branches = 1 - away + 0.1 * ((away * 6) % 1.0)
        index = (centre + columns) % period
        outline[index] = np.minimum(outline[index], edge[centre] - tall * np.clip(branches, 0.02, 1))
    return outline


def _period(width: int) -> int:
    return (width * 3 // 2 + 15) // 16 * 16


def _ocean(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    horizon = rng.uniform(0.42, 0.52)
    background, drawables = _sky(look, palette, width, height, horizon)
    period = _period(width)
    far, near = palette.lit((70, 150, 178), 0.25), palette.lit((8, 52, 92))
    tops = [horizon + (1 - horizon) * share for share in (0.0, 0.08, 0.2, 0.4, 0.68)]
    boat = props.sailboat(int(0.24 * min(width, height)), look.accent())
    for index, share in enumerate(tops):
        depth = index / (len(tops) - 1)
        swell = 2 + 12 * depth
        rows = height - _even(share * height)
        edge = swell + swell * _ridge(rng, period, 6 - index, 3, 0.6)
        if index == 0:
            edge = np.zeros(period, dtype=np.float32)
        colour = _mix(far, near, depth)
        ground = _ground(edge, rows, (_mix(colour, palette.horizon, 0.22), _mix(colour, near, 0.5)))
        _glitter(ground[0], rng, int(20 + 40 * depth), 4 + int(depth * 14))
        pace = (6 + 40 * depth) * (1 if index % 2 else -1)
        offset = scroll(abs(pace), period)
        drawables.append(
            _layer(ground, height - rows, offset if pace > 0 else _backwards(offset, period), width)
        )
        if index == 1:
            top = _even(tops[2] * height) - boat.height + 14
            span = _even(width * 0.45)
            drawables.append(_floater(boat, _even(rng.uniform(0.1, 0.4) * width), top, (span, 8), 24.0))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _backwards(offset: Callable[[int], int], period: int) -> Callable[[int], int]:
    return lambda time_ms: (period - offset(time_ms)) % period


def _glitter(planes: Planes, rng: np.random.Generator, count: int, length: int) -> None:
    """Paint short bright strokes on water."""
    for _ in range(count):
        x = int(rng.integers(0, planes.width - length))
        y = int(rng.uniform(0.1, 1) * (planes.height - 4))
        stroke = planes.y[y : y + 2, x : x + length]
        np.copyto(stroke, np.minimum(stroke.astype(np.int16) + 26, 235), casting="unsafe")


def _forest(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    background, drawables = _sky(look, palette, width, height, 0.6)
    drawables.append(_balloon(look, width, height))
    period = _period(width)
    green = rng.uniform(-14, 14, 3)
    snowy = look.weather is Weather.SNOW
    for index, (share, speed, trees) in enumerate(
        [(0.44, 4.0, 0), (0.52, 10.0, 110), (0.64, 24.0, 60), (0.8, 56.0, 26)]
    ):
        depth = index / 3
        rows = height - _even(share * height) + _even(0.1 * height)
        tall = height * (0.05 + 0.2 * depth)
        base = 0.1 * height + 0.03 * height * _ridge(rng, period, 2, 4, 0.5)
        room = _even(tall * 1.1)
        edge = (base + room).astype(np.float32)
        colour: RGB = (58 + green[0], 104 + green[1], 62 + green[2]) if not snowy else (188, 204, 214)
        lit = palette.lit(_mix(colour, (20, 46, 30), depth * 0.75), 0.62 * (1 - depth))
        outline = _trees(rng, edge, trees, (tall * 0.45, tall)) if trees else edge
        ground = _ground(outline, rows + room, (lit, _scaled(lit, (0.7, 0.7, 0.7))))
        drawables.append(_layer(ground, height - rows - room, scroll(speed, period), width))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _mountains(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    background, drawables = _sky(look, palette, width, height, 0.62)
    drawables.append(_balloon(look, width, height))
    period = _period(width)
    snow_line = 0.5 if look.weather is Weather.SNOW else 0.24
    for index, (share, speed) in enumerate([(0.24, 4.0), (0.4, 10.0), (0.62, 26.0)]):
        depth = index / 2
        rows = height - _even(share * height)
        swell = height * (0.15 - 0.05 * depth)
        edge = (swell + swell * _ridge(rng, period, 2 + index, 6, 0.52)).astype(np.float32)
        stone: RGB = (116, 108, 112) if index < 2 else (70, 98, 62)
        top, foot = (
            palette.lit(stone, 0.5 - 0.42 * depth),
            palette.lit(_mix(stone, (52, 84, 58), 0.7), 0.3 - 0.3 * depth),
        )
        relief = _slope(edge, 26 - 12 * depth)
        planes, mask = _ground(edge, rows, (top, foot), relief)
        if index < 2:
            row = np.arange(rows, dtype=np.float32)[:, None]
            limit = height * snow_line * 0.42 + 0.02 * height * _ridge(rng, period, 24, 3, 0.7)[None, :]
            cap = (row < limit) & mask
            white = np.where(relief > 0, 0, -34)[None, :]
            planes.paint(cap, palette.lit((246, 248, 252), 0.25 - 0.2 * depth))
            planes.shade(np.where(cap, white, 0))
        drawables.append(_layer((planes, mask), height - rows, scroll(speed, period), width))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _desert(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    background, drawables = _sky(look, palette, width, height, 0.56)
    drawables.append(_balloon(look, width, height))
    period = _period(width)
    sand = (226 + rng.uniform(-18, 10), 172 + rng.uniform(-22, 16), 104 + rng.uniform(-24, 24))
    for index, (share, speed) in enumerate([(0.44, 4.0), (0.52, 10.0), (0.63, 22.0), (0.78, 48.0)]):
        depth = index / 3
        rows = height - _even(share * height)
        swell = height * (0.035 + 0.035 * depth)
        crest = np.abs(_ridge(rng, period, 1, 2, 0.6))
        edge = (2 * swell * crest).astype(np.float32)
        colour = palette.lit(_mix(sand, _scaled(sand, (0.86, 0.74, 0.66)), depth), 0.5 * (1 - depth))
        ground = _ground(edge, rows, (colour, _scaled(colour, (0.84, 0.8, 0.78))), _slope(edge * 5, 15.0))
        drawables.append(_layer(ground, height - rows, scroll(speed, period), width))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _city(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    background, drawables = _sky(look, palette, width, height, 0.74)
    period = _period(width)
    for index, (share, speed) in enumerate([(0.3, 4.0), (0.42, 12.0), (0.6, 30.0)]):
        depth = index / 2
        rows = height - _even(share * height)
        ground = _buildings(look, palette, rng, (period, rows), depth)
        drawables.append(_layer(ground, height - rows, scroll(speed, period), width))
    street = _even(0.1 * height)
    asphalt = Planes.filled(width, street, palette.lit((62, 64, 72)))
    asphalt.y[:4] = np.minimum(asphalt.y[:4].astype(np.int16) + 50, 235)
    asphalt.y[street // 2 : street // 2 + 4] = 150
    drawables.append(Layer(asphalt, height - street))
    for speed, lane in ((150.0, 0.02), (-110.0, 0.5)):
        colour = look.accent() if speed > 0 else palette.lit((210, 210, 216))
        car = props.car(int(0.15 * min(width, height)), colour, mirrored=speed < 0)
        top = height - street + _even(lane * street) - car.height // 2
        drawables.append(_drifter(car, width, top, speed, rng.uniform(0, 1)))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _buildings(
    look: Look, palette: _Palette, rng: np.random.Generator, size: tuple[int, int], depth: float
) -> tuple[Planes, NDArray[np.bool_]]:
    """Paint a row of buildings with windows."""
    period, rows = size
    edge = np.empty(period, dtype=np.float32)
    walls = np.empty(period, dtype=np.float32)
    cell = (_even(14 + 14 * depth), _even(16 + 14 * depth))
    lit_share = 0.55 if look.light is Light.NIGHT else 0.16
    columns = np.arange(period)
    row = np.arange(rows)[:, None]
    left = 0
    while left < period:
        right = min(left + cell[0] * int(rng.integers(4, 9)), period)
        if period - right < cell[0] * 3:
            right = period
        edge[left:right] = _even(rng.uniform(0.0, 0.55) * rows)
        walls[left:right] = rng.uniform(-14, 14)
        left = right
    wall = palette.lit((104, 110, 128) if depth < 1 else (78, 82, 100), 0.55 * (1 - depth))
    planes, mask = _ground(edge, rows, (wall, _scaled(wall, (0.75, 0.75, 0.75))))
    planes.shade(walls[None, :])
    across, down = columns % cell[0], (row - edge[None, :]) % cell[1]
    pane = (
        (across >= 4)
        & (across < cell[0] - 2)
        & (down >= 6)
        & (down < cell[1] - 2)
        & (row > edge[None, :] + 6)
    )
    cells = rng.uniform(0, 1, (rows // cell[1] + 2, period // cell[0] + 1))
    chance = cells[((row - edge[None, :]) // cell[1]).clip(0).astype(np.intp), (columns // cell[0])[None, :]]
    planes.paint(pane & (chance >= lit_share), _scaled(wall, (0.62, 0.7, 0.8)))
    planes.paint(pane & (chance < lit_share), _mix((255, 220, 140), palette.horizon, 0.3 * (1 - depth)))
    planes.paint(pane & (chance < lit_share * 0.12), look.accent())
    return planes, mask


def _space(look: Look, width: int, height: int) -> Painting:
    rng = look.rng()
    bright = {Light.NIGHT: 0.7, Light.DAY: 1.5, Light.DAWN: 1.15, Light.SUNSET: 1.3}[look.light]
    background = Planes.filled(width, height, (8, 8, 20))
    for hue in rng.uniform(0, 1, 3):
        alpha = _nebula(rng, width, height) * 0.42 * bright
        background.blend(np.clip(alpha, 0, 0.8).astype(np.float32), props.hsv(hue, 0.6, 0.8))
    _stars(background, rng, height - 4, width * height // 3500)
    drawables: list[Drawable] = [
        Particles(rng, 40, (width, height), (2, 2), (-14, 0), 150),
        Particles(rng, 26, (width, height), (4, 2), (-44, 0), 200),
    ]
    small = min(width, height)
    planet = props.planet(rng, _even(small * rng.uniform(0.5, 0.7)), look.accent())
    moon = props.planet(rng, _even(small * 0.13), (190, 186, 180))
    x, y = int(rng.uniform(0.1, 0.5) * width), int(rng.uniform(0.2, 0.4) * height)
    drawables.append(_floater(planet, x, y, (_even(0.08 * width), 0), 40.0))
    drawables.append(
        _floater(moon, int(0.1 * width), int(0.1 * height), (int(0.7 * width), int(0.14 * height)), 18.0)
    )
    ship = props.rocket(int(0.16 * small), look.accent())
    drawables.append(_drifter(ship, width, int(rng.uniform(0.5, 0.8) * height), 90.0, rng.uniform(0, 1)))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


def _nebula(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Return a smooth cloud of values from 0 to 1."""
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, width / height, width, dtype=np.float32)[None, :]
    cloud = np.zeros((height, width), dtype=np.float32)
    for _ in range(3):
        x, y = rng.uniform(0, width / height), rng.uniform(0, 1)
        spread = rng.uniform(0.05, 0.2)
        cloud += np.exp(-((columns - x) ** 2) / spread) * np.exp(-((rows - y) ** 2) / (spread * 0.5))
    return np.asarray(cloud / cloud.max(), dtype=np.float32)


def _room(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    margin = _even(width * 0.16)
    wide = width + margin
    dusk = look.light in (Light.NIGHT, Light.SUNSET)
    lamp = (0.62, 0.56, 0.52) if dusk else (1.0, 1.0, 1.0)
    wall = _scaled(props.hsv(rng.uniform(0, 1), 0.22, 0.88), lamp)
    floor = _scaled(props.hsv(rng.uniform(0.05, 0.12), 0.5, 0.62), lamp)
    foot = _even(height * 0.66)
    room = Planes.gradient(wide, height, [(0.0, _scaled(wall, (0.84, 0.84, 0.86))), (1.0, wall)])
    boards = room.crop(0, foot, wide, height - foot)
    boards.paste(
        Planes.gradient(wide, height - foot, [(0.0, _scaled(floor, (0.72, 0.72, 0.72))), (1.0, floor)])
    )
    props.floor_boards(boards.y)
    room.crop(0, foot - 12, wide, 12).paste(Planes.filled(wide, 12, _mix(wall, (250, 250, 250), 0.5)))
    small = min(width, height)
    size = (_even(small * 0.5), _even(small * 0.42))
    outside, _ = _sky(look, palette, size[0], size[1], 0.95)
    props.window(room, outside, (_even(wide * rng.uniform(0.08, 0.3)), _even(height * 0.14)), lamp)
    picture = Planes.gradient(
        *(_even(small * 0.2),) * 2, [(0, look.accent()), (1, props.hsv(rng.uniform(0, 1), 0.6, 0.6))]
    )
    props.frame(room, picture, (_even(wide * 0.68), _even(height * 0.18)), (92, 66, 44))
    props.table(
        room,
        (_even(wide * 0.6), foot - _even(small * 0.16)),
        _even(wide * 0.26),
        _scaled((132, 92, 60), lamp),
    )
    robot = props.robot(int(0.3 * small), look.accent())
    pan, walk, hop = swing(margin, 26.0), swing(_even(width * 0.7), 15.0, rng.uniform(0, 1)), swing(6, 0.9)
    drawables: list[Drawable] = [
        Sprite(
            robot,
            lambda time_ms: int(0.05 * width) + walk(time_ms),
            lambda time_ms: height - robot.height - 8 - hop(time_ms),
        ),
    ]
    return Painting(Backdrop(room, pan), drawables)


class _Road:
    """A road to the horizon: two pictures of it, chosen row by row as it runs by."""

    def __init__(self, planes: tuple[Planes, Planes], top: int, speed: float) -> None:
        self._planes = planes
        self._top = top
        rows = planes[0].height
        # A row at depth d below the horizon shows ground at a distance of 1/d.
        self._phase = 9.0 / (np.arange(rows, dtype=np.float32) / rows + 0.05)
        self._speed = speed

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the road."""
        view = target.crop(0, self._top, target.width, self._planes[0].height)
        view.paste(self._planes[0])
        dashed = np.flatnonzero((self._phase + time_ms / 1000 * self._speed) % 2.0 < 1.0)
        view.y[dashed] = self._planes[1].y[dashed]
        half = np.unique(dashed // 2)
        view.u[half] = self._planes[1].u[half]
        view.v[half] = self._planes[1].v[half]


def _road(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), _palette(look)
    background, drawables = _sky(look, palette, width, height, 0.58)
    period = _period(width)
    rows = _even(0.24 * height)
    horizon = _even(0.56 * height)
    edge = (rows * 0.35 + rows * 0.33 * _ridge(rng, period, 2, 5, 0.5)).astype(np.float32)
    hills = palette.lit((96, 118, 110), 0.4)
    ground = _ground(edge, rows, (hills, palette.lit((84, 112, 78), 0.2)), _slope(edge, 16.0))
    drawables.append(_layer(ground, horizon - rows + 2, scroll(6.0, period), width))
    meadow: RGB = (236, 240, 246) if look.weather is Weather.SNOW else (92 + rng.uniform(-20, 60), 132, 66)
    pictures = tuple(
        props.road(
            (width, height - horizon),
            palette.lit(_scaled(meadow, (shade,) * 3)),
            palette.lit((74, 76, 84)),
            palette.lit((232, 232, 226)) if dashed else None,
        )
        for dashed, shade in ((False, 1.0), (True, 0.95))
    )
    drawables.append(_Road((pictures[0], pictures[1]), horizon, 3.0))
    car = props.car_from_behind(int(0.3 * min(width, height)), look.accent())
    sway = swing(_even(0.24 * width), 9.0, rng.uniform(0, 1))
    left, top = int(0.5 * width - 0.12 * width - car.width / 2), height - car.height - _even(0.06 * height)
    drawables.append(Sprite(car, lambda t: left + sway(t), lambda _: top))
    return Painting(Backdrop(background), (*drawables, *_weather(look, width, height)))


_PAINTERS: dict[Kind, Callable[[Look, int, int], Painting]] = {
    Kind.OCEAN: _ocean,
    Kind.FOREST: _forest,
    Kind.MOUNTAINS: _mountains,
    Kind.CITY: _city,
    Kind.DESERT: _desert,
    Kind.SPACE: _space,
    Kind.ROOM: _room,
    Kind.ROAD: _road,
}
