"""The manifest lists the episodes of a dataset: one JSON object per line, in the order of their names.

A line depends only on the recording and the settings. Therefore the merged manifests of several machines
equal the manifest that one machine would have written.
"""

from __future__ import annotations

import errno
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.regular_file import RegularFileError, open_regular_file, read_regular_file
from odyssey_ros.dataset.durable import replace_file
from odyssey_ros.dataset.errors import DatasetError
from odyssey_ros.dataset.json_lines import split_lines
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MAX_MANIFEST_BYTES: Final = 1024 * 1024 * 1024
"""Maximum size of a manifest; an entry has about a kilobyte."""

_BLOCK: Final = 1 << 20


class ManifestError(DatasetError):
    """A manifest cannot be read, or contradicts another."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a bag.

    Attributes:
        path: Path relative to the dataset's folder.
        size: Size in bytes.
        crc32: CRC-32, eight hexadecimal digits.
    """

    path: str
    size: int
    crc32: str


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One episode.

    Attributes:
        episode: Name of the episode.
        bag: Folder of the bag, relative to the dataset's folder.
        files: The files of the bag.
        stream_id: Id of the recording.
        images: Encoding of the pictures: raw, jpeg or h264.
        frames: Number of pictures.
        width: Width of the first picture in pixels.
        height: Height of the first picture in pixels.
        start_time_ns: Stamp of the first message, in nanoseconds since the epoch.
        duration_ns: Time from the first message to the last.
        prompts: The prompts: `time_ns` since the stream's start, `prompt` as applied, and `frame_index`, the
            first frame with the prompt, if the events log gives it.
        video: `size`, `sha256` and `frame_count` of the service's video file.
        events: `size`, `sha256` (both of the decompressed text) and `ignored` entries of the service's events
            log; None without a log.
        provenance: Origin of the episode: its script, variables and job, where they exist.
        losses: What was ignored, repaired or guessed: counts by the values of `Loss`, without zeros, in the
            order of their names.
        sizes: The sizes of the pictures: `width`, `height` and the number of `frames` of each size, in the
            order of their first pictures. Empty in entries of earlier versions.
    """

    episode: str
    bag: str
    files: tuple[FileEntry, ...]
    stream_id: str
    images: str
    frames: int
    width: int
    height: int
    start_time_ns: int
    duration_ns: int
    prompts: tuple[Mapping[str, Any], ...]
    video: Mapping[str, Any]
    events: Mapping[str, Any] | None
    provenance: Mapping[str, Any]
    losses: Mapping[str, int] = field(default_factory=dict)
    sizes: tuple[Mapping[str, int], ...] = ()

    def to_line(self) -> str:
        """Return the entry as JSON, with a newline."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ManifestEntry:
        """Parse a line that `to_line` returned.

        Raises:
            ManifestError: The line is not an entry.
        """
        try:
            data = json.loads(line)
            if "making" in data:  # the name of `provenance` in manifests of the first version
                data["provenance"] = data.pop("making")
            if "losses" not in data:
                data["losses"] = {Loss.NOT_COUNTED.value: 1}
            files = tuple(FileEntry(**file) for file in data.pop("files"))
            prompts, sizes = tuple(data.pop("prompts")), tuple(data.pop("sizes", ()))
            entry = cls(files=files, prompts=prompts, sizes=sizes, **data)
            entry._check_types()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ManifestError(f"not an entry of a manifest: {line[:80]!r}") from error
        return entry

    def _check_types(self) -> None:
        texts = [self.episode, self.bag, self.stream_id, self.images]
        numbers = [self.frames, self.width, self.height, self.start_time_ns, self.duration_ns]
        for file in self.files:
            texts += (file.path, file.crc32)
            numbers.append(file.size)
        if not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise TypeError("a text is not a string")
        if not all(isinstance(number, int) for number in numbers):
            raise TypeError("a number is not an integer")
        mappings = (self.video, self.provenance, self.losses, *self.prompts, *self.sizes)
        if not all(isinstance(fields, dict) for fields in mappings):
            raise TypeError("a mapping is not an object")
        counts = [*self.losses.values()]
        for size in self.sizes:
            counts += (size["width"], size["height"], size["frames"])
        if not all(type(count) is int and count >= 0 for count in counts):
            raise TypeError("a count is not a number of 0 or more")


def prompt_entry(time_ns: int, prompt: str, frame_index: int | None = None) -> dict[str, Any]:
    """Return a prompt as an entry has it.

    Args:
        time_ns: Time since the start of the stream, in nanoseconds.
        prompt: The prompt, as applied.
        frame_index: The first frame that shows it, if the events log gives its number. Then the prompt begins
            at this frame, whatever the time.
    """
    return {
        "time_ns": time_ns,
        "prompt": prompt,
        **({} if frame_index is None else {"frame_index": frame_index}),
    }


def manifest_paths(folder: Path) -> list[Path]:
    """Return the manifests of all shards in a dataset's folder, in order; none if there is no such folder.

    Raises:
        ManifestError: The folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.match("manifest*.jsonl"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ManifestError(f"{folder} cannot be read: {error.strerror}") from error


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Read a manifest.

    Raises:
        ManifestError: The manifest cannot be read; the text names the line.
    """
    entries, faults = readable_entries(path)
    if faults:
        raise ManifestError(faults[0])
    return entries


def readable_entries(path: Path) -> tuple[list[ManifestEntry], list[str]]:
    """Return the entries of a manifest, and a sentence for each line that is not an entry.

    Raises:
        ManifestError: The file cannot be read.
    """
    try:
        text = read_regular_file(path, MAX_MANIFEST_BYTES).decode("utf-8")
    except (RegularFileError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read: {error}") from error
    entries: list[ManifestEntry] = []
    faults: list[str] = []
    for number, line in enumerate(split_lines(text), start=1):
        try:
            entries.append(ManifestEntry.from_line(line))
        except ManifestError as error:  # noqa: PERF203 - the sentence names the line
            faults.append(f"{path}, line {number}: {error}")
    return entries, faults


def repeated_streams(entries: Iterable[ManifestEntry]) -> Iterator[str]:
    """Yield a sentence for each stream that is the simulation of two episodes.

    Two machines may have claimed one job for equal scripts, after uncertain submissions.
    """
    first: dict[str, str] = {}
    for entry in entries:
        if "script" in entry.provenance:
            other = first.setdefault(entry.stream_id, entry.episode)
            if other != entry.episode:
                yield f"{entry.episode}: the same recording as {other}"


def write_manifest(path: Path, entries: Iterable[ManifestEntry]) -> None:
    """Write a manifest; an existing one is replaced atomically.

    Raises:
        OSError: The disk failed.
    """
    ordered = sorted(entries, key=lambda entry: entry.episode)
    replace_file(path, encoded("".join(entry.to_line() for entry in ordered)))


def encoded(json_text: str) -> bytes:
    """Return JSON text as UTF-8. A lone surrogate, as from a file name that is not UTF-8, is escaped."""
    return json_text.encode("utf-8", "backslashreplace")


def merged(manifests: Iterable[Iterable[ManifestEntry]]) -> list[ManifestEntry]:
    """Merge the manifests of several machines.

    Raises:
        ManifestError: Two manifests have different entries for one episode.
    """
    found: dict[str, ManifestEntry] = {}
    for entries in manifests:
        for entry in entries:
            if found.setdefault(entry.episode, entry) != entry:
                raise ManifestError(f"the manifests contradict each other about {entry.episode}")
    return sorted(found.values(), key=lambda entry: entry.episode)


def check_files(folder: Path, entries: Iterable[ManifestEntry]) -> Iterator[str]:
    """Compare the files of a dataset with its manifest; yield a sentence for each difference."""
    for entry in entries:
        for file in entry.files:
            path = folder / file.path
            try:
                size = path.stat().st_size
                if size != file.size:
                    yield f"{file.path}: {size} bytes instead of {file.size}"
                elif crc32_of(path) != file.crc32:
                    yield f"{file.path}: the checksum is wrong"
            except OSError as error:
                yield f"{file.path}: {error.strerror}"


def crc32_of(path: Path) -> str:
    """Return the CRC-32 of a file as eight hexadecimal digits. Blocks.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    crc = 0
    try:
        with open_regular_file(path) as file:
            while block := file.read(_BLOCK):
                crc = zlib.crc32(block, crc)
    except RegularFileError as error:
        raise OSError(errno.EINVAL, error.reason) from error
    return f"{crc:08x}"
