"""Short runs of `make demo`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path, domain_id, shared_memory):
    """Starts the demo as a user does: with its own profile of the middleware."""
    processes = []

    def start_demo(**variables):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
        environment |= {"PYTHONUNBUFFERED": "1", "ROS_DOMAIN_ID": str(domain_id), **shared_memory}
        environment |= {"DEMO_OUTPUT": str(tmp_path), **variables}
        process = subprocess.Popen(
            [str(TOP / "scripts" / "demo")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start_demo
    for process in processes:
        process.terminate()
        process.communicate()


def end_of(process, timeout=300):
    output, errors = process.communicate(timeout=timeout)
    assert "Traceback" not in output + errors
    return output, errors


def children(pid):
    """Return the programs of this package among the children of a process, by process id."""
    found = {
        int(folder.name): program(folder) for folder in Path("/proc").glob("[0-9]*") if parent(folder) == pid
    }
    return {child: name for child, name in found.items() if name}


def started_for(output):
    """Return the processes of the demo that writes to a folder; all inherit DEMO_OUTPUT."""
    wanted = f"DEMO_OUTPUT={output}".encode()
    return [folder.name for folder in Path("/proc").glob("[0-9]*") if wanted in environment_of(folder)]


def environment_of(folder):
    try:
        return (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def parent(folder):
    try:
        return int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def program(folder):
    try:
        command = (folder / "cmdline").read_text().split("\0")
    except OSError:
        return None
    ours = (Path(part) for part in command if part.startswith(str(TOP)))
    return next((path.name for path in ours if ".venv" not in path.parts), None)


def test_the_demo_streams_prompts_and_writes_its_results(start, tmp_path):
    process = start(DURATION="3")
    output, errors = end_of(process)
    assert process.returncode == 0, output + errors
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["width"], summary["height"]) == (1280, 704)
    assert 0 < summary["frames_received"] <= summary["frames_published"]
    assert summary["frames_dropped"] >= 0
    assert summary["fps"] > 0
    assert summary["prompts_acknowledged"] == summary["prompts_sent"] == 3
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    encoded = summary["encoded"]
    assert encoded["codec"] == "h264"
    assert 0 < encoded["frames_received"] <= encoded["frames_published"]
    assert encoded["frames_decoded"] == encoded["frames_received"]
    assert 0 < encoded["frames_equal"] == encoded["frames_compared"]
    assert encoded["kilobytes_per_frame"] < summary["kilobytes_per_frame"] / 50
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.width > 1000
    assert "prompts acknowledged" in output


@pytest.mark.parametrize(
    "variables", [{"DURATION": "soon"}, {"DURATION": "inf"}, {"DURATION": "nan"}, {"FPS": "-1"}]
)
def test_an_invalid_setting_is_an_error_of_one_line(start, variables):
    process = start(**variables)
    _, errors = end_of(process)
    assert process.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert next(iter(variables)) in errors


def test_an_error_of_the_emulator_ends_the_demo_with_its_reason(start):
    process = start(FPS="0")
    _, errors = end_of(process)
    assert process.returncode == 1
    assert "odyssey emulator: " in errors
    assert "demo: the emulator did not start" in errors


def test_a_wrong_api_key_is_an_error(start, tmp_path):
    """An emulator replaces the Odyssey service here, and does not know the key."""
    (tmp_path / "summary.json").write_text("from an earlier run")
    emulator = subprocess.Popen(
        [sys.executable, "-m", "odyssey_ros.emulator", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = emulator.stdout.readline().split()[-1]
        process = start(ODYSSEY_API_KEY="ody_another", ODYSSEY_API_URL=url)
        output, errors = end_of(process)
    finally:
        emulator.terminate()
        emulator.communicate()
    assert process.returncode == 1
    assert "streaming from the Odyssey service" in output
    assert "demo: the bridge gave up: Invalid API key" in errors
    assert "ody_another" not in output + errors
    assert json.loads((tmp_path / "summary.json").read_text())["frames_received"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_all_processes(start, number):
    process = start(DURATION="600")
    for line in process.stdout:
        if "frames" in line:
            break
    programs = children(process.pid)
    assert sorted(programs.values()) == ["bridge", "console", "emulator", "viewer.py"]
    process.send_signal(number)
    output, errors = end_of(process)
    assert process.returncode == 130, errors
    assert "demo: interrupted" in errors
    assert "prompts acknowledged" in output
    assert not [pid for pid in programs if Path(f"/proc/{pid}").exists()]


def test_a_demo_of_any_length_is_operated_in_the_console(start):
    process = start(DURATION="0", ODYSSEY_SPECTATOR_TOKEN="spectator_secret")
    errors: list[str] = []
    for line in process.stderr:
        errors.append(line)
        if "Console at " in line:
            break
    url = errors[-1].partition("Console at ")[2].split()[0]
    with urllib.request.urlopen(url, timeout=60) as page:
        assert "Odyssey console" in page.read().decode()
    [console] = [pid for pid, name in children(process.pid).items() if name == "console"]
    variables = environment_of(Path(f"/proc/{console}"))
    assert any(variable.startswith(b"ROS_DOMAIN_ID=") for variable in variables)
    assert not any(variable.startswith((b"ODYSSEY_API_KEY", b"ODYSSEY_SPECTATOR")) for variable in variables)
    for line in process.stdout:
        if "frames" in line:
            break
    process.send_signal(signal.SIGINT)
    end_of(process)
    assert process.returncode in (0, 130)  # 0 once there was an image


@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6, 1.0, 1.5])
def test_an_interrupt_while_starting_ends_the_demo_quietly(start, tmp_path, delay):
    """How far the processes have started after the delay depends on the machine."""
    process = start(DURATION="600")
    assert "Starting" in process.stdout.readline()
    assert started_for(tmp_path)
    time.sleep(delay)  # the moment is what the test varies
    process.send_signal(signal.SIGINT)
    _, errors = end_of(process)
    assert process.returncode == 130
    assert [line for line in errors.splitlines() if line.startswith("demo: ")] == ["demo: interrupted"]
    assert not started_for(tmp_path)


def reserved_domain(folder, **variables):
    program = "import run; print(run.reserve_domain(None)[1])"
    return subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=TOP / "demo",
        env={**os.environ, "TMPDIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_demo_takes_a_ros_domain_that_nobody_uses(tmp_path):
    with contextlib.ExitStack() as held:
        for domain in range(1, 101):
            lock = held.enter_context((tmp_path / f"odyssey_ros_domain_{domain}.lock").open("w"))
            if domain != 63:
                fcntl.flock(lock, fcntl.LOCK_EX)
        assert reserved_domain(tmp_path).stdout == "63\n"
        fcntl.flock(held.enter_context((tmp_path / "odyssey_ros_domain_63.lock").open("w")), fcntl.LOCK_EX)
        done = reserved_domain(tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "set ROS_DOMAIN_ID" in done.stderr
