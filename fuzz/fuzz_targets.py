"""All fuzz targets, in groups that share their imports."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fuzz_target import FuzzTarget

GROUPS = {
    "client": "client_targets",
    "signaling": "signaling_targets",
    "media": "media_targets",
    "dataset": "dataset_targets",
    "exports": "export_targets",
    "images": "image_targets",
    "bridge": "bridge_targets",
    "console": "console_targets",
    "emulator": "emulator_targets",
    "export_state": "export_state_targets",
}
"""The module of each group."""


def load(groups: Sequence[str] | None = None, names: Sequence[str] | None = None) -> list[FuzzTarget]:
    """Return the targets of some groups, or of all; only those with the given names, if any are given."""
    targets: list[FuzzTarget] = []
    for group in groups or GROUPS:
        targets += importlib.import_module(GROUPS[group]).TARGETS
    return [target for target in targets if not names or target.name in names]
