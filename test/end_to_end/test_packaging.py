"""The pip package, and the metadata of the ROS package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
NOT_SOURCES = (".*", "build", "install", "log", "demo_output", "bench_output", "__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # The build writes into the source folder, so it runs in a copy.
    shutil.copytree(TOP, source, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_contains_all_layers_but_the_bridge(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(
            next(name for name in names if name.endswith("entry_points.txt"))
        ).decode()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    folders = {
        name.split("/")[1] for name in names if name.startswith("odyssey_ros/") and name.count("/") > 1
    }
    assert folders == {"client", "emulator", "dataset"}
    assert "odyssey_ros/py.typed" in names
    for script in ("odyssey-dataset", "odyssey-emulator"):
        assert script in entry_points
    assert "License" in metadata
    definitions = {name for name in names if name.endswith(".msg")}
    assert definitions == {
        f"odyssey_ros/dataset/definitions/{path.name}"
        for path in (TOP / "odyssey_ros" / "dataset" / "definitions").glob("*.msg")
    }


def test_the_wheel_works_without_ros(wheel, tmp_path):
    """Import all from the wheel, with rclpy and the messages not importable."""
    program = (
        "import sys\n"
        "for name in ('rclpy', 'sensor_msgs', 'std_msgs'): sys.modules[name] = None\n"
        "import odyssey_ros.client, odyssey_ros.dataset.cli, odyssey_ros.emulator.command_line\n"
        "print(odyssey_ros.client.__file__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ".whl" in done.stdout


def test_version_and_licence_of_both_packages_agree():
    manifest = (TOP / "package.xml").read_text()
    setup = (TOP / "setup.py").read_text()
    version = manifest.split("<version>")[1].split("<")[0]
    assert f'version="{version}"' in setup
    assert "Apache-2.0" in manifest
    assert 'license="Apache-2.0"' in setup
    assert "Apache License" in (TOP / "LICENSE").read_text()


def test_the_version_ranges_of_both_packages_agree():
    lines = (TOP / "requirements" / "ranges.txt").read_text().splitlines()
    ranges = {line for line in lines if line and not line.startswith("#")}
    setup = (TOP / "setup.py").read_text()
    missing = {one for one in ranges if f'"{one}"' not in setup}
    assert not missing


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_tools_are_configured_in_pyproject():
    import tomllib

    with (TOP / "pyproject.toml").open("rb") as file:
        assert {"ruff", "mypy", "pytest"} <= set(tomllib.load(file)["tool"])


def test_the_template_of_the_executables_is_executable():
    """`colcon build --symlink-install` links to files that have the mode of this template."""
    assert os.access(TOP / "scripts" / "executable.in", os.X_OK)


def test_the_manifest_and_the_changelog_fit_the_release_tools():
    """colcon and bloom read both with catkin_pkg; `catkin_tag_changelog` needs the heading."""
    package = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg comes with colcon")
    from catkin_pkg.changelog_generator import FORTHCOMING_LABEL

    manifest = package.parse_package(str(TOP / "package.xml"))
    assert manifest.package_format == 3
    assert {url.type for url in manifest.urls} == {"repository", "bugtracker"}
    lines = (TOP / "CHANGELOG.rst").read_text().splitlines()
    assert lines[1] == f"Changelog for package {manifest.name}"
    assert lines[4:6] == [FORTHCOMING_LABEL, "-" * len(FORTHCOMING_LABEL)]


def test_the_workflow_uses_targets_of_the_makefile():
    workflow = yaml.safe_load((TOP / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step["run"] for step in steps if "run" in step)
    used = set(re.findall(r"^make PYTHON=\S+ (\w+)$", commands, re.MULTILINE))
    assert used == {"test", "coverage", "demo"}
    targets = set(re.findall(r"^(\w+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    assert used < targets
    actions = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)
