"""Media where the service is: on loopback for a service on loopback.

aioice leaves loopback addresses out of its host candidates. A service that is bound to loopback must offer
exactly those: nothing leaves the machine, and it works where loopback is the only interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice import Candidate, Connection
    from aiortc import RTCPeerConnection


def gather_on(choose: Callable[[list[str]], list[str]], peer: RTCPeerConnection) -> None:
    """Make `peer` gather candidates on chosen addresses; call it before its local description is set.

    Args:
        choose: from the addresses that aioice has found, those to use.
        peer: a connection with all of its tracks and channels added.
    """
    transports = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport)
    for transport in transports:
        _gather_on(choose, transport.transport.iceGatherer._connection)  # noqa: SLF001 - no public way


def _gather_on(choose: Callable[[list[str]], list[str]], connection: Connection) -> None:
    gather = connection.get_component_candidates

    async def get_component_candidates(
        component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        return await gather(component=component, addresses=choose(addresses), timeout=timeout)

    connection.get_component_candidates = get_component_candidates  # type: ignore[method-assign]


def without_mdns_candidates(sdp: str) -> str:
    """Remove `.local` candidates from a session description.

    A browser hides its addresses behind mDNS names, which need multicast to resolve. They are not needed: the
    browser's checks arrive at the candidates of the service, and aioice learns its address from them.
    """
    lines = sdp.splitlines()
    kept = [line for line in lines if not (line.startswith("a=candidate:") and is_mdns(line))]
    if len(kept) != len(lines):
        # Without this, aioice would give up at once: no candidates, and none to come.
        kept = [line for line in kept if line != "a=end-of-candidates"]
    return "\r\n".join(kept) + "\r\n"


def is_mdns(candidate: str) -> bool:
    """Whether a candidate line names an mDNS host."""
    words = candidate.split()
    return len(words) > 4 and words[4].endswith(".local")
