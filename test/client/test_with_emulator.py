"""The client against the emulator, in separate processes: two independent implementations of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import zlib

import httpx
import numpy as np
import pytest
from PIL import Image

from colour_values import expected
from icc_profiles import PROPHOTO, rgb_profile
from ipv6 import needs_ipv6, needs_localhost_on_ipv6
from odyssey_ros.client import (
    AdvancedConfig,
    ConnectionStatus,
    Odyssey,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyNotFoundError,
    SimulationJobDetail,
    SimulationJobStatus,
    connect_to_stream,
)
from picture_files import chunk, png, rational_by_zero

QUICK = AdvancedConfig(
    max_retries=None, initial_retry_delay_ms=100, max_retry_delay_ms=300, close_timeout_s=1
)


async def test_a_stream_starts_from_a_picture_as_its_camera_saw_it(
    start_emulator, recorder, eventually, tmp_path
):
    """The picture lies on its side, its colours are ProPhoto, and Pillow refuses its text."""
    profile = zlib.compress(rgb_profile(PROPHOTO, 1.8))
    chunks = (
        chunk(b"iCCP", b"x\0\0" + profile),
        chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(5 << 20))),
        chunk(b"eXIf", rational_by_zero(6)),
    )
    colours = np.array([[(200, 100, 50), (50, 150, 90)]], np.uint8)
    lying = (
        Image.fromarray(colours)
        .resize((640, 352), Image.Resampling.NEAREST)
        .transpose(Image.Transpose.ROTATE_90)
    )
    path = tmp_path / "start.png"
    path.write_bytes(png(lying, *chunks))
    left, right = expected("ProPhoto", colours)[0]
    assert np.abs(left - colours[0, 0]).max() > 40

    def is_right(frame):
        return all(
            np.abs(frame[200, column].astype(int) - colour).max() < 10
            for column, colour in ((200, left), (1080, right))
        )

    emulator = await start_emulator()
    async with Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client:
        await client.connect(**recorder.callbacks(frames=True))
        await client.start_stream("x", portrait=False, image=path)
        await eventually(lambda: recorder.frames)
        assert is_right(recorder.frames[0].data)


async def test_a_session_a_spectator_and_a_job(start_emulator, recorder, eventually):
    emulator = await start_emulator("--broadcast-seconds", "0.2")
    async with Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client:
        await client.connect(**recorder.callbacks(frames=True))
        stream_id = await client.start_stream("a harbour at dawn", portrait=False, broadcast=True)
        await eventually(lambda: len(recorder.frames) > 3)
        assert recorder.frames[-1].data.shape == (704, 1280, 3)
        assert "storm" in await client.interact("a storm comes up")
        (info,) = (await eventually(lambda: recorder.named("on_broadcast_ready")))[0]
        watched = []
        async with await connect_to_stream(info.webrtc_url, info.spectator_token, watched.append):
            await eventually(lambda: len(watched) > 2)
        await client.end_stream()
        await client.start_stream("a forest", portrait=True)
        frames_before = len(recorder.frames)
        await eventually(
            lambda: len(recorder.frames) > frames_before + 2 and recorder.frames[-1].height == 1280
        )
        await client.end_stream()
        await client.disconnect()
        assert recorder.statuses() == ["authenticating", "connecting", "connected", "disconnected"]
        assert recorder.named("on_error") == []
        recordings = await client.list_stream_recordings()
        assert stream_id in [row.stream_id for row in recordings.recordings]
        assert (await client.get_recording(stream_id)).stream_id == stream_id
        with pytest.raises(OdysseyNotFoundError):
            await client.get_recording("no-such-stream")
        job = await client.simulate(
            [{"timestamp_ms": 0, "start": {"prompt": "a cat"}}, {"timestamp_ms": 400, "end": {}}],
            portrait=False,
        )

        async def finished() -> SimulationJobDetail | None:
            detail = await client.get_simulate_status(job.job_id)
            return detail if detail.status.is_terminal else None

        detail = await eventually(finished)
        assert detail.status is SimulationJobStatus.COMPLETED, detail
        assert job.job_id in [row.job_id for row in (await client.list_simulations()).jobs]
        credentials = await client.create_client_credentials()
    keyless = Odyssey(api_url=emulator.url)
    await keyless.connect_with_credentials(credentials)
    assert await keyless.start_stream("a garden")
    await keyless.disconnect()
    with pytest.raises(OdysseyAuthError, match="Invalid API key"):
        await Odyssey("ody_other", api_url=emulator.url).connect()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "localhost"),
        pytest.param("::1", "[::1]", marks=needs_ipv6),
        pytest.param("::1", "localhost", marks=needs_localhost_on_ipv6),
        pytest.param("::", "[::1]", marks=needs_ipv6),
        pytest.param("::", "127.0.0.1", marks=needs_ipv6),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
async def test_loopback_of_both_versions(start_emulator, recorder, eventually, host, name):
    emulator = await start_emulator("--broadcast-seconds", "0.2", "--host", host)
    url = f"http://{name}:{emulator.url.rpartition(':')[2]}"
    async with Odyssey("ody_local", api_url=url, advanced=QUICK) as client:
        await client.connect(**recorder.callbacks(frames=True))
        await client.start_stream("a harbour at dawn", portrait=False, broadcast=True)
        await eventually(lambda: len(recorder.frames) > 3)
        (info,) = (await eventually(lambda: recorder.named("on_broadcast_ready")))[0]
        assert info.webrtc_url.startswith(f"{url}/live/")
        watched = []
        async with await connect_to_stream(info.webrtc_url, info.spectator_token, watched.append):
            await eventually(lambda: len(watched) > 2)
    assert recorder.named("on_error") == []


async def test_a_spectator_follows_the_redirects_of_the_service(start_emulator, recorder, eventually):
    emulator = await start_emulator("--broadcast-seconds", "0.2")
    other = await start_emulator()
    async with (
        Odyssey("ody_local", api_url=emulator.url, advanced=QUICK) as client,
        httpx.AsyncClient(base_url=emulator.url, trust_env=False) as http,
    ):
        await client.connect(**recorder.callbacks(frames=True))
        await client.start_stream("a harbour at dawn", portrait=False, broadcast=True)
        (info,) = (await eventually(lambda: recorder.named("on_broadcast_ready")))[0]

        async def redirect(**fields):
            fault = {"fault": "http_redirect", **fields}
            assert (await http.post("/control/faults", json=fault)).status_code == 201

        await redirect(count=2)
        await redirect(status=308)
        watched = []
        async with await connect_to_stream(info.webrtc_url, info.spectator_token, watched.append):
            await eventually(lambda: len(watched) > 2)
        await redirect(location=f"{other.url}/live/x/whep")
        with pytest.raises(OdysseyNotFoundError):
            await connect_to_stream(info.webrtc_url, info.spectator_token)
        await redirect(status=302)
        with pytest.raises(OdysseyConnectionError, match="302"):
            await connect_to_stream(info.webrtc_url, info.spectator_token)
        counters = (await http.get("/control/state")).json()["counters"]
    assert (counters["http.whep_offer.307"], counters["http.whep_offer.308"]) == (3, 1)


async def test_the_client_reconnects_to_a_restarted_service(start_emulator, recorder, eventually):
    emulator = await start_emulator()
    client = Odyssey("ody_local", api_url=emulator.url, advanced=QUICK)
    await client.connect(**recorder.callbacks())
    await client.start_stream("a river", portrait=False)
    await eventually(lambda: len(recorder.decoded) > 3)
    interacting = asyncio.ensure_future(client.interact("a bridge"))
    await emulator.kill()
    await eventually(lambda: client.current_status is ConnectionStatus.RECONNECTING)
    await eventually(interacting.done)
    with contextlib.suppress(ConnectionError):
        await interacting
    assert recorder.named("on_stream_ended") == [()]
    await eventually(lambda: len(recorder.named("on_error")) > 2)
    port = int(emulator.url.rpartition(":")[2])
    await start_emulator(port=port)
    await eventually(lambda: client.is_connected)
    assert await client.start_stream("a river again", portrait=False)
    assert client.statistics.reconnects == 1
    await client.disconnect()
