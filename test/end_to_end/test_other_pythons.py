"""`make other-pythons` finds the Pythons of a machine and runs the steps with each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
CURRENT = ".".join(map(str, sys.version_info[:2]))
REAL = os.path.realpath(sys.executable)
MAKEFILE = """.PHONY: build
env:
	@echo $@ >>$(RECORD)
build:
	@test ! -e build && scripts/build
demo:
	@echo $@ $(DURATION) $(PYTHON) >>$(RECORD)
	@exit $(DEMO_STATUS)
"""


@pytest.fixture
def machine(tmp_path):
    """A home folder and a PATH without Python, and a small project whose targets write to a file."""
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(TOP / "scripts" / "other_pythons.py", project / "scripts")
    (project / "Makefile").write_text(MAKEFILE)
    executable(project / "scripts" / "test", 'echo tests "$1" >>"$RECORD"')
    executable(project / "scripts" / "build", 'echo build >>"$RECORD"')
    (project / "build").mkdir()  # of this machine: the copy must not have it
    (tmp_path / "bin").mkdir()
    (tmp_path / "tools").mkdir()
    for tool in ("make", "sh"):
        (tmp_path / "tools" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def pyenv_release(machine, number):
    path = machine / ".pyenv" / "versions" / f"{CURRENT}.{number}" / "bin" / f"python{CURRENT}"
    path.parent.mkdir(parents=True)
    path.symlink_to(REAL)
    return path


def other_pythons(machine, *arguments, **variables):
    environment = {
        "HOME": str(machine),
        "PATH": f"{machine / 'bin'}:{machine / 'tools'}",
        "TMPDIR": str(machine),
        "RECORD": str(machine / "record"),
        "DEMO_STATUS": "0",
        **variables,
    }
    command = [sys.executable, "-S", machine / "project" / "scripts" / "other_pythons.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def test_a_version_that_is_not_there_is_named_as_not_tested(machine):
    done = other_pythons(machine)
    expected = [
        f"Python {version}: not tested (not found)"
        for version in ("3.10", "3.11", "3.12", "3.13", "3.14")
        if version != CURRENT
    ]
    assert (done.returncode, done.stdout.splitlines()) == (0, expected), done.stderr


def test_a_shim_of_another_version_is_passed_over(machine):
    executable(machine / "bin" / f"python{CURRENT}", 'echo "pyenv: command not found" >&2; exit 127')
    assert "pyenv: command not found" in other_pythons(machine, CURRENT, "--list").stdout
    release = pyenv_release(machine, 1)
    assert other_pythons(machine, CURRENT, "--list").stdout == f"Python {CURRENT}: {release}\n"


def test_the_newest_release_is_taken(machine):
    for number in (9, 10, 2):
        pyenv_release(machine, number)
    assert f"/{CURRENT}.10/" in other_pythons(machine, CURRENT, "--list").stdout


def test_an_unknown_version_is_an_error(machine):
    done = other_pythons(machine, "2.7")
    assert done.returncode == 2
    assert "choose from 3.10," in done.stderr


def test_a_sourced_ros_has_one_python(machine):
    pyenv_release(machine, 1)
    assert "not tested (ROS_DISTRO" in other_pythons(machine, CURRENT, ROS_DISTRO="jazzy").stdout


def test_all_steps_run_in_a_copy(machine):
    release = pyenv_release(machine, 1)
    done = other_pythons(machine, CURRENT)
    assert done.returncode == 0, done.stderr
    record = (machine / "record").read_text().splitlines()
    assert record == ["env", "build", f"demo 6 {release}", "tests test/client"]
    for step in ("set-up", "build", "demo", "tests"):
        assert f"{step} passed" in done.stdout.splitlines()[-1]
    assert not list(machine.glob("odyssey-ros-*"))


def test_a_failed_step_is_the_last(machine):
    pyenv_release(machine, 1)
    done = other_pythons(machine, CURRENT, DEMO_STATUS="3")
    assert done.returncode == 1
    assert "demo FAILED (exit status 2" in done.stdout.splitlines()[-1]
    assert "tests" not in (machine / "record").read_text()
    assert not list(machine.glob("odyssey-ros-*"))
