"""A remote candidate whose connectivity check fails at once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aioice import Candidate, Connection, stun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class _Answering(asyncio.DatagramProtocol):
    """Answers each check from another port, which ICE takes for a failure (RFC 8445, section 7.2.5.2.1)."""

    def __init__(self, answer: asyncio.DatagramTransport, password: str) -> None:
        self._answer = answer
        self._key = password.encode()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        response.add_message_integrity(self._key)
        self._answer.sendto(bytes(response), address)


@asynccontextmanager
async def misleading_candidate(password: str) -> AsyncIterator[Candidate]:
    """Serve a candidate whose checks fail, with the password of its side of the connection."""
    loop, address = asyncio.get_running_loop(), ("127.0.0.1", 0)
    answer, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=address)
    requests, _ = await loop.create_datagram_endpoint(
        lambda: _Answering(answer, password), local_addr=address
    )
    try:
        host, port = requests.get_extra_info("sockname")
        yield Candidate("1", 1, "udp", 1, host, port, "host")
    finally:
        requests.close()
        answer.close()


async def connect_after_a_failed_check(
    adapt: Callable[[Connection], None], until: Callable[..., object]
) -> None:
    """Connect an ICE connection that first receives a candidate whose check fails.

    Args:
        adapt: Prepares the connection, which has not gathered its candidates yet.
        until: Waits for a condition.
    """
    waiting, other = Connection(ice_controlling=False), Connection(ice_controlling=True)
    for connection in (waiting, other):
        connection.get_component_candidates = _on_loopback(connection)
    adapt(waiting)
    await asyncio.gather(waiting.gather_candidates(), other.gather_candidates())
    for connection, remote in ((waiting, other), (other, waiting)):
        connection.remote_username, connection.remote_password = remote.local_username, remote.local_password
    async with misleading_candidate(other.local_password) as candidate:
        await waiting.add_remote_candidate(candidate)
        connecting = asyncio.ensure_future(waiting.connect())
        await until(lambda: [pair.state.name for pair in waiting._check_list] == ["FAILED"])
        for known in (*waiting.local_candidates, None):
            await other.add_remote_candidate(known)
        await asyncio.gather(connecting, other.connect())
    await asyncio.gather(waiting.close(), other.close())


def _on_loopback(connection: Connection) -> Callable[..., object]:
    gather = connection.get_component_candidates
    return lambda component, addresses, timeout=5: gather(component, ["127.0.0.1"], timeout)
