"""Compares the readers of a dataset, item by item: compare_with_lerobot.py FOLDER. Runs where lerobot is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from torch.utils.data import DataLoader

from odyssey_ros.dataset.exports.exported_dataset import ExportedDataset


def compare(folder: Path, *, return_uint8: bool) -> int:
    """Compare all items, and the batches of a loader; return the number of frames."""
    ours = ExportedDataset(folder, return_uint8=return_uint8)
    # Before lerobot decodes in this process: it says that its own loaders do not work after that.
    batches = list(DataLoader(ours, 8, num_workers=2))
    theirs = LeRobotDataset("local/test", root=folder, video_backend="pyav", return_uint8=return_uint8)
    assert len(ours) == len(theirs)
    assert ours.fps == theirs.fps
    assert list(ours.camera_keys) == theirs.meta.video_keys
    assert list(ours.tasks) == theirs.meta.tasks.index.tolist()
    for number in np.random.default_rng(1).permutation(len(theirs)).tolist():
        expected, found, batch = theirs[number], ours[number], batches[number // 8]
        assert found.keys() == batch.keys() == expected.keys()
        for key, value in expected.items():
            loaded = batch[key][number % 8]
            if key == "task":
                assert found[key] == loaded == value
                continue
            for tensor in (torch.as_tensor(found[key]), loaded):
                assert tensor.dtype == value.dtype, key
                assert tensor.shape == value.shape, key
                assert torch.equal(tensor, value), (key, number)
    return len(ours)


if __name__ == "__main__":
    for as_uint8 in (False, True):
        sys.stdout.write(f"equal: {compare(Path(sys.argv[1]), return_uint8=as_uint8)}\n")
