"""Reads a dataset before and after a fork, in both processes at once: read_in_two_processes.py FOLDER."""

from __future__ import annotations

import os
import sys

from exported_dataset_numbers import number_of
from odyssey_ros.dataset.exports.exported_dataset import ExportedDataset


def main() -> int:
    """Return 0 if all pictures are right."""
    dataset = ExportedDataset(sys.argv[1])
    key = dataset.camera_keys[0]
    count = len(dataset)
    numbers = [number_of(dataset[index][key]) for index in range(count // 2)]
    child = os.fork()
    numbers += [number_of(dataset[index][key]) for index in range(count // 2, count)]
    right = numbers == list(range(count))
    if child == 0:
        os._exit(0 if right else 3)
    _, status = os.waitpid(child, 0)
    return 0 if right and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
