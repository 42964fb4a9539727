"""Reads a few small items ahead, in groups.

Decoding and encoding a picture displace the code and the data of other work from the caches of the CPU. What
is done for one message between two pictures takes several times as long as for many messages in a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

MAX_ITEMS: Final = 64
"""Maximum number of items that are read ahead."""

MAX_BYTES: Final = 1 << 20
"""The size at which a group ends, so that large items are not read ahead."""


def read_ahead(items: Iterator[T], size_of: Callable[[T], int]) -> Iterator[T]:
    """Yield the items, several of which were read one after the other. An error comes in its place.

    Args:
        items: The items.
        size_of: Returns the size of an item in bytes.
    """
    while True:
        group: list[T] = []
        size = 0
        failure: Exception | None = None
        has_more = True
        try:
            while len(group) < MAX_ITEMS and size < MAX_BYTES:
                item = next(items)
                group.append(item)
                size += size_of(item)
        except StopIteration:
            has_more = False
        except Exception as error:  # noqa: BLE001 -- raised below
            failure = error
        yield from group
        if failure is not None:
            raise failure
        if not has_more:
            return
