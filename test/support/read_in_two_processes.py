"""Reads a dataset before a fork, and the rest of it in both processes: read_in_two_processes.py FOLDER.

The parent continues when the child has ended: if they moved one position in a file, the parent would be lost.
"""

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
    numbers = [number_of(dataset[index][key]) for index in range(10)]
    child = os.fork()
    status = os.waitpid(child, 0)[1] if child else 0
    numbers += [number_of(dataset[index][key]) for index in range(10, count)]
    right = numbers == list(range(count))
    if child == 0:
        os._exit(0 if right else 3)
    return 0 if right and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
