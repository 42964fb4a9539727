"""The packages in test/interfaces: built where the environment lacks them, and in no other workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
NAMES = sorted(path.parent.name for path in TOP.glob("test/interfaces/*/package.xml"))


def missing(prefixes: list[Path]) -> list[str]:
    """Return what scripts/missing_interfaces prints for the prefixes of an environment."""
    environment = {**os.environ, "AMENT_PREFIX_PATH": os.pathsep.join(map(str, prefixes))}
    script = TOP / "scripts" / "missing_interfaces"
    return subprocess.run(
        [script], env=environment, text=True, capture_output=True, check=True
    ).stdout.splitlines()


def prefix_with(folder: Path, *packages: str) -> Path:
    """Return a new ament prefix that has some packages."""
    index = folder / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    for package in packages:
        (index / package).touch()
    return folder


def test_packages_of_the_environment_are_not_built(tmp_path):
    assert NAMES == ["ffmpeg_image_transport_msgs", "foxglove_msgs"]
    with_one = prefix_with(tmp_path / "ro bot", "foxglove_msgs", "std_msgs")
    empty = prefix_with(tmp_path / "empty")
    assert missing([]) == NAMES
    assert missing([empty, tmp_path / "not_there"]) == NAMES
    assert missing([empty, with_one]) == ["ffmpeg_image_transport_msgs"]
    assert missing([with_one, prefix_with(tmp_path / "other", *NAMES)]) == []


def test_packages_of_this_build_do_not_count():
    prefixes = [TOP / "install" / name for name in [*NAMES, "odyssey_ros"]]
    assert missing(prefixes) == NAMES


def test_a_workspace_with_this_repository_does_not_build_them(tmp_path):
    colcon = shutil.which("colcon")
    if colcon is None:
        pytest.skip("colcon is not installed")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "odyssey_ros").symlink_to(TOP)
    listed = subprocess.run(
        [colcon, "--log-base", os.devnull, "list", "--names-only"],
        cwd=tmp_path, text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert listed.stdout.split() == ["odyssey_ros"]
