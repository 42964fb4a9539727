"""A training loop of PyTorch over an exported dataset: python training.py FOLDER [--steps N] [--reader own].

The dataset is read by `lerobot` where it is installed, else by the reader of this package, which needs only
`pyarrow`, `av` and `numpy`. The loop is the same. Without PyTorch, it only reads the batches.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY = "observation.images.odyssey"


def open_dataset(folder: Path, reader: str) -> Any:
    """Return the dataset. Its items have the same keys, shapes and types with both readers."""
    if reader in ("any", "lerobot"):
        try:
            from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: PLC0415
        except ImportError:
            if reader == "lerobot":
                raise
        else:
            return LeRobotDataset(folder.name, root=folder, return_uint8=True, video_backend="pyav")
    from odyssey_ros.dataset.exports.exported_dataset import ExportedDataset  # noqa: PLC0415

    return ExportedDataset(folder, return_uint8=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train for some steps, and print the loss and the prompts of each batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reader", choices=("any", "lerobot", "own"), default="any")
    options = parser.parse_args(arguments)
    dataset = open_dataset(options.folder, options.reader)
    print(f"{type(dataset).__name__}: {len(dataset)} frames at {dataset.fps} Hz")
    try:
        import torch  # noqa: F401, PLC0415
    except ImportError:
        batches = read_batches(dataset, options.batch)
        for step, batch in enumerate(itertools.islice(batches, options.steps)):
            print(f"step {step}: pictures {batch[KEY].shape}, prompts {set(batch['task'])}")
    else:
        train(dataset, options.steps, options.batch, options.workers)


def train(dataset: Any, steps: int, batch_size: int, workers: int) -> None:
    """Train an autoencoder with one layer on the pictures."""
    import torch  # noqa: PLC0415
    from torch.utils.data import DataLoader, RandomSampler  # noqa: PLC0415

    sampler = RandomSampler(dataset, num_samples=steps * batch_size)
    loader = DataLoader(dataset, batch_size, sampler=sampler, num_workers=workers)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 8, stride=8), torch.nn.ReLU(), torch.nn.ConvTranspose2d(16, 3, 8, stride=8)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        pictures = batch[KEY].float() / 255  # batch, 3, height, width
        prompts = batch["task"]  # the prompt in force at each picture
        loss = torch.nn.functional.mse_loss(model(pictures), pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step}: loss {loss:.4f}, pictures {tuple(pictures.shape)}, prompts {set(prompts)}")


def read_batches(dataset: Any, batch_size: int) -> Iterator[dict[str, Any]]:
    """Yield the items in random order, `batch_size` at a time, as arrays."""
    import numpy as np  # noqa: PLC0415

    order = np.random.default_rng().permutation(len(dataset))
    for start in range(0, len(order), batch_size):
        items = [dataset[index] for index in order[start : start + batch_size]]
        batch: dict[str, Any] = {key: np.stack([item[key] for item in items]) for key in items[0]}
        yield {**batch, "task": [item["task"] for item in items]}


if __name__ == "__main__":
    main()
