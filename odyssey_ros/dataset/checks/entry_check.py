"""Checks an entry of the manifest by itself: types, paths, and what must be unique in a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.prompt_check import Prompt
from odyssey_ros.dataset.reading.message_reader import IMAGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.manifest import ManifestEntry


def is_usable(entry: ManifestEntry, findings: Findings) -> bool:
    """Report fields with values of a wrong kind; return whether the bag can be compared with the entry."""
    problems = list(_problems(entry))
    for problem in problems:
        findings.fault("valid entries of the manifest", f"manifest: {problem}")
    return not problems


def prompts_of(entry: ManifestEntry) -> list[Prompt]:
    """Return the prompts of a usable entry."""
    return [_prompt(prompt) for prompt in entry.prompts]


def sizes_of(entry: ManifestEntry) -> Counter[tuple[int, int]]:
    """Return the number of frames of each size. All have the same in entries of earlier versions."""
    if not entry.sizes:
        return Counter({(entry.width, entry.height): entry.frames})
    return Counter({(size["width"], size["height"]): size["frames"] for size in entry.sizes})


def repeated_values(entries: Iterable[ManifestEntry]) -> Iterator[str]:
    """Yield a text for each folder or file that several entries of a manifest have."""
    counts: Counter[str] = Counter()
    for entry in entries:
        counts.update({str(entry.bag), *(str(file.path) for file in entry.files)})
    for name, count in sorted(counts.items()):
        if count > 1:
            yield f"{count} episodes have {quoted(name)}"


def is_inside(path: object, folder: str = "") -> bool:
    """Return whether a text is a relative path below a relative folder."""
    if not isinstance(path, str) or "\0" in path:
        return False
    parts = PurePosixPath(path)
    return (
        bool(parts.parts)
        and not parts.is_absolute()
        and ".." not in parts.parts
        and (not folder or PurePosixPath(folder) in parts.parents)
    )


def _problems(entry: ManifestEntry) -> Iterator[str]:
    for name in ("frames", "width", "height", "start_time_ns", "duration_ns"):
        value = getattr(entry, name)
        if not _is_count(value):
            yield f"{name} is {quoted(value)}, not a number of 0 or more"
    for name in ("episode", "stream_id"):
        if not isinstance(getattr(entry, name), str):
            yield f"{name} is {quoted(getattr(entry, name))}, not a text"
    if entry.images not in list(IMAGE_TYPES):  # a list: the value may not be hashable
        yield f"images is {quoted(entry.images)}, not raw, jpeg or h264"
    for name in ("video", "events", "provenance", "losses"):
        value = getattr(entry, name)
        if not isinstance(value, Mapping) and not (name == "events" and value is None):
            yield f"{name} is {quoted(value)}, not an object"
    if isinstance(entry.losses, Mapping) and not all(map(_is_count, entry.losses.values())):
        yield f"losses is {quoted(entry.losses)}, not an object of numbers"
    yield from _size_problems(entry)
    yield from _path_problems(entry)
    last_ns = 0
    for number, prompt in enumerate(entry.prompts):
        try:
            time_ns = _prompt(prompt).time_ns
        except (TypeError, KeyError):
            yield f"prompt {number} is {quoted(prompt)}, not a time and a text"
            return
        if time_ns < last_ns:
            yield f"prompt {number} has the time {time_ns} ns, before {last_ns} ns"
        last_ns = time_ns


def _size_problems(entry: ManifestEntry) -> Iterator[str]:
    if not entry.sizes:
        return
    try:
        sizes = sizes_of(entry)
        numbers = [number for size, count in sizes.items() for number in (*size, count)]
    except (TypeError, KeyError):
        yield f"sizes is {quoted(entry.sizes)}, not a list of sizes"
        return
    if not all(map(_is_count, numbers)):
        yield f"sizes is {quoted(entry.sizes)}, not a list of sizes"
    elif sum(sizes.values()) != entry.frames:
        yield f"sizes has {sum(sizes.values())} frames, but there are {entry.frames}"


def _path_problems(entry: ManifestEntry) -> Iterator[str]:
    if not is_inside(entry.bag):
        yield f"bag is {quoted(entry.bag)}, not a folder in the dataset"
        return
    for file in entry.files:
        if not is_inside(file.path, entry.bag):
            yield f"the file {quoted(file.path)} is not in the folder of the bag"
        if not _is_count(file.size) or not isinstance(file.crc32, str):
            yield f"the file {quoted(file.path)} has no size and checksum"
    bags = [file.path for file in entry.files if str(file.path).endswith(".mcap")]
    if len(bags) != 1:
        yield f"{len(bags)} MCAP files instead of 1"


def _prompt(prompt: Any) -> Prompt:
    time_ns, text, number = prompt["time_ns"], prompt["prompt"], prompt.get("frame_index")
    if not _is_count(time_ns) or not isinstance(text, str) or not (number is None or _is_count(number)):
        raise TypeError
    return Prompt(time_ns, text, number)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
