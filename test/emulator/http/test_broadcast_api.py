"""WHEP over HTTP: tokens, content types, and offers."""

from __future__ import annotations

import pytest


@pytest.fixture
async def broadcast(service):
    """A running broadcast: the user of the service, and the `broadcast_ready` message."""
    _, caller = service
    connection = await caller.connect()
    await connection.start("a carnival", broadcast=True)
    return caller, await connection.reply("broadcast_ready")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"token": ""}, 401),
        ({"token": "wrong"}, 401),
        ({"content_type": "application/json"}, 415),
        ({}, 400),
        ({"content": "nonsense"}, 400),
        ({"content": b"v=0\xff"}, 400),
        ({"content": "v" * 300_000}, 413),
        ({"content": "v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 1000}, 400),
    ],
)
async def test_an_unusable_offer_is_refused(broadcast, changes, status):
    caller, ready = broadcast
    answer = await caller.http.post(
        f"{ready['webrtc_url']}/whep",
        params={"token": changes.get("token", ready["spectator_token"])},
        content=changes.get("content", "v=0"),
        headers={"Content-Type": changes.get("content_type", "application/sdp")},
    )
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


async def test_a_token_of_another_stream_is_refused(running):
    from odyssey_ros.emulator import EmulatorConfig

    async with running(EmulatorConfig()) as (_, caller):
        ready = []
        for _ in range(2):
            connection = await caller.connect()
            await connection.start("a carnival", broadcast=True)
            ready.append(await connection.reply("broadcast_ready"))
        answer = await caller.http.post(
            f"{ready[0]['webrtc_url']}/whep", params={"token": ready[1]["spectator_token"]}
        )
        assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token"})


async def test_a_stream_without_a_broadcast_is_not_found(service):
    _, caller = service
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    answer = await caller.http.post(f"/live/{stream_id}/whep", content="v=0")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Stream not found"})


async def test_an_unknown_spectator_is_not_found(broadcast):
    caller, ready = broadcast
    answer = await caller.http.delete(f"{ready['webrtc_url']}/whep/unknown")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session not found"})
