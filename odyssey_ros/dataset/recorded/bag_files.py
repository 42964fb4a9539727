"""Finds the recorded bags that a user names: folders, single files, or a folder of several bags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_STORAGE: Final = re.compile(r"\.(mcap|db3)(\.zstd)?$")
_MAX_METADATA_BYTES: Final = 1024 * 1024
_MAX_BRACKETS: Final = 1000  # the time that PyYAML takes grows with the square of their number
_YAML_ERRORS: Final = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class RecordedBag:
    """A recorded bag.

    Attributes:
        name: Name for messages and for the provenance: that of the folder or the file.
        files: Its MCAP files or SQLite databases, which may be compressed; at least one.
        missing: Number of files that its metadata.yaml names and that are not there.
    """

    name: str
    files: tuple[Path, ...]
    missing: int = 0


def recorded_bags(paths: Sequence[Path], output: Path) -> list[RecordedBag]:
    """Return the bags at some paths, each once, in the order of the paths. Blocks.

    metadata.yaml is not needed: a killed recorder does not write it.

    Args:
        paths: Bag folders, folders of bag folders, and files.
        output: The dataset folder that is made. Its bags are left out, because they would become episodes
            again.

    Raises:
        PlanError: A path does not exist, or there is no bag.
    """
    found: dict[Path, RecordedBag] = {}
    own = tuple((output / name).resolve() for name in ("episodes", "work"))
    for path in paths:
        bags = [bag for bag in _bags_at(path) if not any(map(bag.files[0].resolve().is_relative_to, own))]
        if not bags:
            raise PlanError(
                f"{path} has no bag: name a folder that `ros2 bag record` made, a folder of such folders, or "
                "a file (.mcap, .db3, .mcap.zstd, .db3.zstd)"
            )
        for bag in bags:
            found.setdefault(bag.files[0].resolve(), bag)
    return list(found.values())


def _bags_at(path: Path) -> Iterator[RecordedBag]:
    try:
        if path.is_dir():
            yield from _bags_in(path)
        elif not path.exists():
            raise PlanError(f"{path} does not exist")
        elif _STORAGE.search(path.name):
            yield RecordedBag(path.name, (path,))
        elif path.name == "metadata.yaml":
            yield from _bags_in(path.parent)
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}") from error


def _bags_in(folder: Path) -> Iterator[RecordedBag]:
    children = sorted(folder.iterdir(), key=lambda child: _natural(child.name))
    files = [child for child in children if _STORAGE.search(child.name) and not child.is_dir()]
    # A recorder that compresses files may be killed between the compression and the removal of the original.
    names = {file.name for file in files}
    files = [file for file in files if f"{file.name}.zstd" not in names]
    if files:
        yield RecordedBag(folder.resolve().name, tuple(files), _missing(folder, names))
    for child in children:
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            yield from _bags_in(child)


def _missing(folder: Path, names: Iterable[str]) -> int:
    """Return how many files metadata.yaml names that are not there; 0 if it cannot be read."""
    try:
        text = read_regular_file(folder / "metadata.yaml", _MAX_METADATA_BYTES).decode("utf-8")
        if text.count("[") + text.count("{") > _MAX_BRACKETS:
            return 0
        said = yaml.safe_load(text)["rosbag2_bagfile_information"]["relative_file_paths"]
        files = {str(name).rpartition("/")[2] for name in said}
    except (RegularFileError, *_YAML_ERRORS):
        return 0
    return sum(not any(name in names for name in (file, f"{file}.zstd")) for file in files)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `bag_10` after `bag_9`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(part), "") if part.isdecimal() and len(part) < 20 else (-1, part) for part in parts]
