"""`make demo`, short: what a stranger runs first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

TOP = Path(__file__).resolve().parents[2]
OUTPUT = TOP / "demo_output"


def start(**variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
    environment |= {"PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        [sys.executable, str(TOP / "demo" / "run.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(pid):
    return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if parent_of(path) == pid}


def parent_of(path):
    try:
        return int(path.read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def test_the_demo_shows_the_main_job(domain_id):
    process = start(DURATION="9", ROS_DOMAIN_ID=str(domain_id))
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, output + errors
    summary = json.loads((OUTPUT / "summary.json").read_text())
    assert (summary["width"], summary["height"]) == (1280, 704)
    assert summary["frames_received"] > 100
    assert summary["frames_published"] == summary["frames_received"]
    assert summary["prompts_acknowledged"] == summary["prompts_sent"] >= 3
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    with Image.open(OUTPUT / "contact_sheet.png") as sheet:
        assert sheet.width > 1000
    assert "prompts acknowledged" in output


@pytest.mark.parametrize("variables", [{"DURATION": "soon"}, {"FPS": "-1"}])
def test_bad_input_is_one_line(variables):
    process = start(**variables)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert next(iter(variables)) in errors


def test_an_interrupt_ends_all_processes(domain_id):
    process = start(DURATION="60", ROS_DOMAIN_ID=str(domain_id))
    assert process.stdout is not None
    for line in process.stdout:
        if "frames" in line:
            break
    family = children(process.pid)
    assert len(family) == 3  # the emulator, the bridge, the viewer
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output + errors
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    assert time.monotonic() - began < 30
