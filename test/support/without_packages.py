"""Runs an executable without some Python packages: without_packages.py NAME,... EXECUTABLE ...

Importing them fails, as where they are not installed.
"""

from __future__ import annotations

import runpy
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Absent(MetaPathFinder):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


if __name__ == "__main__":
    sys.meta_path.insert(0, _Absent(sys.argv[1].split(",")))
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
