"""The command `odyssey-dataset bags`: recorded bags as episodes of a dataset."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset import options
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.durable import make_folder
from odyssey_ros.dataset.engines.engine_options import add_engine_options, selected_engine
from odyssey_ros.dataset.errors import PlanError, StateError
from odyssey_ros.dataset.losses import IncompleteDataError, summary
from odyssey_ros.dataset.progress import BarProgress, LogProgress
from odyssey_ros.dataset.shards import Shard

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.console import Console

    from odyssey_ros.dataset.progress import ProgressDisplay

_SCRATCH: Final = "unpacked-"


def add_bags_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command and its options."""
    command = commands.add_parser("bags", help="make episodes from bags that `ros2 bag record` recorded")
    command.add_argument(
        "paths",
        nargs="+",
        type=options.path,
        metavar="PATH",
        help="bag folder, bag file, or folder of bags; see docs/live_bags.md",
    )
    command.add_argument(
        "-o", "--output", type=options.path, required=True, metavar="FOLDER", help="the dataset's folder"
    )
    command.add_argument(
        "--bridge",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="read only the streams of this bridge, such as /odyssey; may be repeated (default: all)",
    )
    bags = command.add_argument_group("bags")
    bags.add_argument(
        "--images",
        type=ImageEncoding,
        choices=list(ImageEncoding),
        help="encoding of the pictures (default: that of the folder, or else as recorded: h264 if all "
        "streams have it, raw if all have only raw pictures, else jpeg)",
    )
    bags.add_argument(
        "--jpeg-quality",
        type=options.quality,
        metavar="Q",
        help="1 to 100, for pictures that are encoded as JPEG (default: that of the folder, or 90)",
    )
    bags.add_argument(
        "--namespace",
        metavar="NAME",
        help="namespace of the topics of the dataset (default: that of the folder, or /odyssey)",
    )
    bags.add_argument(
        "--frame-id",
        metavar="FRAME",
        help="frame of reference of all headers (default: that of the folder, or odyssey_optical_frame)",
    )
    bags.add_argument(
        "--strict",
        action="store_true",
        help="an episode fails (INCOMPLETE_DATA) if anything in it is missing, was ignored, repaired or "
        "guessed",
    )
    add_engine_options(command)
    command.add_argument("-v", "--verbose", action="store_true", help="detailed log lines instead of bars")


def run_bags(arguments: argparse.Namespace, console: Console) -> int:
    """Run the sub-command; return 0 if all streams of all bags are episodes now, else 1.

    Raises:
        PlanError: A path has no bag, or no bag has a stream.
        StateError: The dataset's folder cannot be used, or has other settings.
    """
    # Loaded here, so that other commands start faster.
    from odyssey_ros.dataset.recorded.bag_files import recorded_bags  # noqa: PLC0415 -- see above
    from odyssey_ros.dataset.recorded.recorded_dataset import (  # noqa: PLC0415 -- see above
        RecordedDataset,
        scanned_bags,
    )
    from odyssey_ros.dataset.workspace import Workspace  # noqa: PLC0415 -- see above

    bags = recorded_bags(arguments.paths, arguments.output)
    with ExitStack() as stack:
        progress: ProgressDisplay = LogProgress()
        if console.is_terminal and not arguments.verbose:
            progress = stack.enter_context(BarProgress(console))
        scratch = stack.enter_context(_scratch(arguments.output))
        engine = stack.enter_context(selected_engine(arguments))
        scanned = scanned_bags(bags, scratch, engine, progress, arguments.bridge)
        if not scanned.has_pictures:  # the settings of the folder are those of the first streams
            of = f" of {', '.join(arguments.bridge)}" if arguments.bridge else ""
            paths = ", ".join(map(str, arguments.paths))
            raise PlanError(f"no bag in {paths} has a stream{of} that can be read")
        layout = _layout(arguments, scanned.default_images())
        workspace = stack.enter_context(Workspace(arguments.output, layout, Shard()))
        for left in scratch.parent.glob(f"{_SCRATCH}*"):  # by a killed run: this one has the lock
            if left != scratch:
                shutil.rmtree(left, ignore_errors=True)
        dataset = RecordedDataset(workspace, layout, engine, progress, strict=arguments.strict)
        outcome = dataset.make(scanned)
    refused = [error for error in outcome.failures.values() if isinstance(error, IncompleteDataError)]
    made = f"{len(outcome.entries)} episodes of these bags in {arguments.output}"
    lines = [f"{made}, {len(outcome.failures)} failed"]
    losses = summary([entry.losses for entry in outcome.entries] + [error.losses for error in refused])
    lines += [] if losses is None else [losses]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if outcome.failures else 0


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Create a folder for unpacked files, as a context."""
    work = folder.absolute() / "work"
    try:
        new = [path for path in (work, work.parent) if not path.exists()]
        make_folder(work)
        scratch = tempfile.TemporaryDirectory(dir=work, prefix=_SCRATCH)
    except OSError as error:
        raise StateError(f"{folder} cannot be used: {error.strerror}") from error
    try:
        with scratch as name:
            yield Path(name)
    finally:
        for path in new:
            with suppress(OSError):
                path.rmdir()  # if nothing was made


def _layout(arguments: argparse.Namespace, images: ImageEncoding) -> BagLayout:
    from odyssey_ros.dataset.checks.deep_check import read_settings  # noqa: PLC0415 -- decodes pictures, too

    settings, default = read_settings(arguments.output), BagLayout()
    try:
        kept = None if settings.images is None else ImageEncoding(settings.images)
    except ValueError as error:
        raise PlanError(
            f"{arguments.output / 'dataset.json'} has the unknown images {settings.images!r}"
        ) from error
    return BagLayout(
        arguments.images or kept or images,
        arguments.namespace or settings.namespace or default.namespace,
        arguments.frame_id or settings.frame_id or default.frame_id,
        arguments.jpeg_quality or settings.jpeg_quality or default.jpeg_quality,
    )
