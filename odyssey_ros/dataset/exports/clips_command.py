"""The command `odyssey-dataset export clips`: a video for each prompt, for VideoFolder and Cosmos-Predict."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.engines.engine_options import selected_engine
from odyssey_ros.dataset.engines.task_engine import finished_tasks
from odyssey_ros.dataset.errors import DatasetError, EpisodeError, PlanError
from odyssey_ros.dataset.exports.clips_cuts import CutRules, Omission
from odyssey_ros.dataset.exports.clips_folder import ClipsFolder
from odyssey_ros.dataset.exports.clips_names import clip_stem
from odyssey_ros.dataset.exports.clips_task import DEFAULT_GOP, ClipsTask, export_clips, mcap_crc32
from odyssey_ros.dataset.progress import BarProgress, LogProgress
from odyssey_ros.number_text import decimal_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from odyssey_ros.dataset.exports.clips_record import EpisodeRecord
    from odyssey_ros.dataset.exports.export_folder import Setting
    from odyssey_ros.dataset.exports.export_places import ExportPlaces
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

_MAX_SECONDS: Final = 86_400
_REASONS: Final[Mapping[Omission, str]] = {
    Omission.NO_PROMPT: "without a prompt",
    Omission.TOO_SHORT: "shorter than --min-seconds",
    Omission.FLAGGED: "with frames that the report flags",
    Omission.MISSING_FRAMES: "with missing frames (to fill them: --resample FPS, another output folder)",
}


def add_clips_format(formats: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Add the format `clips` to the command `export`; return its parser, for the options of all formats."""
    parser: argparse.ArgumentParser = formats.add_parser(
        "clips",
        help="one MP4 file for each prompt, for Hugging Face VideoFolder and Cosmos-Predict",
        description="Write one MP4 file for each prompt of each episode, cut at its first and last frame, "
        "with videos/metadata.jsonl (Hugging Face VideoFolder) and metas/*.txt (Cosmos-Predict). Without "
        f"--gop, clips that do not begin with a key frame of H.264 are encoded, with one every {DEFAULT_GOP} "
        "frames. Without --resample, each clip has the frame rate of its episode, and clips with missing "
        "frames are left out. To continue a killed command, or to add episodes, run it again.",
    )
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--min-seconds",
        type=_seconds,
        default=Fraction(0),
        metavar="S",
        help="leave out shorter clips (default: 0, keep all)",
    )
    group.add_argument(
        "--max-seconds",
        type=_seconds,
        metavar="S",
        help="cut longer clips into parts of equal length (default: no limit)",
    )
    return parser


def run_clips(
    arguments: argparse.Namespace,
    console: Console,
    episodes: Sequence[StoredEpisode],
    places: ExportPlaces,
    settings: Mapping[str, Setting],
    flagged: Mapping[str, Sequence[tuple[int, int]]],
) -> int:
    """Run the command and return its exit status.

    0: the clips of all episodes exist. 1: an episode failed, or clips with missing frames were left out.

    Args:
        arguments: The options of this format and of all formats.
        console: The terminal.
        episodes: The episodes.
        places: Where the episodes go.
        settings: The options of all formats that later runs must repeat.
        flagged: First and last positions of frames that no clip may have, by the names of the episodes.

    Raises:
        PlanError: An option or the dataset's folder cannot be used.
        StateError: The output folder cannot be used.
    """
    rules = CutRules(arguments.min_seconds, arguments.max_seconds, arguments.resample)
    if rules.max_seconds is not None and not 0 < rules.max_seconds >= rules.min_seconds:
        raise PlanError("--max-seconds must be more than 0, and not less than --min-seconds")
    places.check(episodes)  # before the folder has settings
    with ExitStack() as stack:
        output = stack.enter_context(ClipsFolder(arguments.output, {**settings, **_settings(rules)}))
        stack.callback(output.write_tables)  # also when the run is interrupted
        failures = dict(_unusable(episodes, output, by_size=places.by_size))
        tasks = [
            ClipsTask(
                episode,
                output.staging.absolute(),
                _folder_text(places, episode),
                rules,
                arguments.gop,
                tuple(flagged.get(episode.name, ())),
            )
            for episode in episodes
            if episode.name not in output.records and episode.name not in failures
        ]
        progress: ProgressDisplay = LogProgress()
        if console.is_terminal and not arguments.verbose:
            progress = stack.enter_context(BarProgress(console))
        progress.start(len(episodes), sum(episode.name in output.records for episode in episodes))
        for name, error in failures.items():
            progress.failed(name, str(error))
        for name, count in _flagged_later(output.records, flagged):
            progress.note(name, f"{count} of its clips have flagged frames now: export to another folder")
        engine = stack.enter_context(selected_engine(arguments))
        for task, future in finished_tasks(engine, export_clips, tasks):
            try:
                record = future.result()
            except DatasetError as error:
                failures[task.episode.name] = error
                progress.failed(task.episode.name, str(error))
                continue
            output.commit(record)
            progress.finished(record.episode, f"{len(record.clips)} clips")
    _conclude(output, failures)
    incomplete = any(record.counts()[Omission.MISSING_FRAMES] for record in output.records.values())
    return 1 if failures or incomplete else 0


def _settings(rules: CutRules) -> dict[str, Setting]:
    longest = rules.max_seconds
    return {
        "min-seconds": f"{float(rules.min_seconds):.12g}",
        "max-seconds": None if longest is None else f"{float(longest):.12g}",
    }


def _folder_text(places: ExportPlaces, episode: StoredEpisode) -> str:
    text = places.place(episode).as_posix()
    return "" if text == "." else text


def _unusable(
    episodes: Sequence[StoredEpisode], output: ClipsFolder, *, by_size: bool
) -> Iterator[tuple[str, DatasetError]]:
    """Yield the episodes that do not fit what was exported before: other bags, names, sizes or files."""
    records = output.records
    stems = {clip_stem(name): name for name in records}
    sizes = {(clip.width, clip.height) for record in records.values() for clip in record.clips}
    for episode in episodes:
        record = records.get(episode.name)
        other = stems.setdefault(clip_stem(episode.name), episode.name)
        reason = ""
        if record is not None and record.crc32 != mcap_crc32(episode):
            reason = "its bag was made again after its clips were exported: export to another folder"
        elif record is not None and (missing := output.missing_file(record)) is not None:
            reason = f"it was exported before, but {missing} is missing now: export to another folder"
        elif other != episode.name:
            reason = f"its clips would have the file names of those of {other}"
        elif not by_size and sizes and episode.sizes[0] not in sizes:
            width, height = episode.sizes[0]
            reason = (
                f"its pictures have {width}x{height} pixels, but the clips in the folder have another size: "
                "export to another folder, or export all with --split-by size"
            )
        if reason:
            yield episode.name, EpisodeError(ErrorCode.NOT_EXPORTABLE, reason)


def _flagged_later(
    records: Mapping[str, EpisodeRecord], flagged: Mapping[str, Sequence[tuple[int, int]]]
) -> Iterator[tuple[str, int]]:
    """Yield the episodes whose clips were exported before the report flagged frames of them."""
    for name, record in records.items():
        count = sum(
            any(
                clip.first_frame <= last and first <= clip.last_frame for first, last in flagged.get(name, ())
            )
            for clip in record.clips
        )
        if count:
            yield name, count


def _conclude(output: ClipsFolder, failures: Mapping[str, DatasetError]) -> None:
    """Print what the folder has, and what it lacks."""
    counts: Counter[Omission] = Counter()
    clips = 0
    for _, record in sorted(output.records.items()):
        counts.update(record.counts())
        clips += len(record.clips)
        for note in record.left_out:
            if note.reason == Omission.MISSING_FRAMES:
                _write_line(
                    f"{record.episode}: prompt {note.prompt_number}, frames {note.first_frame} to "
                    f"{note.last_frame}: {note.text}"
                )
    _write_line(f"{clips} clips of {len(output.records)} episodes in {output.folder}, {len(failures)} failed")
    resampled = [clip for record in output.records.values() for clip in record.clips]
    repeated = sum(clip.repeated_frames for clip in resampled)
    dropped = sum(clip.dropped_frames for clip in resampled)
    if repeated or dropped:
        _write_line(f"resampled: {repeated} frames are repeated, {dropped} are dropped")
    for reason, text in _REASONS.items():
        if counts[reason]:
            _write_line(f"left out: {counts[reason]} {text}")


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _seconds(text: str) -> Fraction:
    """Parse a duration from 0 to a day, in seconds; `0.1` is exactly a tenth."""
    try:
        found = Fraction(str(decimal_number(text)))
    except ValueError:
        found = Fraction(-1)
    if not 0 <= found <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0 to 86400 is needed, not {text!r}")
    return found
