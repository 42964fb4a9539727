"""The pip package, and the metadata of the ROS package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pillow_heif
import pytest
import yaml
from PIL import Image

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


def test_the_wheel_contains_all_layers_but_those_of_the_graph(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(
            next(name for name in names if name.endswith("entry_points.txt"))
        ).decode()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    folders = {
        name.split("/")[1] for name in names if name.startswith("odyssey_ros/") and name.count("/") > 1
    }
    assert folders == {"client", "emulator", "dataset", "pictures", "web"}
    assert "odyssey_ros/py.typed" in names
    for script in ("odyssey-dataset", "odyssey-emulator"):
        assert script in entry_points
    assert "License" in metadata
    definitions = {name for name in names if name.endswith(".msg")}
    assert definitions == {
        f"odyssey_ros/dataset/definitions/{path.name}"
        for path in (TOP / "odyssey_ros" / "dataset" / "definitions").glob("*.msg")
    }


@pytest.fixture
def environment(extra, wheel, tmp_path):
    """A fresh virtual environment, into which pip installs the package with an extra and its requirements."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--disable-pip-version-check"]
    package = f"odyssey_ros[{extra}] @ {wheel.as_uri()}" if extra else f"odyssey_ros @ {wheel.as_uri()}"
    result = Environment(folder / "bin", tmp_path)
    command = [*pip, "install", "--no-compile", package]
    done = subprocess.run(command, capture_output=True, check=False, timeout=280, **result.options())
    if done.returncode and re.search(
        r"NewConnectionError|NameResolutionError|ConnectTimeoutError", done.stderr
    ):
        pytest.skip("pip cannot reach the package index")
    assert done.returncode == 0, done.stderr
    return result


class Environment:
    """Runs commands in a virtual environment that has neither ROS nor the libraries of the tests."""

    def __init__(self, programs, folder):
        self._programs = programs
        self.folder = folder
        self._variables = {name: value for name, value in os.environ.items() if name not in OF_ROS}

    def options(self, **variables):
        """The options with which subprocess starts a program here."""
        return {"cwd": self.folder, "env": {**self._variables, **variables}, "text": True}

    def command(self, name, *arguments):
        return [str(self._programs / name), *arguments]

    def run(self, name, *arguments, **variables):
        command = self.command(name, *arguments)
        return subprocess.run(
            command, capture_output=True, check=False, timeout=200, **self.options(**variables)
        )

    def works(self, name, *arguments, **variables):
        """Run a command that must succeed, and return its output."""
        done = self.run(name, *arguments, **variables)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def names_the_extra(self, extra, name, *arguments):
        """Run a command that must end with one line that names the extra that the command needs."""
        done = self.run(name, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(
            rf"[^\n]* \(not installed\)\. Run: pip install 'odyssey_ros\[{extra}\]'\n", done.stderr
        )

    @contextmanager
    def emulator(self, *command):
        """Run an emulator, yield its URL, and check that it ends well."""
        with subprocess.Popen(
            self.command(*command, "--port", "0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **self.options(),
        ) as process:
            try:
                line = process.stdout.readline()
                if not line:
                    pytest.fail(process.communicate()[1])
                yield line.split()[-1]
            finally:
                process.terminate()
                errors = process.communicate(timeout=60)[1]
        assert (process.returncode, errors) == (0, "")


OF_ROS = {
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
}
"""The variables that a shell without ROS and without a virtual environment does not have."""

EMULATOR_COMMANDS = [("odyssey-emulator",), ("python", "-m", "odyssey_ros.emulator")]
DATASET_COMMANDS = [("odyssey-dataset",), ("python", "-m", "odyssey_ros.dataset")]
SUBCOMMANDS = [
    ("simulate", "walk.yaml", "-o", "out", "--dry-run"),
    ("recordings", "id", "-o", "out"),
    ("jobs", "id", "-o", "out"),
    ("merge", "out"),
    ("verify", "out"),
]

PREPARE_IMAGE = """
import sys
from odyssey_ros.client import OdysseyImageError
from odyssey_ros.client.images import prepare_image
try:
    print(prepare_image(open(sys.argv[1], "rb").read(), portrait=False)[:22])
except OdysseyImageError as error:
    print(error)
"""

STREAM = """
import asyncio, sys
from odyssey_ros.client import Odyssey

async def main():
    frames = asyncio.Event()
    async with Odyssey("ody_local", api_url=sys.argv[1]) as client:
        await client.connect(on_video_frame=lambda frame: frames.set())
        await client.start_stream("a harbour", image=sys.argv[2] or None)
        await frames.wait()
        await client.end_stream()

asyncio.run(main())
"""

RECORDINGS = """
import asyncio
from odyssey_ros.client import Odyssey, OdysseyError

async def main():
    async with Odyssey("ody_local", api_url="https://odyssey.invalid") as client:
        try:
            await client.list_stream_recordings()
        except OdysseyError as error:
            print(error.code, error)

asyncio.run(main())
"""

WALK = "{timestamp_ms: 0, start: {prompt: a fox walks}}, {timestamp_ms: 150, end: {}}"


@pytest.mark.parametrize("extra", ["", "images", "emulator", "dataset", "socks", "all"])
def test_each_command_works_or_names_the_extra_that_it_needs(extra, environment, tmp_path):
    has_emulator, has_dataset = extra in ("emulator", "all"), extra in ("dataset", "all")
    has_socks = extra in ("socks", "all")
    has_images = extra in ("images", "emulator", "all")
    files = {name: tmp_path / f"picture.{name}" for name in ("png", "heif")}
    pillow_heif.register_heif_opener()
    for file in files.values():
        Image.new("RGB", (64, 48), "teal").save(file)
    (tmp_path / "walk.yaml").write_text(f"script: [{WALK}]\n")
    (tmp_path / "stream.py").write_text(STREAM)

    for file in files.values():
        text = environment.works("python", "-c", PREPARE_IMAGE, str(file))
        if has_images:
            assert text == "data:image/jpeg;base64\n"
        else:
            assert text.endswith(" (not installed). Run: pip install 'odyssey_ros[images]'\n")

    proxy = {"https_proxy": "socks5://user:secret@127.0.0.1:1", "no_proxy": ""}  # no server has this port
    text = environment.works("python", "-c", RECORDINGS, **proxy)
    assert text.startswith(
        "UNREACHABLE " if has_socks else "CONFIGURATION https_proxy names a SOCKS proxy, but "
    )
    assert ("Run: pip install 'odyssey_ros[socks]', or unset https_proxy" in text) is not has_socks
    assert "secret" not in text

    for command in EMULATOR_COMMANDS:
        if not has_emulator:
            assert "usage:" in environment.works(*command, "--help")
            environment.names_the_extra("emulator", *command, "--port", "0")
            continue
        with environment.emulator(*command) as url:
            environment.works("python", "stream.py", url, str(files["heif"]))

    for command in DATASET_COMMANDS:
        if not has_dataset:
            environment.names_the_extra("dataset", *command, "--help")
            for subcommand in SUBCOMMANDS:
                environment.names_the_extra("dataset", *command, *subcommand)
            continue
        assert "usage:" in environment.works(*command, "--help")
        assert "a fox walks" in environment.works(*command, "simulate", "walk.yaml", "-o", "out", "--dry-run")
    if extra == "all":
        with environment.emulator("odyssey-emulator") as url:
            account = {"ODYSSEY_API_URL": url, "ODYSSEY_API_KEY": "ody_local"}
            done = environment.run(
                "odyssey-dataset", "simulate", "walk.yaml", "-o", "out", "--poll", "0.2", **account
            )
            assert done.stdout == "1 episodes in out, 0 failed\n", done.stderr
            since = environment.run(
                "odyssey-dataset", "recordings", "--since", "2020-01-01", "-o", "new", **account
            )
            assert (since.returncode, since.stdout) == (0, "0 episodes in new, 0 failed\n"), since.stderr
        for subcommand in ("merge", "verify"):
            assert environment.run("odyssey-dataset", subcommand, "out").returncode == 0


def test_version_and_licence_of_both_packages_agree():
    manifest = (TOP / "package.xml").read_text()
    setup = (TOP / "setup.py").read_text()
    version = manifest.split("<version>")[1].split("<")[0]
    assert f'version="{version}"' in setup
    assert "Apache-2.0" in manifest
    assert 'license="Apache-2.0"' in setup
    assert "Apache License" in (TOP / "LICENSE").read_text()


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
