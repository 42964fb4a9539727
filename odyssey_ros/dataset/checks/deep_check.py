"""The deep check of one episode: its entry in the manifest, its bag, and the kept files of the service."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.regular_file import RegularFileError, open_regular_file, read_regular_file
from odyssey_ros.dataset.checks.bag_metadata import bag_topics, check_metadata
from odyssey_ros.dataset.checks.entry_check import is_usable, prompts_of
from odyssey_ros.dataset.checks.findings import Findings, quoted
from odyssey_ros.dataset.checks.frame_check import FrameCheck
from odyssey_ros.dataset.checks.mcap_check import McapCheck
from odyssey_ros.dataset.checks.prompt_check import PromptCheck, check_script
from odyssey_ros.dataset.checks.source_check import SourceCheck, check_digests, kept_files, logged_prompts
from odyssey_ros.dataset.iso_time import since_epoch_ns
from odyssey_ros.dataset.losses import Loss, described
from odyssey_ros.dataset.manifest import ManifestEntry, ManifestError, check_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.checks.frame_check import BagTopics, WholeFrame
    from odyssey_ros.dataset.checks.mcap_check import BagMessage
    from odyssey_ros.dataset.checks.mcap_summary import BagContents
    from odyssey_ros.dataset.checks.prompt_check import Prompt
    from odyssey_ros.dataset.checks.source_check import KeptFiles
    from odyssey_ros.dataset.manifest import FileEntry

_MAX_ENTRY_BYTES: Final = 64 * 1024 * 1024
_MAX_SETTINGS_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BagSettings:
    """What `dataset.json` says about all bags; None for what it does not say.

    Attributes:
        images: Encoding of the pictures.
        namespace: Namespace of the topics.
        frame_id: Frame of reference of all headers.
        jpeg_quality: Quality of JPEG pictures.
    """

    images: str | None = None
    namespace: str | None = None
    frame_id: str | None = None
    jpeg_quality: int | None = None


def read_settings(folder: Path) -> BagSettings:
    """Read the settings of a dataset. A folder of merged bags may have none. Blocks.

    Raises:
        ManifestError: `dataset.json` cannot be read.
    """
    path = folder / "dataset.json"
    try:
        data = json.loads(read_regular_file(path, _MAX_SETTINGS_BYTES))
    except RegularFileError as error:
        if error.missing:
            return BagSettings()
        raise ManifestError(f"{path}: cannot be read: {error.reason}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: not valid JSON") from error
    if not isinstance(data, Mapping):
        raise ManifestError(f"{path}: not a JSON object")
    texts = {name: data.get(name) for name in ("images", "namespace", "frame_id")}
    quality = data.get("jpeg_quality")
    return BagSettings(
        **{name: text for name, text in texts.items() if isinstance(text, str)},
        jpeg_quality=quality if isinstance(quality, int) and 1 <= quality <= 100 else None,
    )


def check_episode(
    folder: Path,
    entry: ManifestEntry,
    settings: BagSettings,
    *,
    raise_if_stopped: Callable[[], None] = lambda: None,
    on_frame: Callable[[int], None] = lambda _: None,
) -> Findings:
    """Check an episode. Blocks for as long as its pictures take to decode.

    Args:
        folder: The dataset's folder.
        entry: The entry of the manifest.
        settings: The settings of the dataset.
        raise_if_stopped: Called often. An exception that it raises ends the check.
        on_frame: Called with the number of frames checked so far.
    """
    findings = Findings(str(entry.episode))
    if not is_usable(entry, findings):
        return findings
    _EpisodeCheck(folder, entry, settings, findings, raise_if_stopped, on_frame).run()
    return findings


class _EpisodeCheck:
    def __init__(
        self,
        folder: Path,
        entry: ManifestEntry,
        settings: BagSettings,
        findings: Findings,
        raise_if_stopped: Callable[[], None],
        on_frame: Callable[[int], None],
    ) -> None:
        self._folder = folder
        self._entry = entry
        self._settings = settings
        self._findings = findings
        self._raise_if_stopped = raise_if_stopped
        self._on_frame = on_frame
        self._prompts: list[Prompt] = prompts_of(entry)
        self._kept: KeptFiles | None = None
        self._source: SourceCheck | None = None
        self._frames: FrameCheck | None = None
        self._prompt_check: PromptCheck | None = None

    def run(self) -> None:
        entry, findings = self._entry, self._findings
        self._check_own_entry()
        self._find_downloads()
        check_script(entry, self._prompts, findings)
        mcap = next(file for file in entry.files if file.path.endswith(".mcap"))
        others = tuple(file for file in entry.files if file is not mcap)
        for fault in check_files(self._folder, [replace(entry, files=others)]):
            findings.fault("the files of the manifest", fault)
        contents = self._read(mcap)
        if contents is not None and contents.complete:
            name = PurePosixPath(mcap.path).name
            check_metadata(self._folder / entry.bag / "metadata.yaml", name, contents, entry, findings)
            self._compare_times(contents)
        self._note_losses()

    def _read(self, mcap: FileEntry) -> BagContents | None:
        """Read the bag; return what it contains, or None if it cannot be opened."""
        try:
            with open_regular_file(self._folder / mcap.path) as file:
                size = os.fstat(file.fileno()).st_size
                check = McapCheck(file, size, self._findings, self._raise_if_stopped)
                self._messages(check)
        except (RegularFileError, OSError) as error:
            reason = error.reason if isinstance(error, RegularFileError) else error.strerror
            self._findings.fault("the files of the manifest", f"{mcap.path}: {reason}")
            return None
        contents = check.contents
        if contents.size != mcap.size:
            text = f"{mcap.path}: {contents.size} bytes instead of {mcap.size}"
            self._findings.fault("the files of the manifest", text)
        elif contents.crc32 != mcap.crc32:
            text = f"{mcap.path}: the checksum is {contents.crc32} instead of {quoted(mcap.crc32)}"
            self._findings.fault("the files of the manifest", text)
        return contents

    def _messages(self, check: McapCheck) -> None:
        begun = False
        for message in check.messages():
            if not begun:
                begun = True
                self._begin(check.contents)
            if self._frames is not None:
                self._message(self._frames, message)
        if not begun and check.contents.complete:
            self._begin(check.contents)
        if self._frames is not None:
            self._frames.finish()
            start_ns = None if self._prompt_check is None else self._prompt_check.start_ns
            if self._source is not None and check.contents.complete:
                self._source.finish(start_ns)
            self._compare_start(start_ns)

    def _begin(self, contents: BagContents) -> None:
        """Start the checks of the messages, if the topics are those of a bag."""
        entry, settings, findings = self._entry, self._settings, self._findings
        topics = bag_topics(contents, entry, findings)
        if topics is None:
            return
        self._compare_settings(topics)
        if self._kept is not None:
            self._source = SourceCheck(self._kept.video, entry, settings.jpeg_quality, topics.image, findings)
        self._prompt_check = PromptCheck(entry, self._prompts, findings, (topics.events, topics.frame_info))
        self._frames = FrameCheck(entry, topics, settings.frame_id, self._prompt_check, findings, self._frame)

    def _message(self, frames: FrameCheck, message: BagMessage) -> None:
        before = frames.frames
        frames.message(message)
        if frames.frames != before:
            self._raise_if_stopped()
            self._on_frame(frames.frames)

    def _frame(self, frame: WholeFrame) -> None:
        if self._source is not None:
            self._source.frame(frame)

    def _find_downloads(self) -> None:
        """Use the kept downloads if they are those from which the bag was made."""
        entry, findings = self._entry, self._findings
        files = kept_files(self._folder, entry)
        if files is None or not check_digests(files, entry, findings, self._raise_if_stopped):
            return
        self._kept = files
        if files.events is not None:
            logged = logged_prompts(files.events, self._prompts, findings)
            self._prompts = self._prompts if logged is None else logged

    def _check_own_entry(self) -> None:
        """Compare with the copy of the entry in the folder of the bag, which the next run uses."""
        path = self._folder / self._entry.bag / "episode.json"
        try:
            own = ManifestEntry.from_line(read_regular_file(path, _MAX_ENTRY_BYTES).decode("utf-8"))
        except RegularFileError as error:
            if error.missing:
                self._findings.note("the bag has no episode.json: the next run makes the episode again")
            else:
                self._findings.fault("episode.json", f"episode.json: it cannot be read: {error.reason}")
        except (ManifestError, UnicodeDecodeError):
            self._findings.fault("episode.json", "episode.json: it is not an entry of a manifest")
        else:
            for name in ManifestEntry.__slots__:
                found, said = getattr(own, name), getattr(self._entry, name)
                if found != said:
                    self._findings.fault(
                        "episode.json",
                        f"episode.json: {name} is {quoted(found)}, but the manifest has {quoted(said)}",
                    )

    def _compare_settings(self, topics: BagTopics) -> None:
        namespace = topics.frame_info.removesuffix("/frame_info")
        settings = self._settings
        said_namespace = None if settings.namespace is None else settings.namespace.rstrip("/")
        for name, found, said in (
            ("images", self._entry.images, settings.images),
            ("namespace", namespace, said_namespace),
        ):
            if said is not None and found != said:
                self._findings.fault(
                    "the settings", f"{name} is {quoted(found)}, but dataset.json has {quoted(said)}"
                )

    def _compare_times(self, contents: BagContents) -> None:
        start_ns = contents.start_ns or 0
        duration_ns = (contents.end_ns or 0) - start_ns
        for name, found, said in (
            ("start_time_ns", start_ns, self._entry.start_time_ns),
            ("duration_ns", duration_ns, self._entry.duration_ns),
        ):
            if found != said:
                self._findings.fault(
                    "the times of the manifest", f"{name} is {found} in the bag, but {said} in the manifest"
                )

    def _compare_start(self, start_ns: int | None) -> None:
        """Compare the start of the stream with that of its job."""
        job = self._entry.provenance.get("job")
        if start_ns is None or not isinstance(job, Mapping):
            return
        text = job.get("started_at") or job.get("created_at")
        said_ns = since_epoch_ns(text) if isinstance(text, str) else 0
        if start_ns != said_ns:
            self._findings.fault(
                "the start of the stream", f"the stream starts at {start_ns}, but its job at {said_ns}"
            )

    def _note_losses(self) -> None:
        losses = {name: count for name, count in self._entry.losses.items() if name != Loss.NOT_COUNTED.value}
        if losses:
            self._findings.note(f"recorded losses: {described(losses)}")
        announced = self._entry.video.get("frame_count")
        if announced not in (None, self._entry.frames) and Loss.FRAME_COUNT_DIFFERENCE.value not in losses:
            self._findings.note(f"{self._entry.frames} frames, but the service announced {quoted(announced)}")
