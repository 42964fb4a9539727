"""Silhouettes of ridges, trees and buildings, painted as scrolling layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from odyssey_ros.emulator.scene.canvas import RGB, Layer, Planes, even, mix, scaled
from odyssey_ros.emulator.scene.looks import Light, Look

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from odyssey_ros.emulator.scene.skies import Palette

__all__ = ["buildings", "ground", "layer", "period_of", "ridge", "slope", "trees"]


def ridge(
    rng: np.random.Generator, period: int, *, frequency: int, octaves: int, roughness: float
) -> NDArray[np.float32]:
    """Return a periodic outline with values between -1 and 1.

    Args:
        rng: chooses phases and frequencies.
        period: length of the outline, in pixels.
        frequency: waves per period in the first octave.
        octaves: number of octaves, each with about twice the frequency of the one before.
        roughness: amplitude of an octave as a share of the one before.
    """
    phase = np.arange(period, dtype=np.float32) * (2 * math.pi / period)
    outline = np.zeros(period, dtype=np.float32)
    for octave in range(octaves):
        waves = frequency * 2**octave + int(rng.integers(0, 2 + octave))
        outline += np.sin(phase * waves + rng.uniform(0, 2 * math.pi)) * roughness**octave
    return np.asarray(outline / np.abs(outline).max(), dtype=np.float32)


def ground(
    edge: NDArray[np.float32],
    height: int,
    colours: tuple[RGB, RGB],
    relief: NDArray[np.float32] | None = None,
) -> tuple[Planes, NDArray[np.bool_]]:
    """Paint ground with a vertical gradient below an outline.

    Args:
        edge: row of the outline in every column.
        height: height of the painted ground, in pixels.
        colours: colours at the top and at the bottom.
        relief: luma to add per column; it shifts sideways with depth, which looks like the facets of a slope.

    Returns:
        The planes and the H x W mask of the pixels below the outline.
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


def layer(
    painted: tuple[Planes, NDArray[np.bool_]], *, top: int, offset: Callable[[int], int], width: int
) -> Layer:
    """Return the result of `ground` as a layer at row `top` of a viewport that is `width` pixels wide."""
    planes, mask = painted
    return Layer(planes.tiled(width), even(top), offset, np.concatenate((mask, mask[:, :width]), axis=1))


def slope(edge: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """Return the relief of an outline for light from the left, with values up to `strength`."""
    # Smoothed over some columns, so that small notches of a crest do not show far below the crest.
    reach = 24
    around = np.concatenate((edge[-reach:], edge, edge[:reach]))
    gradient = (around[2 * reach :] - around[: -2 * reach]) / (2 * reach)
    return (np.tanh(-gradient * 2) * strength).astype(np.float32)


def trees(
    rng: np.random.Generator, edge: NDArray[np.float32], count: int, size: tuple[float, float]
) -> NDArray[np.float32]:
    """Return `edge` with the outlines of `count` spruces; `size` is the range of their heights, in pixels."""
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


def period_of(width: int) -> int:
    """Return the width, in pixels, after which the scenery of a viewport `width` pixels wide repeats."""
    return (width * 3 // 2 + 15) // 16 * 16


def buildings(
    look: Look, palette: Palette, rng: np.random.Generator, *, size: tuple[int, int], depth: float
) -> tuple[Planes, NDArray[np.bool_]]:
    """Paint a row of buildings with windows.

    Args:
        look: look of the scene.
        palette: palette of the look.
        rng: chooses the buildings and the lit windows.
        size: width and height of the painted row, in pixels.
        depth: nearness, from 0 (far) to 1 (near).

    Returns:
        The planes and the H x W mask of the buildings' pixels.
    """
    period, rows = size
    edge = np.empty(period, dtype=np.float32)
    walls = np.empty(period, dtype=np.float32)
    cell = (even(14 + 14 * depth), even(16 + 14 * depth))
    lit_share = 0.55 if look.light is Light.NIGHT else 0.16
    columns = np.arange(period)
    row = np.arange(rows)[:, None]
    left = 0
    while left < period:
        right = min(left + cell[0] * int(rng.integers(4, 9)), period)
        if period - right < cell[0] * 3:
            right = period
        edge[left:right] = even(rng.uniform(0.0, 0.55) * rows)
        walls[left:right] = rng.uniform(-14, 14)
        left = right
    wall = palette.lit((104, 110, 128) if depth < 1 else (78, 82, 100), 0.55 * (1 - depth))
    planes, mask = ground(edge, rows, (wall, scaled(wall, (0.75, 0.75, 0.75))))
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
    planes.paint(pane & (chance >= lit_share), scaled(wall, (0.62, 0.7, 0.8)))
    planes.paint(pane & (chance < lit_share), mix((255, 220, 140), palette.horizon, 0.3 * (1 - depth)))
    planes.paint(pane & (chance < lit_share * 0.12), look.accent())
    return planes, mask
