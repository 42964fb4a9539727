"""Exports the clips of one episode into the staging folder; runs in any process."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.episode_failures import containing
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.exports.clips_cuts import Cut, LeftOut, cuts_of
from odyssey_ros.dataset.exports.clips_names import clip_name, clip_stem
from odyssey_ros.dataset.exports.clips_record import ClipRow, EpisodeRecord, OmissionNote, read_record
from odyssey_ros.dataset.exports.clips_video import (
    H264,
    labels_and_key_frames,
    write_copies,
    write_encoded,
)
from odyssey_ros.dataset.exports.export_folder import staged_folder

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.dataset.exports.clips_cuts import CutRules
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

DEFAULT_GOP: Final = 10
"""Distance between two key frames of clips that must be encoded, without `--gop`."""

RECORD_FILE: Final = "episode.json"
"""The record, among the files of an episode in the staging folder."""


@dataclass(frozen=True, slots=True)
class ClipsTask:
    """The work on one episode. It can be sent to other processes.

    Attributes:
        episode: The episode.
        staging: The staging folder.
        dataset: Folder of the dataset that receives the clips, relative to the output folder.
        rules: Where clips begin and end.
        gop: Distance between two key frames in frames: all clips are encoded. With None, clips that begin
            with a key frame of H.264 are copied.
        flagged: First and last positions of frames that no clip may have.
    """

    episode: StoredEpisode
    staging: Path
    dataset: str
    rules: CutRules
    gop: int | None
    flagged: tuple[tuple[int, int], ...] = ()

    @property
    def staged(self) -> Path:
        """The folder that the files of the episode are in when the task has ended."""
        return self.staging / clip_stem(self.episode.name)


def export_clips(task: ClipsTask) -> EpisodeRecord:
    """Write the clips of an episode, their prompts and the record. Idempotent; blocks.

    Raises:
        EpisodeError: The episode cannot be exported.
    """
    with containing(task.episode.name):
        try:
            with staged_folder(task.staged) as folder:
                record = _export(task, folder)
                (folder / RECORD_FILE).write_bytes(record.to_bytes())
            # Another run of the same task may have ended before.
            return read_record(task.staged / RECORD_FILE)
        except OSError as error:
            raise disk_error(error, "the clips") from error


def mcap_crc32(episode: StoredEpisode) -> str:
    """Return the CRC-32 of the MCAP file of an episode, as the manifest has it; empty if it has none."""
    return next((file.crc32 for file in episode.entry.files if file.path.endswith(".mcap")), "")


def _export(task: ClipsTask, folder: Path) -> EpisodeRecord:
    episode = task.episode
    if len(episode.sizes) > 1:
        sizes = ", ".join(f"{width}x{height}" for width, height in episode.sizes)
        raise EpisodeError(ErrorCode.NOT_EXPORTABLE, f"its pictures have several sizes: {sizes}")
    frames = list(labels_and_key_frames(episode))
    found = list(cuts_of([labels for labels, _ in frames], task.rules, task.flagged))
    stem = clip_stem(episode.name)
    cuts = {
        folder / f"{clip_name(stem, each.number, each.part)}.mp4": each
        for each in found
        if isinstance(each, Cut)
    }
    copies = {
        path: cut
        for path, cut in cuts.items()
        if task.gop is None
        and task.rules.resample is None
        and episode.entry.images == H264
        and frames[cut.first][1]
    }
    rows = tuple(_row(path.name, cut, episode, is_copy=path in copies) for path, cut in cuts.items())
    if copies:
        write_copies(episode, copies)
    others = {path: cut for path, cut in cuts.items() if path not in copies}
    if others:
        write_encoded(episode, others, task.gop or DEFAULT_GOP)
    for row in rows:
        (folder / row.caption_name).write_bytes(row.text.encode())
    return EpisodeRecord(
        episode=episode.name,
        crc32=mcap_crc32(episode),
        dataset=task.dataset,
        clips=rows,
        left_out=tuple(_note(each) for each in found if isinstance(each, LeftOut)),
    )


def _row(file_name: str, cut: Cut, episode: StoredEpisode, *, is_copy: bool) -> ClipRow:
    return ClipRow(
        file_name=file_name,
        text=cut.prompt,
        episode=episode.name,
        stream_id=episode.entry.stream_id,
        prompt_number=cut.number,
        first_frame=cut.first,
        last_frame=cut.last,
        frames=len(cut.shown),
        fps=cut.rate,
        width=episode.entry.width,
        height=episode.entry.height,
        stamp_ns=cut.stamp_ns,
        copied=is_copy,
        repeated_frames=sum(before == after for before, after in pairwise(cut.shown)),
        dropped_frames=cut.last - cut.first + 1 - len(set(cut.shown)),
    )


def _note(left_out: LeftOut) -> OmissionNote:
    return OmissionNote(left_out.number, left_out.first, left_out.last, str(left_out.reason), left_out.text)
