"""Long commands of the set-up: their progress is printed, and an interrupt ends all their processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import wait_until

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "progress.py"


def start(log, *command):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), "--log", str(log), "build", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_failure_prints_the_end_of_the_output_and_the_path_of_the_log(tmp_path):
    log = tmp_path / "new" / "build.log"
    process = start(log, "sh", "-c", "seq 1000; echo no such header >&2; exit 3")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no such header" in errors
    assert "\n1\n" not in errors
    assert f"build: failed; the whole output is in {log}" in errors
    assert log.read_text().startswith("1\n2\n")


def test_a_success_prints_nothing(tmp_path):
    process = start(tmp_path / "log", "sh", "-c", "echo done")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_the_command_and_its_children(tmp_path, number):
    ids = tmp_path / "ids"
    os.mkfifo(ids)
    process = start(tmp_path / "log", "sh", "-c", f"sleep 600 & echo $$ $! >{ids}; wait")
    processes = [int(text) for text in ids.read_text().split()]
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "build: interrupted; run the same command again\n"
    # A process that was killed ends a moment later.
    wait_until(lambda: not [pid for pid in processes if running(pid)], "the end of the processes")


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_last_line_of_the_output_is_printed(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import progress

    monkeypatch.setattr(progress, "REPORT_PERIOD_S", 0.05)
    shown = tmp_path / "shown"
    os.mkfifo(shown)
    command = f"echo Collecting numpy; echo 'WARNING: old'; echo; read line <{shown}"
    log = tmp_path / "log"

    class Opener:
        def write(self, text):
            if "Collecting" in text and not self.told:
                self.told = True
                shown.write_text("go on\n")

        told = False

        def flush(self):
            pass

    opener = Opener()
    monkeypatch.setattr(progress.sys, "stdout", opener)
    assert progress.run_with_progress(["sh", "-c", command], log) == 0
    assert opener.told
