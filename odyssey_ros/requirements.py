"""The Python packages that each layer requires, and a check that the installed versions are new enough.

This list is the only one: setup.py reads it, and a test compares `requirements/ranges.txt` with it. The check
imports none of the packages and takes a few milliseconds.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT: Final[Mapping[str, str]] = {
    "PyJWT": "2.7",
    "aiortc": "1.15",
    "av": "17",
    "httpx": "0.27",
    "numpy": "1.26",
    "websockets": "15",
}
"""The packages that every layer requires, with the oldest version that is supported."""

EXTRAS: Final[Mapping[str, Mapping[str, str]]] = {
    "images": {"pillow": "11.3", "pillow-heif": "0.16"},
    "emulator": {"aiohttp": "3.12", "pillow": "11.3", "pillow-heif": "0.16"},
    "dataset": {
        "PyYAML": "6",
        "mcap": "1.1",
        "rich": "13",
        "rosbags": "0.11",
        "simplejpeg": "1.8",
    },
    "lerobot": {"pyarrow": "17"},
    "ray": {"ray": "2.40"},
    "socks": {"python-socks[asyncio]": "2.6.1", "socksio": "1.0"},
}
"""The further packages of each extra of the pip package."""

BRIDGE: Final[Mapping[str, str]] = {"PyYAML": "6", "simplejpeg": "1.8"}
"""The further packages that the nodes import when they start."""

CONSOLE: Final[Mapping[str, str]] = {**BRIDGE, "aiohttp": "3.12"}
"""The further packages that the console imports when it starts."""

_FEATURES: Final[Mapping[str, Mapping[str, str]]] = {"": {}, "bridge": BRIDGE, "console": CONSOLE, **EXTRAS}

# Where the name of a module differs from that of its package.
_MODULES: Final[Mapping[str, str]] = {"PyJWT": "jwt", "PyYAML": "yaml", "pillow": "PIL"}


class MissingPackageError(ImportError):
    """A required Python package is missing or too old. The text names each package, and the remedy."""


def require(feature: str = "", *, packages: Mapping[str, str] | None = None) -> None:
    """Check that the packages of a feature are installed, and those of the client.

    Args:
        feature: `bridge`, the name of an extra, or an empty string for the client alone.
        packages: The packages to check instead, with their oldest versions.

    Raises:
        MissingPackageError: A package is missing or too old.
    """
    if packages is None:
        packages = {**CLIENT, **_FEATURES[feature]}
    problems = {name: problem for name, oldest in packages.items() if (problem := _problem(name, oldest))}
    if problems:
        wanted = [f"{name}>={packages[name]}" for name in problems]
        found = ", ".join(problems.values())
        raise MissingPackageError(
            f"Python packages are missing or too old: {found}. {_remedy(feature, wanted)}"
        )


def exit_unless_installed(program: str, feature: str = "") -> None:
    """Check the packages of a feature; exit with status 2 and one line on stderr if the check fails.

    Args:
        program: The name of the command, which precedes the reason.
        feature: As for `require`.

    Raises:
        SystemExit: A package is missing or too old.
    """
    try:
        require(feature)
    except MissingPackageError as error:
        sys.stderr.write(f"{program}: {error}\n")
        raise SystemExit(2) from None


def _problem(name: str, oldest: str) -> str:
    """Return what is wrong with an installed package; empty if nothing is."""
    name = name.partition("[")[0]
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        # Some distributions remove the metadata of packages. A version that is not known is accepted.
        if find_spec(_MODULES.get(name, name.replace("-", "_"))) is not None:
            return ""
        return f"{name} (not installed)"
    if _release(installed) >= _release(oldest):
        return ""
    return f"{name} {installed} ({oldest} or later is required)"


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (1, 15) for `1.15.0`; zeros at the end do not count."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in match.group().split(".")] if match else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _remedy(feature: str, wanted: list[str]) -> str:
    if _installed_by_pip():
        return f"Run: pip install 'odyssey_ros{f'[{feature}]' if feature else ''}'"
    if sys.prefix == sys.base_prefix:
        return (
            f"{sys.executable} runs without a virtual environment: build the workspace in one, as described "
            'in README.md under "In a ROS workspace"'
        )
    return f"Run: {sys.executable} -m pip install {' '.join(map(repr, wanted))}"


def _installed_by_pip() -> bool:
    """Return whether pip installed this package; in a ROS workspace its metadata has no requirements."""
    try:
        return bool(metadata.requires("odyssey_ros"))
    except metadata.PackageNotFoundError:
        return False


def main() -> str | None:
    """Return what the executables lack, for `sys.exit`; None if nothing. CMakeLists.txt runs this module."""
    try:
        require(packages={**CLIENT, **CONSOLE, **EXTRAS["emulator"], **EXTRAS["dataset"]})
    except MissingPackageError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
