"""A peer that is closed while it connects."""

from __future__ import annotations

import asyncio
import gc

from aiortc import RTCConfiguration, RTCPeerConnection

from odyssey_ros.emulator.peer_closing import end_connecting_quietly
from waiting import eventually


def make_peer():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    end_connecting_quietly(peer)
    return peer


async def test_a_peer_that_is_closed_before_it_connects_logs_nothing():
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    caller, callee = make_peer(), make_peer()
    caller.addTransceiver("video", direction="sendonly")
    caller.createDataChannel("x")
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await callee.close()
    await caller.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    gc.collect()
    assert not errors
