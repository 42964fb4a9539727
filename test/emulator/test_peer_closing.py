"""A peer that is closed while it connects."""

from __future__ import annotations

import asyncio
import gc

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from odyssey_ros.emulator.peer_closing import close_peer, end_connecting_quietly
from waiting import eventually


def make_peer():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    end_connecting_quietly(peer)
    return peer


async def negotiate(caller, callee):
    """Exchange the descriptions, but do not give the answer to the caller."""
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())


async def test_a_peer_that_is_closed_before_it_connects_logs_nothing():
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    caller, callee = make_peer(), make_peer()
    caller.addTransceiver("video", direction="sendonly")
    caller.createDataChannel("x")
    await negotiate(caller, callee)
    await callee.close()
    await caller.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    gc.collect()
    assert not errors


async def test_a_peer_that_cannot_connect_is_closed(caplog):
    """An answer without a fingerprint is accepted at first."""
    caller, callee = make_peer(), make_peer()
    caller.createDataChannel("x")
    await negotiate(caller, callee)
    sdp = "".join(
        line for line in callee.localDescription.sdp.splitlines(keepends=True) if "a=fingerprint" not in line
    )
    await caller.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
    await eventually(lambda: caller.connectionState == "closed")
    assert "Cannot connect a client's peer (AssertionError); closing it" in caplog.text
    await callee.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)


async def test_a_peer_whose_negotiation_ended_halfway_is_closed():
    """A bundle of an unknown media section lets aiortc lose the transport of the others."""
    caller, callee = make_peer(), make_peer()
    caller.addTransceiver("video", direction="sendonly")
    caller.createDataChannel("x")
    await negotiate(caller, callee)
    sdp = callee.localDescription.sdp.replace("a=group:BUNDLE", "a=group:BUNDLE unknown")
    await caller.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
    await close_peer(caller)
    await close_peer(caller)
    await callee.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
