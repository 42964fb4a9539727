"""The version of the installed package."""

from __future__ import annotations

import re
from pathlib import Path

from odyssey_ros.console.server.package_version import package_version


def test_the_version_is_that_of_the_manifest():
    manifest = (Path(__file__).resolve().parents[3] / "package.xml").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+", package_version())
    assert f"<version>{package_version()}</version>" in manifest
