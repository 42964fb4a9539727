"""A real browser: the unmodified official JavaScript SDK, and hostile web pages, against the emulator."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from aiohttp import ClientSession, web
from PIL import Image

from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.faults import JobHold
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest, read_marker
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / "build" / "browser"
API_KEY = "ody_local"
# The limits are generous, because the machine may be busy and the npm registry slow.
SCENARIO_SECONDS = 400
NPM_SECONDS = 240

pytestmark = pytest.mark.timeout(NPM_SECONDS + SCENARIO_SECONDS + 60)


def find_chromium() -> str | None:
    named = os.environ.get("ODYSSEY_TEST_CHROMIUM")
    return (
        named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of a browser; skips the test without a browser or Node."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"the browser test needs {tool}")
    found = find_chromium()
    if found is None or not Path(found).exists():
        pytest.skip("the browser test needs Chromium (ODYSSEY_TEST_CHROMIUM names it)")
    return found


@pytest.fixture(scope="session")
def modules(browser: str) -> Path:
    """Folder of the installed npm packages; it is kept for the next test run."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    manifest_text = (HERE / "package.json").read_text()
    manifest, stamp = INSTALLED / "package.json", INSTALLED / "installed.json"
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != manifest_text:
            manifest.write_text(manifest_text)
            options = [
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--no-package-lock",
                "--legacy-peer-deps",
            ]
            try:
                subprocess.run(
                    ["npm", "install", *options],
                    cwd=INSTALLED,
                    capture_output=True,
                    text=True,
                    timeout=NPM_SECONDS,
                    check=True,
                )
            except subprocess.TimeoutExpired:
                pytest.skip(f"npm did not install the official SDK within {NPM_SECONDS} s")
            except subprocess.CalledProcessError as error:
                pytest.skip(f"npm could not install the official SDK: {error.stderr.splitlines()[:1]}")
            stamp.write_text(manifest_text)
    return INSTALLED / "node_modules"


@pytest.fixture
async def page_url(modules: Path) -> AsyncIterator[str]:
    """URL of the page; a server of the page and the SDK runs during the test."""
    app = web.Application()
    app.router.add_static("/sdk", modules / "@odysseyml" / "odyssey" / "dist")
    app.router.add_static("/", HERE)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/page.html"
    await runner.cleanup()


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorConfig(data_dir=tmp_path)) as running:
        yield running


Run: TypeAlias = "Callable[..., Awaitable[dict[str, Any]]]"


@pytest.fixture
def run(browser: str, modules: Path, page_url: str, emulator: Emulator, tmp_path: Path) -> Run:
    """Runs a scenario in the browser: `await run(name, **arguments)`."""

    async def run_scenario(name: str, *, page: str = page_url, **arguments: object) -> dict[str, Any]:
        log = tmp_path / "browser.log"
        with log.open("wb") as log_file:
            process = await asyncio.create_subprocess_exec(
                "node",
                str(HERE / "drive.mjs"),
                str(modules),
                browser,
                f"{page}?api={emulator.url}",
                name,
                json.dumps({"apiKey": API_KEY, **arguments}),
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), SCENARIO_SECONDS)
        except asyncio.TimeoutError:
            pytest.fail(f"not within {SCENARIO_SECONDS} s; the log of the page:\n{log.read_text()}")
        finally:
            if process.returncode is None:
                # The browser ends when its connection to this process group breaks.
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        assert process.returncode == 0, log.read_text()
        return json.loads(output)

    return run_scenario


def pixels(data_url: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def prompts(*texts: str) -> list[dict[str, object]]:
    return [{"text": text, "id": prompt_digest(text)} for text in texts]


def marker(data_url: str) -> Marker:
    found = read_marker(pixels(data_url))
    assert found is not None
    return found


async def test_a_stream_shows_the_prompts(run: Run) -> None:
    seen = await run("interactive", prompts=prompts("a forest in the mist", "it is night"))
    first, second, answered = map(marker, seen["pictures"])
    assert pixels(seen["pictures"][0]).shape == (704, 1280, 3)
    assert first.counter < second.counter < answered.counter
    assert first.prompt_id == second.prompt_id == prompt_digest("a forest in the mist")
    assert answered.prompt_id == prompt_digest("it is night")
    assert "it is night" in seen["acknowledged"]
    names = [event[0] for event in seen["events"]]
    assert [name for name in names if name not in ("status", "disconnected")] == [
        "connected",
        "started",
        "acknowledged",
        "ended",
    ]
    assert ["started", seen["streamId"]] in seen["events"]
    assert ["status", "connected"] in seen["events"]


async def test_a_stream_starts_from_an_image(run: Run) -> None:
    seen = await run("imageToVideo", prompt="a wall", colour="rgb(200, 40, 90)")
    picture = pixels(seen["picture"])
    assert picture.shape == (1280, 704, 3)
    assert marker(seen["picture"]).prompt_id == prompt_digest("a wall")
    np.testing.assert_allclose(picture[100:1000:100, 352].mean(axis=0), (200, 40, 90), atol=16)


async def test_recordings_are_listed_and_played(run: Run) -> None:
    seen = await run("recordings", prompt="a city by the sea")
    recording = seen["recording"]
    assert recording["stream_id"] == seen["streamIds"][1]
    assert recording["frame_count"] >= 20
    assert recording["duration_seconds"] == pytest.approx(seen["duration"], abs=0.1)
    assert marker(seen["replayed"]).prompt_id == prompt_digest("a city by the sea")
    assert seen["thumbnail"] == [320, 176]
    assert [event["type"] for event in seen["events"]] == ["start", "end"]
    assert seen["newest"]["total"] == 2
    assert [row["stream_id"] for row in seen["newest"]["recordings"]] == [seen["streamIds"][1]]
    row = seen["newest"]["recordings"][0]
    assert (row["width"], row["height"]) == (1280, 704)


async def test_simulations_are_rendered_and_cancelled(run: Run, emulator: Emulator) -> None:
    # Both jobs are held in a state in which they can be cancelled, until the cancellation.
    emulator.faults.arm(JobHold(before="dispatched"))
    scenario = asyncio.create_task(run("simulations", prompts=["the sea", "a storm comes up"]))
    await eventually(
        lambda: scenario.done() or emulator.counters["http.jobs_cancel.200"], timeout=SCENARIO_SECONDS
    )
    emulator.faults.clear()
    seen = await scenario
    assert seen["submitted"]["status"] == "pending"
    finished = seen["finished"]
    assert (finished["status"], finished["error_message"]) == ("completed", None)
    assert [stream["frame_count"] for stream in finished["streams"]] == [40]
    assert marker(seen["replayed"]).prompt_id in {prompt_digest("the sea"), prompt_digest("a storm comes up")}
    assert seen["cancelled"]["status"] == seen["afterwards"]["status"] == "cancelled"
    assert seen["listed"]["total"] == 2
    assert seen["active"]["jobs"] == []


async def test_client_credentials_connect_without_an_api_key(run: Run) -> None:
    seen = await run("credentials", prompt="a desert")
    assert {"session_id", "signaling_url", "session_token", "expires_in"} <= set(seen["minted"])
    assert seen["sessionId"] == seen["mintedSession"]
    assert marker(seen["picture"]).prompt_id == prompt_digest("a desert")
    assert ["started", seen["streamId"]] in seen["events"]


async def test_spectators_see_the_same_stream_as_the_owner(run: Run) -> None:
    seen = await run("broadcast", prompts=prompts("a planet", "it is dawn"))
    assert {marker(picture).prompt_id for picture in seen["before"]} == {prompt_digest("a planet")}
    assert {marker(picture).prompt_id for picture in seen["after"]} == {prompt_digest("it is dawn")}
    for before, after in zip(seen["before"], seen["after"], strict=True):
        assert marker(before).counter < marker(after).counter
    assert "token" in seen["refusal"]
    assert seen["spectatorNotified"] is True


async def test_a_page_of_a_foreign_origin_gets_nothing(run: Run, page_url: str, emulator: Emulator) -> None:
    """The page knows the default key, and a session's token that it should not know."""
    page = page_url.replace("127.0.0.1", "evil.example").replace("page.html", "attack.html")
    async with ClientSession(emulator.url) as client:
        async with client.post("/auth/token", json={"api_key": API_KEY}) as answer:
            access = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {access}"}
        async with client.post("/sessions/request", json={}, headers=headers) as answer:
            session_id = (await answer.json())["session_id"]
        grant = {"session_id": session_id}
        async with client.post("/sessions/token", json=grant, headers=headers) as answer:
            token = (await answer.json())["session_token"]
    before = dict(emulator.counters)
    stolen = {"access": access, "session": session_id, "token": token}
    seen = await run("attack", page=page, **stolen)
    assert set(seen.values()) == {"refused"}
    assert set(seen) >= {"token", "job", "socket", "faults", "state", "whep", "simple"}
    assert dict(emulator.counters) == before
    assert [session.state for session in emulator.sessions.live()] == ["provisioned"]
    # The same page works from this machine, so the attack itself is not broken.
    friendly = await run("attack", page=page_url.replace("page.html", "attack.html"), **stolen)
    assert (friendly["token"], friendly["job"], friendly["socket"]) == ("200", "200", "open")
    assert (friendly["faults"], friendly["state"]) == ("refused", "refused")


async def test_a_rebound_host_name_gets_nothing(run: Run, emulator: Emulator) -> None:
    """The name of the page's host has become an address of this machine, so all is of one origin."""
    seen = await run("rebound", page=emulator.url.replace("127.0.0.1", "evil.example") + "/config")
    assert seen == {"page": 421, "token": 421, "control": 421}
