"""Paints the places of the scenes: for each kind, a background and the drawables in front of it.

A painter is a function of a `Look` and the size of the viewport. A painter runs once per prompt, for some
tens of milliseconds, so that drawing a frame is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from odyssey_ros.emulator.scene import props, silhouettes, skies
from odyssey_ros.emulator.scene.canvas import (
    RGB,
    Backdrop,
    Drawable,
    Layer,
    Particles,
    Planes,
    Sprite,
    even,
    mix,
    scaled,
    scroll,
    swing,
)
from odyssey_ros.emulator.scene.looks import Kind, Light, Look, Weather

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Painting", "paint"]


class Painting:
    """A painted scene.

    Layers are clipped where an opaque layer in front hides them.

    Args:
        backdrop: drawn first.
        drawables: drawn over the backdrop, in order.
    """

    def __init__(self, backdrop: Backdrop, drawables: Sequence[Drawable]) -> None:
        self.backdrop = backdrop
        self.drawables = tuple(drawables)
        hidden = None
        for drawable in reversed(self.drawables):
            if isinstance(drawable, Layer):
                if hidden is not None:
                    drawable.clip(hidden)
                hidden = drawable.solid if hidden is None else min(hidden, drawable.solid)
        backdrop.clip(hidden)

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the whole scene into `target` at stream time `time_ms`, in milliseconds."""
        self.backdrop.draw(target, time_ms)
        for drawable in self.drawables:
            drawable.draw(target, time_ms)


def paint(look: Look, width: int, height: int) -> Painting:
    """Paint the scene of `look` for a viewport of `width` x `height` pixels; both are even."""
    return _PAINTERS[look.kind](look, width, height)


def _ocean(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    horizon = rng.uniform(0.42, 0.52)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=horizon)
    period = silhouettes.period_of(width)
    far, near = palette.lit((70, 150, 178), 0.25), palette.lit((8, 52, 92))
    tops = [horizon + (1 - horizon) * share for share in (0.0, 0.08, 0.2, 0.4, 0.68)]
    boat = props.sailboat(int(0.24 * min(width, height)), look.accent())
    for index, share in enumerate(tops):
        depth = index / (len(tops) - 1)
        swell = 2 + 12 * depth
        rows = height - even(share * height)
        edge = swell + swell * silhouettes.ridge(rng, period, frequency=6 - index, octaves=3, roughness=0.6)
        if index == 0:
            edge = np.zeros(period, dtype=np.float32)
        colour = mix(far, near, depth)
        ground = silhouettes.ground(edge, rows, (mix(colour, palette.horizon, 0.22), mix(colour, near, 0.5)))
        _glitter(ground[0], rng, int(20 + 40 * depth), 4 + int(depth * 14))
        pace = (6 + 40 * depth) * (1 if index % 2 else -1)
        offset = scroll(abs(pace), period)
        offset = offset if pace > 0 else _reversed(offset, period)
        drawables.append(silhouettes.layer(ground, top=height - rows, offset=offset, width=width))
        if index == 1:
            top = even(tops[2] * height) - boat.height + 14
            span = even(width * 0.45)
            x = even(rng.uniform(0.1, 0.4) * width)
            drawables.append(skies.swaying_sprite(boat, x=x, y=top, sway=(span, 8), seconds=24.0))
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _reversed(offset: Callable[[int], int], period: int) -> Callable[[int], int]:
    return lambda time_ms: (period - offset(time_ms)) % period


def _glitter(planes: Planes, rng: np.random.Generator, count: int, length: int) -> None:
    """Paint `count` short bright strokes of `length` pixels on water."""
    for _ in range(count):
        x = int(rng.integers(0, planes.width - length))
        y = int(rng.uniform(0.1, 1) * (planes.height - 4))
        stroke = planes.y[y : y + 2, x : x + length]
        np.copyto(stroke, np.minimum(stroke.astype(np.int16) + 26, 235), casting="unsafe")


def _forest(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=0.6)
    drawables.append(skies.balloon(look, width, height))
    period = silhouettes.period_of(width)
    green = rng.uniform(-14, 14, 3)
    snowy = look.weather is Weather.SNOW
    for index, (share, speed, trees) in enumerate(
        [(0.44, 4.0, 0), (0.52, 10.0, 110), (0.64, 24.0, 60), (0.8, 56.0, 26)]
    ):
        depth = index / 3
        rows = height - even(share * height) + even(0.1 * height)
        tall = height * (0.05 + 0.2 * depth)
        base = 0.1 * height + 0.03 * height * silhouettes.ridge(
            rng, period, frequency=2, octaves=4, roughness=0.5
        )
        room = even(tall * 1.1)
        edge = (base + room).astype(np.float32)
        colour: RGB = (58 + green[0], 104 + green[1], 62 + green[2]) if not snowy else (188, 204, 214)
        lit = palette.lit(mix(colour, (20, 46, 30), depth * 0.75), 0.62 * (1 - depth))
        outline = silhouettes.trees(rng, edge, trees, (tall * 0.45, tall)) if trees else edge
        ground = silhouettes.ground(outline, rows + room, (lit, scaled(lit, (0.7, 0.7, 0.7))))
        drawables.append(
            silhouettes.layer(ground, top=height - rows - room, offset=scroll(speed, period), width=width)
        )
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _mountains(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=0.62)
    drawables.append(skies.balloon(look, width, height))
    period = silhouettes.period_of(width)
    snow_line = 0.5 if look.weather is Weather.SNOW else 0.24
    for index, (share, speed) in enumerate([(0.24, 4.0), (0.4, 10.0), (0.62, 26.0)]):
        depth = index / 2
        rows = height - even(share * height)
        swell = height * (0.15 - 0.05 * depth)
        edge = (
            swell + swell * silhouettes.ridge(rng, period, frequency=2 + index, octaves=6, roughness=0.52)
        ).astype(np.float32)
        stone: RGB = (116, 108, 112) if index < 2 else (70, 98, 62)
        top, foot = (
            palette.lit(stone, 0.5 - 0.42 * depth),
            palette.lit(mix(stone, (52, 84, 58), 0.7), 0.3 - 0.3 * depth),
        )
        relief = silhouettes.slope(edge, 26 - 12 * depth)
        planes, mask = silhouettes.ground(edge, rows, (top, foot), relief)
        if index < 2:
            row = np.arange(rows, dtype=np.float32)[:, None]
            notches = silhouettes.ridge(rng, period, frequency=24, octaves=3, roughness=0.7)[None, :]
            limit = height * snow_line * 0.42 + 0.02 * height * notches
            cap = (row < limit) & mask
            white = np.where(relief > 0, 0, -34)[None, :]
            planes.paint(cap, palette.lit((246, 248, 252), 0.25 - 0.2 * depth))
            planes.shade(np.where(cap, white, 0))
        drawables.append(
            silhouettes.layer((planes, mask), top=height - rows, offset=scroll(speed, period), width=width)
        )
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _desert(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=0.56)
    drawables.append(skies.balloon(look, width, height))
    period = silhouettes.period_of(width)
    sand = (226 + rng.uniform(-18, 10), 172 + rng.uniform(-22, 16), 104 + rng.uniform(-24, 24))
    for index, (share, speed) in enumerate([(0.44, 4.0), (0.52, 10.0), (0.63, 22.0), (0.78, 48.0)]):
        depth = index / 3
        rows = height - even(share * height)
        swell = height * (0.035 + 0.035 * depth)
        crest = np.abs(silhouettes.ridge(rng, period, frequency=1, octaves=2, roughness=0.6))
        edge = (2 * swell * crest).astype(np.float32)
        colour = palette.lit(mix(sand, scaled(sand, (0.86, 0.74, 0.66)), depth), 0.5 * (1 - depth))
        ground = silhouettes.ground(
            edge, rows, (colour, scaled(colour, (0.84, 0.8, 0.78))), silhouettes.slope(edge * 5, 15.0)
        )
        drawables.append(
            silhouettes.layer(ground, top=height - rows, offset=scroll(speed, period), width=width)
        )
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _city(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=0.74)
    period = silhouettes.period_of(width)
    for index, (share, speed) in enumerate([(0.3, 4.0), (0.42, 12.0), (0.6, 30.0)]):
        depth = index / 2
        rows = height - even(share * height)
        ground = silhouettes.buildings(look, palette, rng, size=(period, rows), depth=depth)
        drawables.append(
            silhouettes.layer(ground, top=height - rows, offset=scroll(speed, period), width=width)
        )
    street = even(0.1 * height)
    asphalt = Planes.filled(width, street, palette.lit((62, 64, 72)))
    asphalt.y[:4] = np.minimum(asphalt.y[:4].astype(np.int16) + 50, 235)
    asphalt.y[street // 2 : street // 2 + 4] = 150
    drawables.append(Layer(asphalt, height - street))
    for speed, lane in ((150.0, 0.02), (-110.0, 0.5)):
        colour = look.accent() if speed > 0 else palette.lit((210, 210, 216))
        car = props.car(int(0.15 * min(width, height)), colour, mirrored=speed < 0)
        top = height - street + even(lane * street) - car.height // 2
        phase = rng.uniform(0, 1)
        drawables.append(skies.drifting_sprite(car, width, top=top, speed=speed, phase=phase))
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _space(look: Look, width: int, height: int) -> Painting:
    rng = look.rng()
    bright = {Light.NIGHT: 0.7, Light.DAY: 1.5, Light.DAWN: 1.15, Light.SUNSET: 1.3}[look.light]
    background = Planes.filled(width, height, (8, 8, 20))
    for hue in rng.uniform(0, 1, 3):
        alpha = _nebula(rng, width, height) * 0.42 * bright
        background.blend(np.clip(alpha, 0, 0.8).astype(np.float32), props.hsv(hue, 0.6, 0.8))
    skies.stars(background, rng, height - 4, width * height // 3500)
    drawables: list[Drawable] = [
        Particles(rng, 40, area=(width, height), size=(2, 2), velocity=(-14, 0), luma=150),
        Particles(rng, 26, area=(width, height), size=(4, 2), velocity=(-44, 0), luma=200),
    ]
    small = min(width, height)
    planet = props.planet(rng, even(small * rng.uniform(0.5, 0.7)), look.accent())
    moon = props.planet(rng, even(small * 0.13), (190, 186, 180))
    x, y = int(rng.uniform(0.1, 0.5) * width), int(rng.uniform(0.2, 0.4) * height)
    drawables += [
        skies.swaying_sprite(planet, x=x, y=y, sway=(even(0.08 * width), 0), seconds=40.0),
        skies.swaying_sprite(
            moon,
            x=int(0.1 * width),
            y=int(0.1 * height),
            sway=(int(0.7 * width), int(0.14 * height)),
            seconds=18.0,
        ),
    ]
    rocket = props.rocket(int(0.16 * small), look.accent())
    top, phase = int(rng.uniform(0.5, 0.8) * height), rng.uniform(0, 1)
    drawables.append(skies.drifting_sprite(rocket, width, top=top, speed=90.0, phase=phase))
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


def _nebula(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Return an H x W cloud of smooth values from 0 to 1."""
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, width / height, width, dtype=np.float32)[None, :]
    cloud = np.zeros((height, width), dtype=np.float32)
    for _ in range(3):
        x, y = rng.uniform(0, width / height), rng.uniform(0, 1)
        spread = rng.uniform(0.05, 0.2)
        cloud += np.exp(-((columns - x) ** 2) / spread) * np.exp(-((rows - y) ** 2) / (spread * 0.5))
    return np.asarray(cloud / cloud.max(), dtype=np.float32)


def _room(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    margin = even(width * 0.16)
    wide = width + margin
    dusk = look.light in (Light.NIGHT, Light.SUNSET)
    lamp = (0.62, 0.56, 0.52) if dusk else (1.0, 1.0, 1.0)
    wall = scaled(props.hsv(rng.uniform(0, 1), 0.22, 0.88), lamp)
    floor = scaled(props.hsv(rng.uniform(0.05, 0.12), 0.5, 0.62), lamp)
    foot = even(height * 0.66)
    room = Planes.gradient(wide, height, [(0.0, scaled(wall, (0.84, 0.84, 0.86))), (1.0, wall)])
    boards = room.crop(0, foot, wide, height - foot)
    boards.paste(
        Planes.gradient(wide, height - foot, [(0.0, scaled(floor, (0.72, 0.72, 0.72))), (1.0, floor)])
    )
    props.floor_boards(boards.y)
    room.crop(0, foot - 12, wide, 12).paste(Planes.filled(wide, 12, mix(wall, (250, 250, 250), 0.5)))
    small = min(width, height)
    size = (even(small * 0.5), even(small * 0.42))
    outside, _ = skies.sky_of(look, palette, *size, horizon=0.95)
    props.window(room, outside, (even(wide * rng.uniform(0.08, 0.3)), even(height * 0.14)), lamp)
    picture = Planes.gradient(
        *(even(small * 0.2),) * 2, [(0, look.accent()), (1, props.hsv(rng.uniform(0, 1), 0.6, 0.6))]
    )
    props.frame(room, picture, (even(wide * 0.68), even(height * 0.18)), (92, 66, 44))
    props.table(
        room,
        (even(wide * 0.6), foot - even(small * 0.16)),
        even(wide * 0.26),
        scaled((132, 92, 60), lamp),
    )
    robot = props.robot(int(0.3 * small), look.accent())
    pan, walk, hop = swing(margin, 26.0), swing(even(width * 0.7), 15.0, rng.uniform(0, 1)), swing(6, 0.9)
    drawables: list[Drawable] = [
        Sprite(
            robot,
            lambda time_ms: int(0.05 * width) + walk(time_ms),
            lambda time_ms: height - robot.height - 8 - hop(time_ms),
        ),
    ]
    return Painting(Backdrop(room, pan), drawables)


class _Road:
    """A road to the horizon that runs towards the viewer.

    Args:
        planes: two images of the road; each row is drawn from one of them, which changes as the road runs.
        top: first row of the road.
        speed: speed of the road, in dashes per two seconds.
    """

    def __init__(self, planes: tuple[Planes, Planes], top: int, speed: float) -> None:
        self._planes = planes
        self._top = top
        rows = planes[0].height
        # A row at a depth d below the horizon shows the ground at a distance of 1/d.
        self._phase = 9.0 / (np.arange(rows, dtype=np.float32) / rows + 0.05)
        self._speed = speed

    def draw(self, target: Planes, time_ms: int) -> None:
        """Draw the road into `target` at stream time `time_ms`, in milliseconds."""
        view = target.crop(0, self._top, target.width, self._planes[0].height)
        view.paste(self._planes[0])
        dashed = np.flatnonzero((self._phase + time_ms / 1000 * self._speed) % 2.0 < 1.0)
        view.y[dashed] = self._planes[1].y[dashed]
        half = np.unique(dashed // 2)
        view.u[half] = self._planes[1].u[half]
        view.v[half] = self._planes[1].v[half]


def _road(look: Look, width: int, height: int) -> Painting:
    rng, palette = look.rng(), skies.palette_of(look)
    background, drawables = skies.sky_of(look, palette, width, height, horizon=0.58)
    period = silhouettes.period_of(width)
    rows = even(0.24 * height)
    horizon = even(0.56 * height)
    edge = (
        rows * 0.35 + rows * 0.33 * silhouettes.ridge(rng, period, frequency=2, octaves=5, roughness=0.5)
    ).astype(np.float32)
    hills = palette.lit((96, 118, 110), 0.4)
    ground = silhouettes.ground(
        edge, rows, (hills, palette.lit((84, 112, 78), 0.2)), silhouettes.slope(edge, 16.0)
    )
    drawables.append(
        silhouettes.layer(ground, top=horizon - rows + 2, offset=scroll(6.0, period), width=width)
    )
    meadow: RGB = (236, 240, 246) if look.weather is Weather.SNOW else (92 + rng.uniform(-20, 60), 132, 66)
    plain, dashed = (
        props.road(
            (width, height - horizon),
            palette.lit(scaled(meadow, (shade,) * 3)),
            palette.lit((74, 76, 84)),
            palette.lit((232, 232, 226)) if has_dashes else None,
        )
        for has_dashes, shade in ((False, 1.0), (True, 0.95))
    )
    drawables.append(_Road((plain, dashed), horizon, 3.0))
    car = props.car_from_behind(int(0.3 * min(width, height)), look.accent())
    sway = swing(even(0.24 * width), 9.0, rng.uniform(0, 1))
    left, top = int(0.5 * width - 0.12 * width - car.width / 2), height - car.height - even(0.06 * height)
    drawables.append(Sprite(car, lambda t: left + sway(t), lambda _: top))
    return Painting(Backdrop(background), (*drawables, *skies.weather(look, width, height)))


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
