"""The clients of other nodes, destroyed when nobody has used them for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

IDLE_S: Final = 20.0
"""A client that nobody uses is kept this long, because discovery takes up to a second for each new one."""

K = TypeVar("K", bound="Hashable")
C = TypeVar("C")


class KeptClients(Generic[K, C]):
    """Creates and keeps clients of services or actions. For the executor's thread.

    Any node on the graph can offer services and actions of any name, so clients are not kept for ever.

    Args:
        create: Creates a client for a key, such as the name of an action.
        destroy: Destroys a client.
        clock: Returns seconds, monotonic.
    """

    def __init__(
        self,
        create: Callable[[K], C],
        destroy: Callable[[C], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._create = create
        self._destroy = destroy
        self._clock = clock
        self._kept: dict[K, _Kept[C]] = {}

    def __len__(self) -> int:
        """Return the number of clients."""
        return len(self._kept)

    def acquire(self, key: K) -> C:
        """Return the client of a key, which remains until it is released."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(self._create(key))
        kept.uses += 1
        return kept.client

    def release(self, key: K) -> None:
        """End one use of a client. Without effect after an `acquire` that failed."""
        kept = self._kept.get(key)
        if kept is not None:
            kept.uses -= 1
            kept.released = self._clock()

    def destroy_idle(self) -> None:
        """Destroy the clients that have not been used for `IDLE_S`."""
        now = self._clock()
        for key, kept in tuple(self._kept.items()):
            if kept.uses == 0 and now - kept.released >= IDLE_S:
                del self._kept[key]
                self._destroy(kept.client)


@dataclass(slots=True)
class _Kept(Generic[C]):
    """A client, how many use it, and when the last of them ended."""

    client: C
    uses: int = 0
    released: float = 0.0
