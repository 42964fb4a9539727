"""Media on the addresses of the service: on loopback if it is bound to loopback.

aioice leaves loopback addresses out of its host candidates. A service that is bound to loopback must offer
exactly these addresses: no packet leaves the machine, and media works where loopback is the only interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice.ice import CandidatePair

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice import Candidate, Connection
    from aiortc import RTCPeerConnection


def gather_on(choose: Callable[[list[str]], list[str]], peer: RTCPeerConnection) -> None:
    """Make `peer` gather candidates on chosen addresses.

    Call this function before the local description is set.

    Args:
        choose: takes the addresses that aioice has found and returns the addresses to use.
        peer: a connection with all of its tracks and channels added.
    """
    transports = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport)
    for transport in transports:
        connection = transport.transport.iceGatherer._connection  # noqa: SLF001 - no public access
        _gather_on(choose, connection)
        _expect_further_candidates(connection)


def _gather_on(choose: Callable[[list[str]], list[str]], connection: Connection) -> None:
    # aiortc creates the aioice connection itself and takes no class or addresses for it, so a subclass cannot
    # be used here.
    gather = connection.get_component_candidates

    async def get_component_candidates(
        component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        return await gather(component=component, addresses=choose(addresses), timeout=timeout)

    connection.get_component_candidates = get_component_candidates  # type: ignore[method-assign]


def _expect_further_candidates(connection: Connection) -> None:
    """Keep a connection from failing while further candidates can arrive.

    aioice 0.10, the newest for Python 3.10, fails when the checks of the candidates so far have failed. On
    loopback that is soon: a browser names addresses of other interfaces, and its packets come from loopback.
    """
    if hasattr(connection, "_remote_candidates_expected"):
        return  # aioice waits by itself
    complete = connection.check_complete

    def check_complete(pair: CandidatePair) -> None:
        failed = all(one.state is CandidatePair.State.FAILED for one in connection._check_list)  # noqa: SLF001
        if failed and not connection._remote_candidates_end:  # noqa: SLF001
            pair.task = None
        else:
            complete(pair)

    connection.check_complete = check_complete  # type: ignore[method-assign]
