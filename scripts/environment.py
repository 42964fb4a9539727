"""Makes the environment in which everything runs: the virtual environment .venv.

If a ROS 2 is sourced (ROS_DISTRO is set and rclpy can be imported), the environment uses it and contains only
the Python libraries that are missing. Otherwise a real ROS 2 is installed into it from wheels: Jazzy, or the
distribution in ODYSSEY_ROS_WHEELS. This script needs the standard library only. A second run does nothing
while the inputs are the same.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from progress import run_with_progress

TOP = Path(__file__).resolve().parent.parent
VENV = TOP / ".venv"
STAMP = VENV / "environment.stamp"
REQUIREMENTS = TOP / "requirements"
LOG = TOP / "build" / "environment.log"
BUILT = (TOP / "build" / "odyssey_ros", TOP / "install")  # they hold paths of the environment that built them
WHEEL_DISTRO = os.environ.get("ODYSSEY_ROS_WHEELS", "jazzy")
FIRST_PYTHON, LAST_WHEEL_PYTHON = (3, 10), (3, 14)
OLDEST_GLIBC = (2, 28)
TOO_OLD = ("foxy", "galactic", "humble", "iron")


class SetupError(Exception):
    """The environment cannot be made; the text gives the reason and the remedy."""


def sourced_ros() -> str | None:
    """Return the name of the ROS distribution that this shell has sourced, or None."""
    distro = os.environ.get("ROS_DISTRO")
    if not distro:
        return None
    if distro in TOO_OLD:
        raise SetupError(
            f"ROS 2 {distro} lacks functions that the nodes use (docs/platforms.md). Source Jazzy or later, "
            f"or `unset ROS_DISTRO` to use ROS from wheels."
        )
    command = [sys.executable, "-c", "import rclpy"]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)
    if probe.returncode == 0:
        return distro
    reason = (probe.stderr.strip().splitlines() or ["no output"])[-1]
    raise SetupError(
        f"ROS_DISTRO is {distro}, but {sys.executable} cannot import rclpy ({reason}).\n"
        f"Run with the Python that this ROS was built for (make PYTHON=/usr/bin/python3 ...), "
        f"or `unset ROS_DISTRO` to use ROS from wheels."
    )


def check_interpreter() -> None:
    """Check that Python is new enough and can make virtual environments.

    Raises:
        SetupError: It is not.
    """
    if sys.version_info < FIRST_PYTHON:
        raise SetupError(
            f"Python {platform.python_version()} is too old: install Python 3.10 or later and run "
            f"make PYTHON=/path/to/python3 ..."
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 -- not part of the package python3 of Debian
        import venv  # noqa: F401, PLC0415
    except ImportError:
        raise SetupError("This Python cannot make virtual environments: apt install python3-venv") from None


def check_wheels_fit() -> None:
    """Check that there are ROS wheels for this platform.

    Raises:
        SetupError: There are none, or there is no compiler.
    """
    install_ros = (
        "Install ROS 2 (Jazzy or later) for this machine from its packages or a container, "
        "`source /opt/ros/<distro>/setup.bash`, and run the same command again."
    )
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in ("x86_64", "AMD64"):
        raise SetupError(f"There are no ROS wheels for {system} on {machine}. {install_ros}")
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        raise SetupError(
            f"The ROS wheels need glibc 2.28 or later, not {libc or 'another libc'} {version}. {install_ros}"
        )
    if sys.version_info[:2] > LAST_WHEEL_PYTHON:
        raise SetupError(
            f"There are no ROS wheels for Python {platform.python_version()} yet: "
            f"run with Python 3.10 to 3.14 (make PYTHON=/path/to/python3.12 ...). Or: {install_ros}"
        )
    for tool in ("cc", "c++"):
        if shutil.which(tool) is None:
            raise SetupError(f"There is no C/C++ compiler ({tool}): apt install build-essential")


def stamp_text(distro: str | None, files: list[Path]) -> str:
    """Return a digest of everything that the environment depends on."""
    digest = hashlib.sha256()
    for part in (str(distro), str(Path(sys.executable).resolve()), sys.version, str(VENV)):
        digest.update(part.encode() + b"\0")
    for file in (*files, Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run(what: str, *command: str) -> None:
    """Run a long command; its output is printed when it fails.

    Raises:
        SetupError: The command failed; `what` is the reason.
    """
    if run_with_progress(command, LOG) != 0:
        raise SetupError(f"{what}; its output is above, and in {LOG.relative_to(TOP)}")


def rewrite_build_machine_paths() -> None:
    """Replace the include folders of the build machine in the CMake files of the wheels by those here."""
    script = (
        "import sysconfig, numpy, pathlib, re, sys\n"
        "python, arrays = sysconfig.get_path('include'), numpy.get_include()\n"
        "for config in pathlib.Path(sys.prefix, 'share').glob('*/cmake/*.cmake'):\n"
        "    old = config.read_text()\n"
        "    new = re.sub(r'/opt/python/[^/;\"]+/include/python[0-9.]+', lambda _: python, old)\n"
        "    new = re.sub(r'[^;\"\\s]*/site-packages/numpy/_?core/include', lambda _: arrays, new)\n"
        "    if new != old:\n"
        "        config.write_text(new)\n"
    )
    subprocess.run([str(VENV / "bin" / "python"), "-c", script], check=True)


def make() -> None:
    """Make the environment, unless it is up to date."""
    check_interpreter()
    distro = sourced_ros()
    if distro is None:
        check_wheels_fit()
        files = [REQUIREMENTS / name for name in (f"ros-{WHEEL_DISTRO}.txt", "libraries.txt", "tools.txt")]
    else:
        files = [REQUIREMENTS / name for name in ("ranges.txt", "tools.txt")]
    for file in files:
        if not file.is_file():
            raise SetupError(f"ODYSSEY_ROS_WHEELS={WHEEL_DISTRO}: there is no {file.relative_to(TOP)}")
    stamp = stamp_text(distro, files)
    if STAMP.is_file() and STAMP.read_text() == stamp:
        return
    what = (
        f"ROS 2 {distro} of this shell"
        if distro
        else f"ROS 2 {WHEEL_DISTRO} from wheels (about a minute, 700 MB)"
    )
    print(f"Making the environment .venv with {what} ...", flush=True)
    for folder in (VENV, *BUILT):
        shutil.rmtree(folder, ignore_errors=True)
    options = ["--system-site-packages"] if distro else []
    run("No virtual environment could be made", sys.executable, "-m", "venv", *options, str(VENV))
    run(
        "pip could not install the requirements (is the package index reachable?)",
        *(str(VENV / "bin" / "python"), "-m", "pip", "install"),
        *("--disable-pip-version-check", "--progress-bar", "off"),
        "--no-compile",  # a third of the time; most modules of the libraries are never imported
        *(option for file in files for option in ("-r", str(file))),
    )
    if distro is None:
        rewrite_build_machine_paths()
    STAMP.write_text(stamp)


def leave_environment() -> None:
    """Continue with the Python from which .venv was made, if .venv is active: it may be made again."""
    base = Path(sys.executable).resolve()  # .venv has a link to it
    if Path(sys.prefix).resolve() == VENV and VENV not in base.parents:
        os.execv(base, [str(base), *sys.argv])  # noqa: S606


def main() -> int:
    """Make the environment; print the reason when that fails. Return the exit status."""
    leave_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run the same command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
