"""The version of the installed package."""

from __future__ import annotations

import re
from pathlib import Path

from ament_index_python.packages import get_package_share_directory


def package_version() -> str:
    """Return the version in the installed `package.xml`, such as `0.1.0`. Reads a file."""
    manifest = Path(get_package_share_directory("odyssey_ros"), "package.xml").read_text(encoding="utf-8")
    found = re.search(r"<version>([^<]+)</version>", manifest)
    if found is None:
        raise RuntimeError("the installed package.xml has no version")
    return found[1].strip()
