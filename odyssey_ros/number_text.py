"""Numbers in texts of users: options, launch arguments, parameters and files.

Python reads more than a user means: `1_0` is 10, and the digits of every script are digits. Other readers,
such as ROS, refuse these texts or read another number.
"""

from __future__ import annotations

import re


def whole_number(text: str) -> int:
    """Return the whole number of a text: a sign, if any, and up to 20 decimal digits.

    Raises:
        ValueError: The text is something else.
    """
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text.strip()) is None:
        raise ValueError(f"{text!r:.40} is not a whole number in decimal digits")
    return int(text)


def decimal_number(text: str) -> float:
    """Return the number of a text, which `float` accepts and which is written in ASCII without underscores.

    It may be infinite, or not a number.

    Raises:
        ValueError: The text is something else.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r:.40} is not a number in decimal digits")
    return float(text)
