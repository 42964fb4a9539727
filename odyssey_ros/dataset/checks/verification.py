"""The deep check of a dataset: several episodes at once, with their findings in the order of the manifest."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.checks.deep_check import check_episode, read_settings
from odyssey_ros.dataset.checks.entry_check import repeated_values
from odyssey_ros.dataset.checks.findings import Findings, quoted
from odyssey_ros.dataset.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import ProgressDisplay

_FRAMES_PER_REPORT: Final = 20
_QUEUED_FOR_EACH_DECODER: Final = 8


class Verification:
    """Checks all episodes of a dataset. Use it for a single `run`.

    Args:
        folder: The dataset's folder.
        entries: The entries of its manifests.
        decoders: Number of episodes that are checked at the same time, one thread each.
        progress: Receives the progress; None for no display.
    """

    def __init__(
        self, folder: Path, entries: Sequence[ManifestEntry], decoders: int, progress: ProgressDisplay | None
    ) -> None:
        self._folder = folder
        self._entries = entries
        self._decoders = decoders
        self._progress = progress
        self._stopped = threading.Event()

    def run(self) -> Generator[tuple[ManifestEntry | None, Findings], None, None]:
        """Yield the findings of the dataset as a whole, without an entry, and then those of each episode.

        Blocks. An early end, also by an exception such as `KeyboardInterrupt`, stops all threads at their
        next frame.

        Raises:
            ManifestError: `dataset.json` cannot be read.
        """
        settings = read_settings(self._folder)
        yield None, self._whole()
        pool = ThreadPoolExecutor(self._decoders, thread_name_prefix="odyssey-verify")
        waiting: deque[tuple[ManifestEntry, Future[Findings]]] = deque()
        entries = iter(self._entries)

        def submit() -> None:
            for entry in entries:
                waiting.append((entry, pool.submit(check_one, entry)))
                return

        def check_one(entry: ManifestEntry) -> Findings:
            name = clean_text(str(entry.episode))

            def on_frame(frames: int) -> None:
                if self._progress is not None and frames % _FRAMES_PER_REPORT == 1:
                    self._progress.phase(name, "checking", frames, entry.frames, "frames")

            return check_episode(
                self._folder, entry, settings, raise_if_stopped=self._raise_if_stopped, on_frame=on_frame
            )

        try:
            for _ in range(self._decoders * _QUEUED_FOR_EACH_DECODER):
                submit()
            while waiting:
                entry, future = waiting.popleft()
                yield entry, future.result()
                submit()
        finally:
            self._stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    def _whole(self) -> Findings:
        """Report what occurs several times, and what no manifest names."""
        findings = Findings("dataset")
        for text in repeated_values(self._entries):
            findings.fault("entries of their own", f"manifest: {text}")
        bags = {str(entry.bag) for entry in self._entries}
        for path in sorted(self._folder.glob("episodes/*")):
            name = path.relative_to(self._folder).as_posix()
            if path.name.startswith(".") and path.name.endswith(".partial"):
                findings.note(f"{quoted(name)} was left by a run that was ended: the next run removes it")
            elif name not in bags:
                findings.note(
                    f"{quoted(name)} is in no manifest: run the command that makes it, or remove it"
                )
        named = {str(file.path) for entry in self._entries for file in entry.files}
        for path in sorted(self._folder.glob("episodes/[!.]*/*")):
            name = path.relative_to(self._folder).as_posix()
            in_bag = path.parent.relative_to(self._folder).as_posix() in bags
            if in_bag and name not in named and path.name != "episode.json":
                findings.note(f"{quoted(name)} is not a file of its bag")
        return findings


class _StoppedError(DatasetError):
    """The check ends, so the result is no longer needed."""
