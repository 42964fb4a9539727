"""The check of the installed Python packages, against packages that are really installed, old or missing."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import odyssey_ros
from odyssey_ros.requirements import BRIDGE, CLIENT, EXTRAS, MissingPackageError, main, require

TOP = Path(__file__).resolve().parents[1]
MODULE = TOP / "odyssey_ros" / "requirements.py"
EXECUTABLES = Path(odyssey_ros.__file__).resolve().parents[3] / "odyssey_ros"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The site-packages of a virtual environment without any package, not even pip."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    return next(tmp_path.glob("venv/lib/python*/site-packages"))


def add_package(site_packages: Path, name: str, version: str, module: str = "") -> None:
    """Install an empty package, as pip does."""
    name = name.partition("[")[0]
    folder = site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (site_packages / f"{module or name.replace('-', '_')}.py").touch()


def python(site_packages: Path) -> str:
    return str(site_packages.parents[2] / "bin" / "python")


def check(site_packages: Path) -> subprocess.CompletedProcess[str]:
    """Run the check of everything in an environment."""
    command = [python(site_packages), str(MODULE)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


EVERYTHING = {**CLIENT, **{name: oldest for extra in EXTRAS.values() for name, oldest in extra.items()}}


def test_the_ranges_are_those_of_ranges_txt() -> None:
    lines = (TOP / "requirements" / "ranges.txt").read_text().splitlines()
    ranges = [line for line in lines if line and not line.startswith("#")]
    assert ranges == sorted(f"{name}>={oldest}" for name, oldest in EVERYTHING.items())


def test_a_package_has_one_range() -> None:
    for extra in (*EXTRAS.values(), BRIDGE):
        for name, oldest in extra.items():
            assert EVERYTHING[name] == oldest


def test_the_environment_of_the_tests_has_everything() -> None:
    for feature in ("", "bridge", *EXTRAS):
        require(feature)
    assert main() is None


def test_the_oldest_versions_are_accepted(environment: Path) -> None:
    for name, oldest in EVERYTHING.items():
        add_package(environment, name, oldest + ".0")
    done = check(environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("installed", "accepted"),
    [
        ("10.4", False),
        ("14.9.9", False),
        ("15", True),
        ("15.0.0", True),
        ("15.0rc1", True),
        ("16.1", True),
        ("100", True),
        ("", False),
        ("unknown", False),
    ],
)
def test_versions_are_compared_as_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: str, accepted: bool
) -> None:
    add_package(tmp_path, "odyssey-test-package", installed)
    monkeypatch.syspath_prepend(tmp_path)
    if accepted:
        require(packages={"odyssey-test-package": "15"})
        return
    with pytest.raises(
        MissingPackageError, match=r"too old: odyssey-test-package .*\(15 or later is required\)"
    ):
        require(packages={"odyssey-test-package": "15"})


def test_old_and_missing_packages_are_named_in_one_line_with_the_remedy(environment: Path) -> None:
    for name, oldest in EVERYTHING.items():
        if name != "rich":
            add_package(environment, name, {"websockets": "10.4", "aiortc": "1.6.0"}.get(name, oldest))
    done = check(environment)
    assert done.returncode == 1
    assert done.stderr == (
        "Python packages are missing or too old: aiortc 1.6.0 (1.15 or later is required), "
        "websockets 10.4 (15 or later is required), rich (not installed). "
        f"Run: {python(environment)} -m pip install 'aiortc>=1.15' 'websockets>=15' 'rich>=13'\n"
    )


def test_the_remedy_outside_a_virtual_environment_is_to_make_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(
        MissingPackageError, match=r'in one, as described in README\.md under "In a ROS workspace"'
    ):
        require(packages={"aiortc": "999"})
    assert "## In a ROS workspace" in (TOP / "README.md").read_text()


def test_a_package_without_metadata_is_accepted(environment: Path) -> None:
    """Some distributions install modules without the metadata of Python packages."""
    for name, oldest in EVERYTHING.items():
        if name not in {"PyYAML", "pillow-heif", "PyJWT", "pillow"}:
            add_package(environment, name, oldest)
    for module in ("yaml", "pillow_heif", "jwt", "PIL"):
        (environment / f"{module}.py").touch()
    assert check(environment).returncode == 0


@pytest.mark.parametrize("module", ["odyssey_ros.client", "odyssey_ros.emulator"])
def test_an_import_names_an_old_package(environment: Path, module: str) -> None:
    add_package(environment, "websockets", "10.4")
    name = {"odyssey_ros.client": "Odyssey", "odyssey_ros.emulator": "Emulator"}[module]
    done = subprocess.run(
        [python(environment), "-c", f"from {module} import {name}"],
        env={"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("odyssey_ros.requirements.MissingPackageError: Python packages are missing")
    assert "websockets 10.4 (15 or later is required)" in error


@pytest.mark.parametrize("executable", ["bridge", "spectator", "player", "simulate", "dataset", "emulator"])
def test_each_executable_names_an_old_package(tmp_path: Path, executable: str) -> None:
    """As on a system with old packages, for which no virtual environment was made."""
    for name, version in (("websockets", "10.4"), ("aiortc", "1.6.0")):
        add_package(tmp_path, name, version)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [EXECUTABLES / executable],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (2, "")
    reason, python_and_remedy = done.stderr.split(" Run: ")
    assert reason == (
        f"{executable}: Python packages are missing or too old: aiortc 1.6.0 (1.15 or later is required), "
        "websockets 10.4 (15 or later is required)."
    )
    interpreter, remedy = python_and_remedy.split(" ", 1)
    assert interpreter.startswith(f"{sys.prefix}/bin/python")
    assert remedy == "-m pip install 'aiortc>=1.15' 'websockets>=15'\n"


def test_setup_reads_the_same_list() -> None:
    """A file that is run has the same values as the module that is imported."""
    values = runpy.run_path(str(MODULE))
    assert (values["CLIENT"], values["EXTRAS"]) == (CLIENT, EXTRAS)
