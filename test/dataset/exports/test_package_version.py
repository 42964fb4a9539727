"""The version of this package: from its sources, from the metadata of an installation, or unknown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.dataset.exports.package_version import package_version

if TYPE_CHECKING:
    import pytest

TOP = Path(__file__).resolve().parents[3]


def test_the_sources_have_the_version_of_setup_py() -> None:
    (declared,) = re.findall(r'version="([^"]+)"', (TOP / "setup.py").read_text())
    assert package_version(TOP) == declared


def test_an_installation_has_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "odyssey_ros-7.8.9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: odyssey_ros\nVersion: 7.8.9\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert package_version(tmp_path) == "7.8.9"


def test_the_sources_come_before_another_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_an_installation_has_metadata(tmp_path, monkeypatch)
    (tmp_path / "package.xml").write_text("<package><name>other</name><version>1.0.0</version></package>")
    assert package_version(tmp_path) == "7.8.9"
    (tmp_path / "package.xml").write_text("<name>odyssey_ros</name>\n  <version>8.0.0</version>")
    assert package_version(tmp_path) == "8.0.0"


def test_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert package_version(tmp_path) == "(unknown version)"
