"""Shards: the parts of a dataset's work that independent runs do."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from odyssey_ros.dataset.errors import PlanError


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the work: number `index`, from 1, of `count`."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `i/n`.

        Raises:
            PlanError: The text has another form, or not 1 <= i <= n.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.index <= shard.count:
            raise PlanError(f"a shard is i/n with i from 1 to n, as in 2/4, not {text!r}")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, count: int) -> range:
        """Return the positions, of `count` in all, that belong to this shard."""
        return range(self.index - 1, count, self.count)

    def takes(self, name: str) -> bool:
        """Return whether an item with this name belongs to this shard; other items do not matter."""
        return zlib.crc32(name.encode()) % self.count == self.index - 1
