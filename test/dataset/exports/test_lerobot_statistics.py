"""Statistics: those of pictures and numbers, and their sums, are those that numpy computes."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame

from odyssey_ros.dataset.exports.lerobot_statistics import (
    PictureStatistics,
    combined,
    number_statistics,
    parsed_statistics,
)

RANDOM = np.random.default_rng(1)


def test_pictures_are_counted_by_channel() -> None:
    pixels = RANDOM.integers(0, 256, (4, 48, 64, 3), np.uint8)
    pixels[..., 1] //= 2
    statistics = PictureStatistics()
    for picture in pixels:
        statistics.add(VideoFrame.from_ndarray(picture, format="rgb24"))
    found = statistics.result()
    values = pixels.reshape(-1, 3) / 255
    for name, expected in (
        ("min", values.min(0)),
        ("max", values.max(0)),
        ("mean", values.mean(0)),
        ("std", values.std(0)),
        ("q01", np.quantile(values, 0.01, axis=0)),
        ("q50", np.quantile(values, 0.5, axis=0)),
        ("q99", np.quantile(values, 0.99, axis=0)),
    ):
        assert np.asarray(found[name]).shape == (3, 1, 1)
        assert np.asarray(found[name]).ravel() == pytest.approx(expected, abs=1 / 255), name
    assert found["count"] == [4]


@pytest.mark.parametrize("size", [(1280, 704), (704, 1280), (301, 33)])
def test_large_pictures_are_sampled(size: tuple[int, int]) -> None:
    """The mean of a gradient shows that the samples are spread over the whole picture."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([columns * 255 // width, rows * 255 // height, columns * 0 + 9], -1).astype(np.uint8)
    statistics = PictureStatistics()
    statistics.add(VideoFrame.from_ndarray(picture, format="rgb24"))
    mean = np.asarray(statistics.result()["mean"]).ravel()
    assert mean == pytest.approx([0.5, 0.5, 9 / 255], abs=0.02)


def test_numbers() -> None:
    values = np.arange(101, dtype=np.int64)
    found = number_statistics(values)
    assert {name: value[0] for name, value in found.items()} == pytest.approx(
        {
            "min": 0,
            "max": 100,
            "mean": 50,
            "std": values.std(),
            "count": 101,
            "q01": 1,
            "q10": 10,
            "q50": 50,
            "q90": 90,
            "q99": 99,
        }
    )


def test_sums_of_episodes() -> None:
    parts = [RANDOM.normal(number, 1 + number, 50 * (number + 1)) for number in range(3)]
    total = None
    for part in parts:
        total = combined(total, {"x": number_statistics(part)})
    whole = number_statistics(np.concatenate(parts))
    assert total is not None
    for name in ("min", "max", "mean", "std", "count"):
        assert total["x"][name] == pytest.approx(whole[name])
    medians = [number_statistics(part)["q50"][0] for part in parts]
    assert total["x"]["q50"] == pytest.approx([np.average(medians, weights=[50, 100, 150])])


def test_sums_keep_the_shape_of_pictures() -> None:
    statistics = PictureStatistics()
    statistics.add(VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24"))
    black = statistics.result()
    statistics.add(VideoFrame.from_ndarray(np.full((16, 16, 3), 255, np.uint8), format="rgb24"))
    total = combined({"x": black}, {"x": statistics.result()})["x"]
    assert total["count"] == [3]
    assert total["mean"] == [[[pytest.approx(1 / 3)]]] * 3
    assert total["max"] == [[[1.0]]] * 3


def test_statistics_of_a_file() -> None:
    statistics = PictureStatistics()
    statistics.add(VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24"))
    good = {"p": statistics.result(), "n": number_statistics(np.arange(3))}
    assert parsed_statistics(good, "p", ["n"]) == good
    for bad in (
        [],
        {"p": good["p"]},
        {"p": good["n"], "n": good["n"]},
        {"p": good["p"], "n": {**good["n"], "min": ["0"]}},
        {"p": good["p"], "n": {**good["n"], "min": []}},
        {"p": good["p"], "n": {"min": [0]}},
    ):
        with pytest.raises(ValueError, match=r"statistics|features|shape"):
            parsed_statistics(bad, "p", ["n"])
