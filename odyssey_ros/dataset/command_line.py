"""The command line of `odyssey-dataset`: subcommands, options and help texts."""

from __future__ import annotations

import argparse

from odyssey_ros.dataset import options
from odyssey_ros.dataset.bag_layout import ImageEncoding
from odyssey_ros.dataset.bags_command import add_bags_command
from odyssey_ros.dataset.engines.engine_options import add_cluster_options, add_engine_options
from odyssey_ros.dataset.export_command import add_export_command
from odyssey_ros.dataset.shards import Shard


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command. The result of a parse has the subcommand's name as `command`."""
    top = argparse.ArgumentParser(
        prog="odyssey-dataset",
        description="Make labelled training data from the streams of an Odyssey world model: rosbag2 bags "
        "(MCAP), reports, LeRobot datasets and clips.",
        epilog="The API key comes from ODYSSEY_API_KEY or --api-key-file. To continue a killed command, run "
        "it again.",
    )
    commands = top.add_subparsers(required=True, dest="command", metavar="COMMAND")

    simulate = commands.add_parser(
        "simulate", help="run script files as simulation jobs, one bag for each script"
    )
    simulate.add_argument(
        "files",
        nargs="+",
        type=options.path,
        metavar="FILE",
        help="script file, YAML or JSON; see docs/dataset.md",
    )
    orientation = simulate.add_mutually_exclusive_group()
    orientation.add_argument(
        "--portrait",
        action="store_true",
        default=True,
        help="704x1280 for files that do not set portrait (default)",
    )
    orientation.add_argument(
        "--landscape",
        dest="portrait",
        action="store_false",
        help="1280x704 for files that do not set portrait",
    )
    simulate.add_argument(
        "--dry-run",
        action="store_true",
        help="print the scripts as they would be submitted, and send nothing",
    )
    simulate.add_argument(
        "--retries",
        type=options.count,
        default=2,
        metavar="N",
        help="new jobs for a script whose job failed (default: %(default)s)",
    )
    simulate.add_argument(
        "--claim",
        type=options.claim,
        action="append",
        default=[],
        metavar="EPISODE=JOB_ID",
        help="for an episode that failed with SUBMIT_IN_DOUBT: use this job; may be repeated",
    )
    simulate.add_argument(
        "--resubmit",
        action="append",
        default=[],
        metavar="EPISODE",
        help="for an episode that failed with SUBMIT_IN_DOUBT: submit its script again, as another job; may "
        "be repeated",
    )
    simulate.add_argument(
        "--poll",
        type=options.seconds,
        default=5.0,
        metavar="S",
        help="seconds between two polls of a job (default: %(default)g)",
    )

    recordings = commands.add_parser("recordings", help="make bags from recorded streams, by id or by date")
    recordings.add_argument("ids", nargs="*", metavar="STREAM_ID", help="recorded stream")
    recordings.add_argument(
        "--since",
        type=options.time_ns,
        metavar="TIME",
        help="earliest start, ISO 8601; UTC without a time zone",
    )
    recordings.add_argument(
        "--until", type=options.time_ns, metavar="TIME", help="end of the time range, not included"
    )

    jobs = commands.add_parser("jobs", help="make bags from completed simulation jobs, by id")
    jobs.add_argument("ids", nargs="+", metavar="JOB_ID", help="completed job")

    _add_common(simulate, output_required=False)  # not with --dry-run
    _add_common(recordings)
    _add_common(jobs)

    add_bags_command(commands)

    merge = commands.add_parser(
        "merge", help="merge the folders, or the manifests, of several shards into one dataset"
    )
    merge.add_argument("output", type=options.path, metavar="FOLDER", help="the dataset's folder")
    merge.add_argument(
        "sources", nargs="*", type=options.path, metavar="FROM", help="folders whose bags are moved to FOLDER"
    )
    merge.set_defaults(verbose=False)

    verify = commands.add_parser("verify", help="compare the files of a dataset with its manifest")
    verify.add_argument("output", type=options.path, metavar="FOLDER", help="the dataset's folder")
    verify.add_argument(
        "--deep",
        action="store_true",
        help="also read every message and decode every picture, and compare them with the manifest and with "
        "the kept downloads",
    )
    verify.add_argument(
        "--decoders",
        type=options.positive,
        default=2,
        metavar="N",
        help="bags that --deep checks at the same time, one thread each (default: %(default)s)",
    )
    verify.set_defaults(verbose=False)

    add_export_command(commands)

    report = commands.add_parser(
        "report",
        help="write a page with thumbnails, totals, plots and findings of a dataset, and the same as JSON",
    )
    report.add_argument("folder", type=options.path, metavar="FOLDER", help="the dataset's folder")
    report.add_argument(
        "-o",
        "--output",
        type=options.path,
        metavar="DIR",
        help="folder of the report (default: FOLDER/report, where --exclude-flagged of the exports reads it)",
    )
    add_engine_options(report)
    report.set_defaults(verbose=False)
    return top


def _add_common(command: argparse.ArgumentParser, *, output_required: bool = True) -> None:
    command.add_argument(
        "-o",
        "--output",
        type=options.path,
        required=output_required,
        metavar="FOLDER",
        help="the dataset's folder" if output_required else "the dataset's folder; not needed by --dry-run",
    )
    command.add_argument(
        "--shard",
        type=options.shard,
        default=Shard(),
        metavar="I/N",
        help="do only part I, from 1, of N parts of the work",
    )
    bags = command.add_argument_group("bags")
    bags.add_argument(
        "--images",
        type=ImageEncoding,
        choices=list(ImageEncoding),
        default=ImageEncoding.JPEG,
        help="encoding of the pictures: rgb8, JPEG, or the unchanged H.264 of the service "
        "(default: %(default)s)",
    )
    bags.add_argument(
        "--jpeg-quality",
        type=options.quality,
        default=90,
        metavar="Q",
        help="1 to 100 (default: %(default)s)",
    )
    bags.add_argument(
        "--namespace",
        default="/odyssey",
        metavar="NAME",
        help="namespace of the topics (default: %(default)s)",
    )
    bags.add_argument(
        "--frame-id",
        default="odyssey_optical_frame",
        metavar="FRAME",
        help="frame of reference of all headers (default: %(default)s)",
    )
    bags.add_argument(
        "--keep-downloads",
        action="store_true",
        help="keep the videos and events logs in the work folder, for verify --deep; a run without this "
        "option removes those of its episodes",
    )
    bags.add_argument(
        "--strict",
        action="store_true",
        help="an episode fails (INCOMPLETE_DATA) if anything in it was ignored, repaired or guessed",
    )
    add_cluster_options(command.add_argument_group("where downloads and bags are made"))
    width = command.add_argument_group(
        "limits of what runs at the same time; a cluster sets the last two itself"
    )
    for name, default, what in (
        ("jobs", 5, "simulation jobs"),
        ("downloads", 4, "downloads"),
        ("decoders", 2, "videos being written"),
    ):
        width.add_argument(
            f"--{name}",
            type=options.positive,
            default=default,
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )
    service = command.add_argument_group("service")
    service.add_argument(
        "--api-url",
        metavar="URL",
        help="URL of the service (default: ODYSSEY_API_URL, or the public service)",
    )
    service.add_argument(
        "--api-key-file",
        type=options.path,
        metavar="FILE",
        help="file (chmod 600) that contains only the API key",
    )
    options.add_allow_insecure(service)
    command.add_argument("-v", "--verbose", action="store_true", help="detailed log lines instead of bars")
