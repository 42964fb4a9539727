"""Distances of frames, as few points."""

from __future__ import annotations

from odyssey_ros.dataset.report.frame_distances import MAX_POINTS, frame_distances


def test_each_frame_of_a_short_episode_has_a_point() -> None:
    times = [0, 50_000_000, 150_000_000]
    assert frame_distances(times) == ((0.05, 50.0), (0.15, 100.0))


def test_a_gap_in_a_long_episode_is_kept() -> None:
    times = [at * 50_000_000 + (at >= 7001) * 950_000_000 for at in range(10_000)]
    points = frame_distances(times)
    assert MAX_POINTS * 0.9 < len(points) <= MAX_POINTS
    assert max(points, key=lambda point: point[1]) == (351.0, 1000.0)
    assert [time for time, _ in points] == sorted(time for time, _ in points)


def test_too_few_frames() -> None:
    assert frame_distances([]) == frame_distances([5]) == ()
