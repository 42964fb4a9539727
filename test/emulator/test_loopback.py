"""Media on chosen addresses, and browsers that hide their addresses."""

from __future__ import annotations

from aiortc import RTCConfiguration, RTCPeerConnection

from misleading_candidates import connect_after_a_failed_check
from odyssey_ros.emulator.loopback import _expect_further_candidates, gather_on
from waiting import eventually


async def test_a_peer_gathers_only_the_chosen_addresses():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("x")
    gather_on(lambda _: ["127.0.0.1"], peer)
    await peer.setLocalDescription(await peer.createOffer())
    lines = [line for line in peer.localDescription.sdp.splitlines() if line.startswith("a=candidate:")]
    await peer.close()
    assert [line.split()[4] for line in lines] == ["127.0.0.1"]


async def test_a_browser_that_hides_its_addresses_connects(service):
    _, caller = service
    connection = await caller.connect(hide_addresses=True)
    assert (await connection.start())["type"] == "stream_started"


async def test_a_failed_check_does_not_end_the_wait_for_further_candidates():
    await connect_after_a_failed_check(_expect_further_candidates, eventually)
