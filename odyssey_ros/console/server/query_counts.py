"""Reads the whole numbers in the queries of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.console.server.request_bodies import bad_argument

if TYPE_CHECKING:
    from aiohttp import web


def query_count(request: web.Request, name: str, default: int, bounds: tuple[int, int]) -> int:
    """Return a whole number within bounds, inclusive; `default` if the query does not have it.

    Raises:
        OdysseyError: `BAD_ARGUMENT`: it is no such number.
    """
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise bad_argument(f"{name} has to be a whole number")
    if not bounds[0] <= int(text) <= bounds[1]:
        raise bad_argument(f"{name} has to be from {bounds[0]} to {bounds[1]}")
    return int(text)
