"""The command `odyssey-dataset`, which makes bags from scripts, recordings and jobs."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from rich.console import Console

from odyssey_ros.client.errors import OdysseyConfigurationError
from odyssey_ros.client.http_transport import check_environment
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.dataset import options
from odyssey_ros.dataset.bags import BagLayout
from odyssey_ros.dataset.bags_command import run_bags
from odyssey_ros.dataset.checks.verification import Verification
from odyssey_ros.dataset.cluster_tasks import ClusterTasks
from odyssey_ros.dataset.collector import Collector, Width
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.durable import make_folder, move_folder
from odyssey_ros.dataset.engines.engine_options import selected_cluster
from odyssey_ros.dataset.episode_task import DownloadOptions
from odyssey_ros.dataset.errors import DatasetError, PlanError, StateError
from odyssey_ros.dataset.export_command import run_export
from odyssey_ros.dataset.losses import IncompleteDataError, summary
from odyssey_ros.dataset.manifest import (
    check_files,
    merged,
    read_manifest,
    readable_entries,
    repeated_streams,
    write_manifest,
)
from odyssey_ros.dataset.merging import check_same_settings, keep_settings
from odyssey_ros.dataset.plan_notes import dry_run_line, notes_on, notes_on_former
from odyssey_ros.dataset.progress import BarProgress, LogProgress
from odyssey_ros.dataset.report_command import run_report
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.sources import (
    END_OF_TIME_NS,
    SimulatedEpisode,
    recordings_between,
    recordings_by_id,
    streams_of_jobs,
)
from odyssey_ros.dataset.stop_signals import run_until_stopped, stoppable
from odyssey_ros.dataset.submissions.candidate_files import DownloadedCandidates
from odyssey_ros.dataset.submissions.job_watch import JobLimits
from odyssey_ros.dataset.submissions.journal import Journal, other_submissions
from odyssey_ros.dataset.submissions.simulation_jobs import SimulationJobs
from odyssey_ros.dataset.submissions.submission_decisions import apply_decisions, check_names
from odyssey_ros.dataset.submissions.submission_matching import visible_digest
from odyssey_ros.dataset.unusable_episodes import UnusableEpisode
from odyssey_ros.dataset.workspace import Workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from odyssey_ros.client import Odyssey
    from odyssey_ros.dataset.collector import Outcome
    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.sources import EpisodeSource

EXIT_DONE: Final = 0
EXIT_INCOMPLETE: Final = 1
EXIT_UNUSABLE: Final = 2
EXIT_INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0: all episodes exist. 1: some episodes could not be made, or a check failed. 2: the command, a script
    file, the key or the output folder cannot be used. 130: interrupted, by SIGINT, SIGTERM or SIGHUP.
    """
    arguments = parser().parse_args(argv)
    console = Console(stderr=True)
    _set_up_logging(verbose=arguments.verbose)
    try:
        with stoppable():
            return _status(arguments, console)
    except KeyboardInterrupt:
        again = "" if arguments.command == "verify" else "; run the same command again to continue"
        console.print(f"interrupted{again}", markup=False)
        return EXIT_INTERRUPTED


def _status(arguments: argparse.Namespace, console: Console) -> int:
    try:
        return _COMMANDS[arguments.command](arguments, console)
    except DatasetError as error:
        console.print(f"odyssey-dataset: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return EXIT_UNUSABLE
    except BrokenPipeError:
        # The reader of the output has closed the pipe. The interpreter must not write to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


def _simulate(arguments: argparse.Namespace, console: Console) -> int:
    all_plans = read_plans(arguments.files, portrait=arguments.portrait)
    check_names(arguments.claim, arguments.resubmit, [plan.name for plan in all_plans])
    plans = [all_plans[index] for index in arguments.shard.of(len(all_plans))]
    for note in notes_on(plans):
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if arguments.dry_run:
        for plan in plans:
            _write_line(dry_run_line(plan, sys.stdout.encoding or "ascii"))
        return EXIT_DONE
    if arguments.output is None:
        raise PlanError("name the dataset's folder with -o FOLDER, or add --dry-run")
    return _collected(arguments, console, plans=plans, all_plans=all_plans)


def _recordings(arguments: argparse.Namespace, console: Console) -> int:
    if bool(arguments.ids) == bool(arguments.since or arguments.until):
        raise PlanError("select recordings either by their stream ids or by --since and --until")
    return _collected(arguments, console)


def _jobs(arguments: argparse.Namespace, console: Console) -> int:
    return _collected(arguments, console)


def _merge(arguments: argparse.Namespace, console: Console) -> int:
    target: Path = arguments.output
    folders = [target, *arguments.sources]
    paths = [path for folder in folders for path in sorted(folder.glob("manifest*.jsonl"))]
    if not paths:
        raise PlanError(f"no manifest in {', '.join(map(str, folders))}")
    check_same_settings(folders)
    entries = merged(read_manifest(path) for path in paths)
    try:
        for folder in arguments.sources:
            _move_bags(folder, target)
        missing = [entry.bag for entry in entries if not (target / entry.bag).is_dir()]
        if missing:
            raise PlanError(
                f"{len(missing)} bags are in none of the folders, for example {missing[0]}: add the folder "
                "that contains them"
            )
        keep_settings(target, arguments.sources)
        write_manifest(target / "manifest.jsonl", entries)
    except OSError as error:
        raise StateError(f"cannot merge: {error}") from error
    for repeated in repeated_streams(entries):
        console.print(repeated, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(entries)} episodes in {target / 'manifest.jsonl'}", markup=False, highlight=False)
    return EXIT_DONE


def _move_bags(folder: Path, target: Path) -> None:
    make_folder(target / "episodes")
    for bag in sorted((folder / "episodes").glob("[!.]*")):
        if not (target / "episodes" / bag.name).exists():
            move_folder(bag, target / "episodes" / bag.name)


def _verify(arguments: argparse.Namespace, console: Console) -> int:
    paths = sorted(arguments.output.glob("manifest*.jsonl"))
    if not paths:
        raise PlanError(f"no manifest in {arguments.output}")
    manifests, lines = zip(*map(readable_entries, paths), strict=True)
    entries = merged(manifests)
    if arguments.deep:
        return _verify_deep(arguments, console, entries, [*chain(*lines, repeated_streams(entries))])
    faults = 0
    for fault in chain(*lines, repeated_streams(entries), check_files(arguments.output, entries)):
        faults += 1
        console.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(entries)} episodes checked, {faults} faults", markup=False, highlight=False)
    return EXIT_INCOMPLETE if faults else EXIT_DONE


def _verify_deep(
    arguments: argparse.Namespace, console: Console, entries: list[ManifestEntry], lines: Sequence[str]
) -> int:
    faults, notes = len(lines), 0
    for text in lines:
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        progress = stack.enter_context(BarProgress(console)) if console.is_terminal else None
        if progress is not None:
            progress.start(len(entries), 0)
        verification = Verification(arguments.output, entries, arguments.decoders, progress)
        for entry, findings in stack.enter_context(closing(verification.run())):
            for text in findings.fault_lines():
                console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
            for text in findings.notes:
                console.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)
            faults += findings.faults
            notes += len(findings.notes)
            if entry is not None and progress is not None:
                progress.finished(findings.episode, f"{findings.faults} faults")
    counts = f"{len(entries)} episodes checked, {faults} faults, {notes} notes"
    console.print(counts, markup=False, highlight=False)
    return EXIT_INCOMPLETE if faults else EXIT_DONE


def _collected(
    arguments: argparse.Namespace,
    console: Console,
    *,
    plans: Sequence[EpisodePlan] | None = None,
    all_plans: Sequence[EpisodePlan] = (),
) -> int:
    service = options.service_of(arguments)
    with selected_cluster(arguments) as cluster:
        return run_until_stopped(
            _collect(arguments, console, service, cluster, plans=plans, all_plans=all_plans)
        )


async def _collect(
    arguments: argparse.Namespace,
    console: Console,
    service: Odyssey,
    cluster: TaskEngine | None,
    *,
    plans: Sequence[EpisodePlan] | None,
    all_plans: Sequence[EpisodePlan],
) -> int:
    layout = BagLayout(arguments.images, arguments.namespace, arguments.frame_id, arguments.jpeg_quality)
    width = Width(arguments.jobs, arguments.downloads, arguments.decoders)
    try:
        await check_environment(service.api_url)
    except OdysseyConfigurationError as error:
        raise PlanError(str(error)) from error
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace(arguments.output, layout, arguments.shard))
        journal = stack.enter_context(Journal(workspace.journal_path))
        progress: ProgressDisplay = LogProgress()
        if console.is_terminal and not arguments.verbose:
            progress = stack.enter_context(BarProgress(console))
        retry_policy = replace(STANDARD, on_retry=lambda text: progress.note("service", text))
        async with service, download_client() as http:
            downloads = DownloadOptions(
                allow_insecure=arguments.allow_insecure,
                service_is_local=parse_address(service.api_url).is_loopback,
            )
            downloader = Downloader(
                http,
                retry_policy,
                allow_insecure=downloads.allow_insecure,
                service_is_local=downloads.service_is_local,
            )
            sources: Sequence[EpisodeSource]
            if plans is not None:
                for note in notes_on_former(all_plans, workspace, journal):
                    progress.note("scripts", note)
                jobs = SimulationJobs(
                    service,
                    journal,
                    others=lambda: other_submissions(workspace.other_journals()),
                    files=DownloadedCandidates(downloader, workspace.candidates, workspace.downloads),
                    limits=JobLimits(
                        retries=arguments.retries, poll_s=arguments.poll, retry_policy=retry_policy
                    ),
                    elsewhere=_visible_elsewhere(plans, all_plans),
                    resubmitted=frozenset(arguments.resubmit),
                )
                await apply_decisions(
                    arguments.claim,
                    arguments.resubmit,
                    plans=plans,
                    service=service,
                    journal=journal,
                    settlement=jobs.settlement,
                    others=other_submissions(workspace.other_journals()),
                    retry_policy=retry_policy,
                )
                sources = [SimulatedEpisode(plan, jobs) for plan in plans]
            else:
                sources = await _existing(arguments, service, retry_policy)
            collector = Collector(
                workspace,
                downloader,
                layout,
                width,
                progress,
                tasks=None if cluster is None else ClusterTasks(cluster, downloads, retry_policy),
                keep_downloads=arguments.keep_downloads,
                strict=arguments.strict,
            )
            outcome = await collector.collect(sources)
    return _conclude(outcome, arguments.output)


def _visible_elsewhere(plans: Sequence[EpisodePlan], all_plans: Sequence[EpisodePlan]) -> frozenset[str]:
    names = {plan.name for plan in plans}
    return frozenset(visible_digest(plan) for plan in all_plans if plan.name not in names)


async def _existing(
    arguments: argparse.Namespace, service: Odyssey, retry_policy: RetryPolicy
) -> Sequence[EpisodeSource]:
    """Return the sources of recordings or completed jobs that belong to this shard."""
    found: Sequence[EpisodeSource]
    if arguments.command == "jobs":
        found = await streams_of_jobs(arguments.ids, service, retry_policy)
        bad = next((episode for episode in found if isinstance(episode, UnusableEpisode)), None)
        if bad is not None and arguments.shard.count > 1:
            # Its number of streams is unknown, so the positions of the others would differ between shards.
            raise PlanError(f"job {bad.name}: {bad.error.message}")
    elif arguments.ids:
        found = await recordings_by_id(arguments.ids, service, retry_policy)
    else:
        until_ns = END_OF_TIME_NS if arguments.until is None else arguments.until
        found = await recordings_between(arguments.since or 0, until_ns, service, retry_policy)
        # Two machines may list different recordings, so positions in the list would not match.
        return [episode for episode in found if arguments.shard.takes(episode.name)]
    return [found[index] for index in arguments.shard.of(len(found))]


def _conclude(outcome: Outcome, folder: Path) -> int:
    _write_line(f"{len(outcome.entries)} episodes in {folder}, {len(outcome.failures)} failed")
    refused = [error for error in outcome.failures.values() if isinstance(error, IncompleteDataError)]
    losses = summary([entry.losses for entry in outcome.entries] + [error.losses for error in refused])
    if losses is not None:
        _write_line(losses)
    return EXIT_INCOMPLETE if outcome.failures else EXIT_DONE


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _set_up_logging(*, verbose: bool) -> None:
    # Only the loggers of this package: at this level the HTTP library would log presigned URLs.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("odyssey_ros").setLevel(logging.DEBUG if verbose else logging.INFO)


_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace, Console], int]]] = {
    "simulate": _simulate,
    "recordings": _recordings,
    "jobs": _jobs,
    "bags": run_bags,
    "merge": _merge,
    "verify": _verify,
    "export": run_export,
    "report": run_report,
}
