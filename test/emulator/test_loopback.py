"""Media on loopback, and browsers that hide their addresses."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from odyssey_ros.emulator import EmulatorConfig
from odyssey_ros.emulator.loopback import gather_on, without_mdns_candidates
from odyssey_ros.emulator.peer import split_candidates

MDNS = "a=candidate:1 1 udp 2122260223 5a3c.local 50000 typ host"
PLAIN = "a=candidate:2 1 udp 2122260223 192.0.2.1 50001 typ host"


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("0.0.0.0", ["192.0.2.1", "127.0.0.1"]),
        ("192.0.2.1", ["192.0.2.1"]),
        ("robot.example.org", ["192.0.2.1"]),
    ],
)
def test_a_service_on_loopback_has_its_media_there(host, addresses):
    assert EmulatorConfig(host=host).media_addresses(["192.0.2.1"]) == addresses


async def test_a_peer_gathers_the_given_addresses_alone():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("x")
    gather_on(lambda _: ["127.0.0.1"], peer)
    await peer.setLocalDescription(await peer.createOffer())
    lines = [line for line in peer.localDescription.sdp.splitlines() if line.startswith("a=candidate:")]
    await peer.close()
    assert [line.split()[4] for line in lines] == ["127.0.0.1"]


def test_hidden_candidates_are_removed_and_more_are_expected():
    sdp = f"v=0\r\n{MDNS}\r\n{PLAIN}\r\na=end-of-candidates\r\n"
    assert without_mdns_candidates(sdp) == f"v=0\r\n{PLAIN}\r\n"
    untouched = f"v=0\r\n{PLAIN}\r\na=end-of-candidates\r\n"
    assert without_mdns_candidates(untouched) == untouched


async def test_a_browser_that_hides_its_addresses_connects(service, until):
    _, caller = service
    connection = await caller.connect(hide_addresses=True)
    assert (await connection.start())["type"] == "stream_started"


def test_candidates_are_split_from_an_offer():
    video, data = f"m=video 9\r\na=mid:v\r\n{PLAIN}\r\n", f"m=application 9\r\na=mid:d\r\n{PLAIN}\r\n"
    sdp = f"v=0\r\n{video}{data}a=end-of-candidates\r\n"
    rest, candidates = split_candidates(sdp)
    assert "candidate" not in rest
    assert [(found.mid, found.line_index) for found in candidates] == [("v", 0), ("d", 1)]
    assert candidates[0].candidate == PLAIN.removeprefix("a=")
