"""The command `simulate`, which runs scripts as one job and prints the id of the job."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client import Odyssey, SimulationJobStatus
from odyssey_ros.dataset.simulate import main
from odyssey_ros.emulator import Emulator, EmulatorConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCRIPT = """
portrait: {portrait}
script:
  - {{timestamp_ms: 0, start: {{prompt: "{prompt}"}}}}
  - {{timestamp_ms: {end_ms}, end: {{}}}}
"""


@pytest.fixture
async def emulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorConfig()) as running:
        monkeypatch.setenv("ODYSSEY_API_URL", running.url)
        monkeypatch.setenv("ODYSSEY_API_KEY", "ody_local")
        yield running


def _script(folder: Path, name: str, *, portrait: bool = False, end_ms: int = 300) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(SCRIPT.format(portrait=str(portrait).lower(), prompt=name, end_ms=end_ms))
    return str(path)


async def _simulate(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["--poll", "0.1", *arguments])


async def test_files_become_one_job_and_stdout_is_its_id(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _simulate(_script(tmp_path, "sea"), _script(tmp_path, "forest")) == 0
    out, log = capsys.readouterr()
    async with Odyssey() as client:
        job = await client.get_simulate_status(out.strip())
    assert out == f"{job.job_id}\n"
    assert job.status is SimulationJobStatus.COMPLETED
    assert sorted(stream.script_index for stream in job.streams) == [0, 1]
    assert "2 scripts submitted" in log
    assert "completed" in log
    assert "ody_local" not in log


async def test_scripts_that_cannot_be_one_job_are_not_sent(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, tall = _script(tmp_path, "wide"), _script(tmp_path, "tall", portrait=True)
    assert await _simulate(wide, tall) == 2
    assert await _simulate(str(tmp_path / "nowhere.yaml")) == 2
    out, log = capsys.readouterr()
    assert not out
    assert "portrait" in log
    assert "nowhere.yaml" in log
    async with Odyssey() as client:
        assert (await client.list_simulations()).total == 0


async def test_a_refused_key_is_reported(
    emulator: Emulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_wrong")
    assert await _simulate(_script(tmp_path, "sea")) == 2
    out, log = capsys.readouterr()
    assert not out
    assert log.startswith("simulate: ")
    assert "ody_wrong" not in log


async def test_a_signal_ends_the_command_and_not_the_job(emulator: Emulator, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            "from odyssey_ros.dataset.simulate import main; exit(main())",
        ),
        *("--poll", "0.1", _script(tmp_path, "sea", end_ms=60_000)),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    await process.stderr.readuntil(b": processing")
    process.send_signal(signal.SIGTERM)
    _, log = await process.communicate()
    assert (process.returncode, log) == (130, b"\ninterrupted; a submitted job continues\n")
