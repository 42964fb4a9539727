"""Episodes in dataset folders, made from videos without a service: the bags and the manifest are real."""

from __future__ import annotations

from concurrent.futures import Future
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.video.frame import PictureType

from odyssey_ros.dataset.bag_entry import bag_entry
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import prompt_entry, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.dataset.manifest import ManifestEntry

START_NS = 1_700_000_000_000_000_000
"""Start of all streams."""


def add_episode(
    folder: Path,
    name: str,
    video: Path,
    prompts: Sequence[tuple[int, str]] = ((0, "a fox"),),
    *,
    images: str = "h264",
    losses: Mapping[str, int] | None = None,
) -> ManifestEntry:
    """Add an episode to a dataset folder, which is made if it does not exist.

    Args:
        folder: The dataset folder.
        name: Name of the episode.
        video: Its video.
        prompts: Pairs of the number of the first frame and the prompt.
        images: Encoding of the pictures.
        losses: Losses for the manifest.
    """
    events = tuple(
        Event(EventKind.PROMPTED if first else EventKind.STARTED, 0, prompt, frame_index=first)
        for first, prompt in prompts
    )
    episode = Episode(f"stream-{name}", video, EventLog(events), START_NS)
    layout = BagLayout(ImageEncoding(images))
    bag = folder / "episodes" / name
    bag.parent.mkdir(parents=True, exist_ok=True)
    summary = write_bag(bag, name, episode, layout)
    entry = bag_entry(
        summary,
        bag,
        f"episodes/{name}",
        episode=name,
        images=images,
        stream_id=episode.stream_id,
        prompts=tuple(prompt_entry(0, prompt, first) for first, prompt in prompts),
        video={"frame_count": summary.frames},
        events=None,
        provenance={},
        losses=dict(losses or {}),
    )
    manifest = folder / "manifest.jsonl"
    entries = read_manifest(manifest) if manifest.exists() else []
    write_manifest(manifest, [*entries, entry])
    return entry


def video_without(source: Path, path: Path, left_out: Collection[int], fps: int = 20) -> Path:
    """Write the pictures of a video without some of them; the others keep their times."""
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=fps, options={"g": "5", "bf": "0", "preset": "ultrafast"})
        stream.width, stream.height = given.streams.video[0].width, given.streams.video[0].height
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(given.decode(video=0)):
            if number not in left_out:
                frame.pts, frame.time_base = number, Fraction(1, fps)
                frame.pict_type = PictureType.NONE
                made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return path


class TasksHere:
    """An engine that runs each task at once, in this thread.

    Args:
        interrupted_after: The number of tasks after which Ctrl-C is pressed; None for never.
    """

    width = 1

    def __init__(self, interrupted_after: int | None = None) -> None:
        self.started: list[Any] = []
        self._interrupted_after = interrupted_after

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        """Run a task."""
        if len(self.started) == self._interrupted_after:
            raise KeyboardInterrupt
        self.started.append(argument)
        future: Future[Any] = Future()
        try:
            future.set_result(function(argument))
        except Exception as error:  # noqa: BLE001 -- as an engine does
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing."""


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files below a folder, by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
