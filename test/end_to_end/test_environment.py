"""The errors of the set-up name one reason and a remedy."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import venv
from collections import namedtuple
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "environment.py"
Version = namedtuple("Version", "major minor micro")


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "arm64")])
def test_the_error_of_a_platform_without_wheels_asks_to_install_ros(
    environment, monkeypatch, system, machine
):
    monkeypatch.setattr(environment.platform, "system", lambda: system)
    monkeypatch.setattr(environment.platform, "machine", lambda: machine)
    with pytest.raises(environment.SetupError, match=r"no ROS wheels .* Install ROS 2"):
        environment.check_wheels_fit()


@pytest.mark.parametrize("libc", [("glibc", "2.27"), ("", "")])
def test_an_unsupported_libc_is_an_error(environment, monkeypatch, libc):
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: libc)
    with pytest.raises(environment.SetupError, match=r"glibc 2\.28"):
        environment.check_wheels_fit()


def test_the_error_of_a_python_without_wheels_names_the_supported_versions(environment, monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", Version(3, 15, 0))
    with pytest.raises(environment.SetupError, match=r"3\.10 to 3\.14"):
        environment.check_wheels_fit()


def test_an_old_python_is_an_error(environment, monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", Version(3, 9, 0))
    with pytest.raises(environment.SetupError, match="too old"):
        environment.check_interpreter()


def test_a_missing_compiler_is_an_error(environment, monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(environment.SetupError, match="build-essential"):
        environment.check_wheels_fit()


def test_a_sourced_ros_that_this_python_cannot_import_is_an_error(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'rclpy'\" >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(environment.sys, "executable", str(broken))
    with pytest.raises(environment.SetupError, match="cannot import rclpy") as caught:
        environment.sourced_ros()
    assert "No module named" in str(caught.value)
    assert "unset ROS_DISTRO" in str(caught.value)


def test_without_a_sourced_ros_wheels_are_used(environment, monkeypatch):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert environment.sourced_ros() is None


def test_an_error_is_printed_without_a_traceback():
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"ODYSSEY_ROS_WHEELS": "none", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("setup: ")
    assert "Traceback" not in done.stderr


def test_an_active_environment_is_left_before_it_is_made_again(tmp_path):
    """`make` in a shell where .venv is active runs with the Python inside .venv."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(SCRIPT.parent, project / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(project / ".venv", with_pip=False, symlinks=True)
    inside = project / ".venv" / "bin" / "python3"
    program = (
        "import sys; sys.path.insert(0, 'scripts'); sys.argv = ['-c', sys.argv[1]]\n"
        "import environment; environment.leave_environment(); print('not left')"
    )
    done = subprocess.run(
        [inside, "-c", program, "import sys; print(sys.prefix)"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sys.base_prefix


@pytest.mark.parametrize("distro", ["humble", "iron"])
def test_a_distribution_that_is_too_old_is_an_error_with_a_remedy(environment, monkeypatch, distro):
    monkeypatch.setenv("ROS_DISTRO", distro)
    with pytest.raises(environment.SetupError, match=rf"{distro} lacks .* Source Jazzy or later, or `unset"):
        environment.sourced_ros()


def test_cmake_refuses_the_same_distributions(environment):
    cmake = (SCRIPT.parents[1] / "CMakeLists.txt").read_text()
    assert f'MATCHES "^({"|".join(environment.TOO_OLD)})$"' in cmake
