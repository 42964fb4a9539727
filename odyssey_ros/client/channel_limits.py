"""Limits on what a peer may send over data channels: their number, and what waits for the rest of a message.

aiortc accepts 65535 channels and joins fragments without a limit. Uses private members of aiortc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCSctpTransport
    from aiortc.rtcsctptransport import DataChunk

MAX_CHANNELS: Final = 16
"""How many data channels, and streams of SCTP, a peer may use. The service uses two."""

MAX_MESSAGE_BYTES: Final = 262_144
"""Maximum size of a message, as announced in the session description of aiortc 1.16."""

_MAX_WAITING_BYTES: Final = 1024 * 1024  # the receiver window that aiortc announces
_MAX_WAITING_CHUNKS: Final = 2048

_OPEN: Final = 3
_ESTABLISHMENT_PROTOCOL: Final = 50


def limit_channels(transport: RTCSctpTransport, on_exceeded: Callable[[str], None]) -> None:
    """Apply the limits to a transport, before it is started.

    Args:
        transport: The transport of the data channels.
        on_exceeded: Called once with the reason, as a sentence; everything that arrives later is ignored.
    """
    _ChannelLimits(transport, on_exceeded)


class _ChannelLimits:
    # The transport is not typed, because mypy accepts no assignment to a method.
    def __init__(self, transport: Any, on_exceeded: Callable[[str], None]) -> None:
        self._sctp = transport
        self._on_exceeded = on_exceeded
        self._exceeded = False
        self._receive_chunk = self._sctp._receive_data_chunk  # noqa: SLF001
        self._receive_message = self._sctp._data_channel_receive  # noqa: SLF001
        self._sctp._receive_data_chunk = self._chunk_arrived  # noqa: SLF001
        self._sctp._data_channel_receive = self._message_arrived  # noqa: SLF001

    async def _chunk_arrived(self, chunk: DataChunk) -> None:
        streams = self._sctp._inbound_streams  # noqa: SLF001
        if chunk.stream_id not in streams and len(streams) >= MAX_CHANNELS:
            self._exceed(f"more than {MAX_CHANNELS} data channels")
        if not self._exceeded:
            await self._receive_chunk(chunk)
            chunks = [waiting for stream in streams.values() for waiting in stream.reassembly]
            size = sum(len(waiting.user_data) for waiting in chunks) if len(chunks) > 1 else 0
            if len(chunks) > _MAX_WAITING_CHUNKS or size > _MAX_WAITING_BYTES:
                self._exceed("messages that do not end")

    async def _message_arrived(self, stream_id: int, protocol: int, data: bytes) -> None:
        is_opening = protocol == _ESTABLISHMENT_PROTOCOL and data[:1] == bytes([_OPEN])
        if is_opening and len(self._sctp._data_channels) >= MAX_CHANNELS:  # noqa: SLF001
            self._exceed(f"more than {MAX_CHANNELS} data channels")
        elif len(data) > MAX_MESSAGE_BYTES:
            self._exceed(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        if not self._exceeded:
            await self._receive_message(stream_id, protocol, data)

    def _exceed(self, what: str) -> None:
        if not self._exceeded:
            self._exceeded = True
            for stream in self._sctp._inbound_streams.values():  # noqa: SLF001
                stream.reassembly.clear()
            self._on_exceeded(f"The other side sent {what} on the data connection")
