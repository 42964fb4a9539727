"""The version of this package, which an export names in its card."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Final

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file

_SOURCES: Final = Path(__file__).resolve().parents[3]
_MAX_MANIFEST_BYTES: Final = 1 << 20


def package_version(sources: Path = _SOURCES) -> str:
    """Return the version, such as `0.1.0`, or `(unknown version)`.

    It is that of `package.xml` if the package runs from its sources, and otherwise that of the metadata which
    pip and colcon install. The metadata come second, because another version may be installed too.

    Args:
        sources: The folder that holds the package, and `package.xml` if it is a source tree.
    """
    try:
        text = read_regular_file(sources / "package.xml", _MAX_MANIFEST_BYTES).decode("utf-8", "replace")
    except RegularFileError:
        text = ""
    found = re.search(r"<name>odyssey_ros</name>\s*<version>\s*([^<\s]+)\s*</version>", text)
    if found is not None:
        return found[1]
    try:
        return metadata.version("odyssey_ros")
    except metadata.PackageNotFoundError:
        return "(unknown version)"
