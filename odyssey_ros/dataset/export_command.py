"""The command `odyssey-dataset export`: episodes of a dataset folder in the formats that trainers load.

Each format is a command below `export`. The options that all formats have are added by `add_export_options`,
and `selected_episodes`, `export_places` and `common_settings` read them.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset import options
from odyssey_ros.dataset.engines.engine_options import add_engine_options, selected_engine
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.exports.clips_command import add_clips_format, run_clips
from odyssey_ros.dataset.exports.export_folder import ExportFolder
from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.exports.package_version import package_version
from odyssey_ros.dataset.exports.splits import Splits
from odyssey_ros.dataset.progress import BarProgress, LogProgress
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.requirements import MissingPackageError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from odyssey_ros.dataset.exports.export_folder import Setting
    from odyssey_ros.dataset.exports.lerobot_dataset import ExportOutcome
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

_EXIT_DONE: Final = 0
_EXIT_INCOMPLETE: Final = 1


def add_export_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its formats."""
    export = commands.add_parser("export", help="export a dataset folder in a format that trainers load")
    formats = export.add_subparsers(required=True, dest="format", metavar="FORMAT")
    lerobot = formats.add_parser("lerobot", help="LeRobotDataset v3.0: videos, tables, a task for each frame")
    add_export_options(lerobot)
    add_export_options(add_clips_format(formats))


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that all formats have."""
    parser.add_argument("folder", type=options.path, metavar="FOLDER", help="the dataset's folder")
    parser.add_argument(
        "-o",
        "--output",
        type=options.path,
        required=True,
        metavar="OUT",
        help="the folder of the export; one that an export with the same options made is continued",
    )
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--gop",
        type=options.positive,
        metavar="N",
        help="encode the video again, with a key frame in every N frames, for fast random access (default: "
        "the H.264 of the service is copied where that is possible)",
    )
    group.add_argument(
        "--resample",
        type=options.positive,
        metavar="FPS",
        help="give episodes with gaps this constant frame rate in Hz, by repeating the frame before a gap "
        "(default: what has gaps is not exported)",
    )
    group = parser.add_argument_group("episodes")
    group.add_argument(
        "--split",
        type=splits,
        metavar="NAME=SHARE,...",
        help="one dataset for each split, such as train=0.9,val=0.1; the name of an episode decides",
    )
    group.add_argument(
        "--split-by", choices=["size"], help="one dataset for each size of the pictures, such as 1280x704"
    )
    group.add_argument(
        "--exclude-flagged",
        action="store_true",
        help="leave out what `odyssey-dataset report` has found: frozen, black, torn or missing frames, ...",
    )
    add_engine_options(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="detailed log lines instead of bars")


def splits(text: str) -> Splits:
    """Parse splits; see `Splits.parse`."""
    try:
        return Splits.parse(text)
    except PlanError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run_export(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command and return its exit status.

    Raises:
        DatasetError: The command, the dataset's folder or the output folder cannot be used.
    """
    return _FORMATS[arguments.format](arguments, console)


def export_places(arguments: argparse.Namespace) -> ExportPlaces:
    """Return where the episodes go, from the options."""
    return ExportPlaces(arguments.split, by_size=arguments.split_by == "size")


def common_settings(arguments: argparse.Namespace) -> dict[str, Setting]:
    """Return what later runs into the same output folder must repeat, by the names of the options."""
    return {
        "gop": arguments.gop,
        "resample": arguments.resample,
        "split": arguments.split and str(arguments.split),
        "split-by": arguments.split_by,
        "exclude-flagged": arguments.exclude_flagged,
    }


def _lerobot(arguments: argparse.Namespace, console: Console) -> int:
    try:
        require("lerobot")
    except MissingPackageError as error:
        raise PlanError(str(error)) from error
    from odyssey_ros.dataset.exports.lerobot_dataset import LeRobotExport  # noqa: PLC0415 -- needs pyarrow

    # Tasks may run on other machines, where the current folder is another one.
    episodes = stored_episodes(arguments.folder.absolute())
    left_out: list[StoredEpisode] | None = None
    if arguments.exclude_flagged:
        flagged = _flagged(arguments, episodes)
        left_out = [episode for episode in episodes if episode.name in flagged]
        episodes = [episode for episode in episodes if episode.name not in flagged]
    with ExitStack() as stack:
        export = stack.enter_context(
            ExportFolder(arguments.output.absolute(), "lerobot", common_settings(arguments))
        )
        progress: ProgressDisplay = LogProgress()
        if console.is_terminal and not arguments.verbose:
            progress = stack.enter_context(BarProgress(console))
        engine = stack.enter_context(selected_engine(arguments))
        outcome = LeRobotExport(
            export,
            export_places(arguments),
            gop=arguments.gop,
            resample=arguments.resample,
            version=package_version(),
            progress=progress,
        ).run(engine, episodes, left_out)
    return _conclude(outcome, arguments, len(left_out or ()))


def _conclude(outcome: ExportOutcome, arguments: argparse.Namespace, left_out: int) -> int:
    for place, (episodes, frames) in sorted(outcome.datasets.items()):
        if episodes:
            _write_line(f"{episodes} episodes with {frames} frames in {arguments.output / place}")
    counts = {"added": outcome.added, "exported before": outcome.present, "failed": len(outcome.failures)}
    parts = [f"{count} {what}" for what, count in counts.items()]
    if left_out:
        parts.append(f"{left_out} left out because of findings")
    if outcome.repeated_frames:
        parts.append(f"gaps filled with {outcome.repeated_frames} frames")
    _write_line(", ".join(parts))
    return _EXIT_INCOMPLETE if outcome.failures else _EXIT_DONE


def _flagged(arguments: argparse.Namespace, episodes: list[StoredEpisode]) -> set[str]:
    """Return the names of the episodes with findings."""
    from odyssey_ros.dataset.report.flagged_frames import read_flagged  # noqa: PLC0415 -- rarely needed

    flagged = read_flagged(arguments.folder, episodes)
    return {name for name, frames in flagged.items() if frames}


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _clips(arguments: argparse.Namespace, console: Console) -> int:
    # The processes of a cluster have other working directories.
    episodes = stored_episodes(arguments.folder.absolute())
    flagged: dict[str, list[tuple[int, int]]] = {}
    if arguments.exclude_flagged:
        from odyssey_ros.dataset.report.flagged_frames import read_flagged  # noqa: PLC0415 -- rarely needed

        found = read_flagged(arguments.folder, episodes)
        flagged = {name: [(each.first, each.last) for each in frames] for name, frames in found.items()}
    return run_clips(
        arguments, console, episodes, export_places(arguments), common_settings(arguments), flagged
    )


_FORMATS: Final[Mapping[str, Callable[[argparse.Namespace, Console], int]]] = {
    "lerobot": _lerobot,
    "clips": _clips,
}
