"""The commands `simulate`, `recordings` and `jobs`: episodes from the streams of the service."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.errors import OdysseyConfigurationError
from odyssey_ros.client.http_transport import check_environment
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.dataset import options
from odyssey_ros.dataset.bag_layout import BagLayout
from odyssey_ros.dataset.cluster_tasks import ClusterTasks
from odyssey_ros.dataset.collector import Collector, Width
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.engines.engine_options import selected_cluster
from odyssey_ros.dataset.episode_task import DownloadOptions
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.losses import IncompleteDataError, summary
from odyssey_ros.dataset.plan_notes import dry_run_line, notes_on, notes_on_former
from odyssey_ros.dataset.progress import BarProgress, LogProgress
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.sources import (
    END_OF_TIME_NS,
    SimulatedEpisode,
    recordings_between,
    recordings_by_id,
    streams_of_jobs,
)
from odyssey_ros.dataset.stop_signals import run_until_stopped
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

    from rich.console import Console

    from odyssey_ros.client import Odyssey
    from odyssey_ros.dataset.collector import Outcome
    from odyssey_ros.dataset.engines.task_engine import TaskEngine
    from odyssey_ros.dataset.progress import ProgressDisplay
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.sources import EpisodeSource

_EXIT_DONE: Final = 0
_EXIT_INCOMPLETE: Final = 1


def run_collect(arguments: argparse.Namespace, console: Console) -> int:
    """Run one of the commands; return 0 if all its episodes exist, else 1.

    Raises:
        DatasetError: The command, a script file, the key or the output folder cannot be used.
        KeyboardInterrupt: It was interrupted.
    """
    return _COMMANDS[arguments.command](arguments, console)


def _simulate(arguments: argparse.Namespace, console: Console) -> int:
    all_plans = read_plans(arguments.files, portrait=arguments.portrait)
    check_names(arguments.claim, arguments.resubmit, [plan.name for plan in all_plans])
    plans = [all_plans[index] for index in arguments.shard.of(len(all_plans))]
    for note in notes_on(plans):
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if arguments.dry_run:
        for plan in plans:
            _write_line(dry_run_line(plan, sys.stdout.encoding or "ascii"))
        return _EXIT_DONE
    if arguments.output is None:
        raise PlanError("name the dataset's folder with -o FOLDER, or add --dry-run")
    return _collected(arguments, console, plans=plans, all_plans=all_plans)


def _recordings(arguments: argparse.Namespace, console: Console) -> int:
    if bool(arguments.ids) == bool(arguments.since or arguments.until):
        raise PlanError("select recordings either by their stream ids or by --since and --until")
    return _collected(arguments, console)


def _jobs(arguments: argparse.Namespace, console: Console) -> int:
    return _collected(arguments, console)


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
    return _EXIT_INCOMPLETE if outcome.failures else _EXIT_DONE


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")


_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace, Console], int]]] = {
    "simulate": _simulate,
    "recordings": _recordings,
    "jobs": _jobs,
}
