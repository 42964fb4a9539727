"""Presigned addresses: kept for a while, asked for once, and never shown."""

from __future__ import annotations

import asyncio

import pytest
from odyssey_ros.msg import Recording

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.media_sources import (
    INCOMPLETE_LIFETIME_S,
    LIFETIME_S,
    MAX_KEPT_CHARACTERS,
    MAX_SOURCES,
    MediaAddresses,
    MediaKey,
    MediaKind,
    MediaSources,
)

KEY = MediaKey("recording", "/odyssey", "stream")


class Node:
    """Names a new address at each call."""

    def __init__(self) -> None:
        self.calls = 0
        self.has_video = True
        self.error: OdysseyError | None = None

    async def load(self) -> MediaAddresses:
        self.calls += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return MediaAddresses(video=f"https://files/{self.calls}" if self.has_video else "")


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


async def test_addresses_are_kept_until_they_are_old() -> None:
    """An address expires after about an hour, so it is asked for earlier."""
    node, clock = Node(), Clock()
    sources = MediaSources(clock)
    first = await sources.address(KEY, MediaKind.VIDEO, node.load)
    assert await sources.address(KEY, MediaKind.VIDEO, node.load) == first
    clock.time += LIFETIME_S
    assert await sources.address(KEY, MediaKind.VIDEO, node.load) != first
    assert node.calls == 2


async def test_one_call_serves_all_who_wait_for_it() -> None:
    """Also when the first of them goes away."""
    node = Node()
    sources = MediaSources()
    waiting = [asyncio.create_task(sources.address(KEY, MediaKind.VIDEO, node.load)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[1:] == ["https://files/1"] * 4
    assert node.calls == 1


async def test_an_expired_address_is_renewed_once_for_all() -> None:
    """Whoever still has the old address gets the new one."""
    node = Node()
    sources = MediaSources()
    old = await sources.address(KEY, MediaKind.VIDEO, node.load)
    new = await sources.renewed(KEY, MediaKind.VIDEO, node.load, old)
    assert new != old
    assert await sources.renewed(KEY, MediaKind.VIDEO, node.load, old) == new
    assert node.calls == 2


async def test_a_missing_file_is_looked_for_again() -> None:
    """A stream that is running has no video yet."""
    node, clock = Node(), Clock()
    node.has_video = False
    sources = MediaSources(clock)
    for _ in range(2):
        with pytest.raises(OdysseyError, match="no video") as error:
            await sources.address(KEY, MediaKind.VIDEO, node.load)
        assert error.value.code is ErrorCode.NOT_FOUND
    assert node.calls == 1
    node.has_video = True
    clock.time += INCOMPLETE_LIFETIME_S
    assert await sources.address(KEY, MediaKind.VIDEO, node.load)


async def test_an_error_of_the_node_is_not_kept() -> None:
    """The next request asks again."""
    node = Node()
    node.error = OdysseyError("not connected", code=ErrorCode.NOT_CONNECTED)
    sources = MediaSources()
    with pytest.raises(OdysseyError, match="not connected"):
        await sources.address(KEY, MediaKind.VIDEO, node.load)
    node.error = None
    assert await sources.address(KEY, MediaKind.VIDEO, node.load)


async def test_the_number_of_kept_addresses_is_bounded() -> None:
    """The oldest are forgotten, and asked for again."""
    node = Node()
    sources = MediaSources()
    keys = [MediaKey("recording", "/odyssey", str(number)) for number in range(MAX_SOURCES + 1)]
    for key in keys:
        sources.keep(key, MediaAddresses(video=f"https://kept/{key.name}"))
    assert await sources.address(keys[1], MediaKind.VIDEO, node.load) == "https://kept/1"
    assert await sources.address(keys[0], MediaKind.VIDEO, node.load) == "https://files/1"


def test_addresses_do_not_show_in_texts() -> None:
    """A log of the object contains no secret."""
    message = Recording(
        video_url="https://a/secret", preview_url="https://b/secret",
        thumbnail_url="https://c/secret", events_url="https://d/secret",
    )  # fmt: skip
    addresses = MediaAddresses.of(message)
    assert [addresses.get(kind) for kind in MediaKind] == [
        "https://a/secret", "https://b/secret", "https://c/secret", "https://d/secret",
    ]  # fmt: skip
    assert "secret" not in repr(addresses)


async def test_addresses_that_are_too_long_are_not_kept() -> None:
    """Any node can name them, and each has a key of its own."""
    sources, calls = MediaSources(), 0

    async def load() -> MediaAddresses:
        nonlocal calls
        calls += 1
        return MediaAddresses(video="https://files/" + "x" * MAX_KEPT_CHARACTERS)

    for _ in range(2):
        assert len(await sources.address(KEY, MediaKind.VIDEO, load)) > MAX_KEPT_CHARACTERS
    assert calls == 2
