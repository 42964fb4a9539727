"""The examples of the pages about datasets: the script file, and the training example with real bags.

PyTorch is not a dependency, so a substitute provides the four names that the example uses.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import ManifestEntry, write_manifest
from odyssey_ros.dataset.scripts.plans import read_plans

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"


def _block(page: str, language: str, word: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return next(block for block in blocks if word in block)


def test_the_script_file_in_the_docs_is_valid(tmp_path: Path) -> None:
    (tmp_path / "walk.yaml").write_text(_block("dataset.md", "yaml", "variables"))
    (tmp_path / "start.png").write_bytes(b"picture")
    assert len(read_plans([tmp_path / "walk.yaml"])) == 8


def _example(monkeypatch: pytest.MonkeyPatch, workers: list[Any]) -> dict[str, Any]:
    torch, utils, data = ModuleType("torch"), ModuleType("torch.utils"), ModuleType("torch.utils.data")
    torch.from_numpy = lambda array: SimpleNamespace(permute=lambda *axes: np.transpose(array, axes))  # type: ignore[attr-defined]
    data.IterableDataset = object  # type: ignore[attr-defined]
    data.DataLoader = lambda dataset, **options: dataset  # type: ignore[attr-defined]
    data.get_worker_info = lambda: workers[0]  # type: ignore[attr-defined]
    for module in (torch, utils, data):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    names: dict[str, Any] = {}
    exec(_block("dataset_content.md", "python", "IterableDataset").partition("\nloader =")[0], names)
    return names


@pytest.fixture
def dataset(tmp_path: Path, make_video: Callable[..., Path]) -> Path:
    (tmp_path / "episodes").mkdir()
    entries = []
    for at in range(5):
        events = EventLog(
            (Event(EventKind.STARTED, 0, f"{at} first"), Event(EventKind.PROMPTED, 300_000_000, f"{at} then"))
        )
        bag = tmp_path / "episodes" / f"e{at}"
        write_bag(bag, f"e{at}", Episode("s", make_video(), events), BagLayout(ImageEncoding.JPEG))
        entries.append(
            ManifestEntry(f"e{at}", f"episodes/e{at}", (), "s", "jpeg", 12, 320, 192, 0, 0, (), {}, None, {})
        )
    write_manifest(tmp_path / "manifest.jsonl", entries)
    return tmp_path


def test_the_training_example(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, counter_of: Callable[[Any], int]
) -> None:
    workers: list[Any] = [None]
    frames = _example(monkeypatch, workers)["DreamFrames"]

    def labels(**options: Any) -> list[tuple[int, str]]:
        found = []
        for picture, prompt in frames(str(dataset), window=16, **options):
            assert picture.shape == (3, 192, 320)
            found.append((counter_of(np.transpose(picture, (1, 2, 0))), prompt))
        return found

    everything = sorted(
        (index, f"{at} {'first' if index < 6 else 'then'}") for at in range(5) for index in range(12)
    )
    whole = labels()
    assert sorted(whole) == everything
    assert whole != everything
    assert whole == labels()
    parts: list[tuple[int, str]] = []
    for rank in range(2):
        for worker in range(2):
            workers[0] = SimpleNamespace(id=worker, num_workers=2)
            parts += labels(rank=rank, ranks=2)
    assert sorted(parts) == everything
