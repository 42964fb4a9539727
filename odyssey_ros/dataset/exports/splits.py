"""Splits of a dataset by episode, such as train and val, that do not change when episodes are added."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.number_text import decimal_number

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HASH_RANGE: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Splits:
    """The names of the splits, and the share of the episodes that each one receives.

    Attributes:
        shares: Pairs of name and share; the shares add up to 1.
    """

    shares: tuple[tuple[str, Fraction], ...]

    @classmethod
    def parse(cls, text: str) -> Splits:
        """Read `train=0.9,val=0.1`.

        Raises:
            PlanError: The text has another form, a name occurs twice, or the shares do not add up to 1.
        """
        shares: dict[str, Fraction] = {}
        for part in text.split(","):
            name, _, share_text = part.partition("=")
            try:
                share = Fraction(str(decimal_number(share_text)))
            except ValueError:
                share = Fraction(0)
            if not _NAME.fullmatch(name) or not 0 < share <= 1 or name in shares:
                raise PlanError(f"splits are names with shares, as in train=0.9,val=0.1, not {text!r}")
            shares[name] = share
        if sum(shares.values()) != 1:
            raise PlanError(f"the shares of {text!r} add up to {float(sum(shares.values())):g} instead of 1")
        return cls(tuple(shares.items()))

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        shares = ((name, f"{float(share)!r}".removesuffix(".0")) for name, share in self.shares)
        return ",".join(f"{name}={share}" for name, share in shares)

    def of(self, episode: str) -> str:
        """Return the name of the split of an episode.

        It depends only on the name of the episode and on the splits, so added episodes do not move others.
        """
        digest = hashlib.sha256(episode.encode("utf-8", "surrogateescape")).digest()
        place = Fraction(int.from_bytes(digest, "big"), _HASH_RANGE)
        limit = Fraction(0)
        for name, share in self.shares:
            limit += share
            if place < limit:
                return name
        return self.shares[-1][0]
