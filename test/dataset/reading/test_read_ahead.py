"""Items that are read ahead: all of them, in order, with an error in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.reading.read_ahead import MAX_BYTES, MAX_ITEMS, read_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    """Numbers below `count`, then an error if there is one. Counts what was read."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.read = 0
        self._count = count
        self._error = error

    def items(self) -> Iterator[int]:
        for number in range(self._count):
            self.read += 1
            yield number
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("count", [0, 1, MAX_ITEMS, 3 * MAX_ITEMS + 1])
def test_all_items_in_order(count: int) -> None:
    assert list(read_ahead(Source(count).items(), lambda _: 1)) == list(range(count))


@pytest.mark.parametrize(("size", "ahead"), [(1, MAX_ITEMS), (MAX_BYTES // 4, 4), (MAX_BYTES, 1)])
def test_how_far_is_read_ahead(size: int, ahead: int) -> None:
    source = Source(1000)
    items = read_ahead(source.items(), lambda _: size)
    for number in range(2 * ahead):
        assert next(items) == number
        assert source.read == (number // ahead + 1) * ahead


@pytest.mark.parametrize("count", [0, 3, MAX_ITEMS, MAX_ITEMS + 2])
def test_an_error_follows_the_items_before_it(count: int) -> None:
    items = read_ahead(Source(count, OSError("torn")).items(), lambda _: 1)
    for number in range(count):
        assert next(items) == number
    with pytest.raises(OSError, match="torn"):
        next(items)
    with pytest.raises(StopIteration):
        next(items)
