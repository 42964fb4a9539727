"""The command `simulate` runs script files as one simulation job.

The id of the finished job is the only output on stdout, so that a script can pass it to another command.
Everything else goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.console import Console

from odyssey_ros.client import OdysseyError, SimulationJobStatus
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.dataset import options
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.plan_notes import notes_on
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.stop_signals import run_until_stopped, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.client.types import SimulationJobDetail
    from odyssey_ros.dataset.retry_policy import RetryPolicy
    from odyssey_ros.dataset.scripts.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_UNUSABLE: Final = 2
EXIT_INTERRUPTED: Final = 130


async def submit(service: Service, plans: Sequence[EpisodePlan]) -> SimulationJobDetail:
    """Submit all scripts as one job.

    Raises:
        PlanError: The scripts differ in orientation or in prompt expansion, so they cannot be one job.
        OdysseyError: The service refuses the scripts, or cannot be reached.
    """
    shapes = {(plan.portrait, plan.bypass_prompt_expansion) for plan in plans}
    if len(shapes) > 1:
        raise PlanError(
            "the scripts of one job must have the same portrait and bypass_prompt_expansion: run the command "
            "once for each combination"
        )
    portrait, bypass = shapes.pop()
    return await service.simulate(
        scripts=[plan.script for plan in plans], portrait=portrait, bypass_prompt_expansion=bypass
    )


async def follow(
    service: Service,
    job: SimulationJobDetail,
    on_change: Callable[[SimulationJobDetail], None],
    *,
    poll_s: float = 2.0,
    retry_policy: RetryPolicy = STANDARD,
) -> SimulationJobDetail:
    """Poll a job until it reaches a terminal state, and return it.

    Args:
        service: The service.
        job: The submitted job.
        on_change: Receives the job at once, and at every change of its state.
        poll_s: Seconds between two polls.
        retry_policy: Retries of requests that fail.

    Raises:
        OdysseyError: The job cannot be polled.
    """
    on_change(job)
    return await poll_until_terminal(
        lambda: retry_policy.call(lambda: service.get_simulate_status(job.job_id)),
        on_change,
        job=job,
        period_s=lambda: poll_s,
        sleep=retry_policy.sleep,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0: the job is completed. 1: the job failed or was cancelled. 2: a script file or the account cannot be
    used. 130: interrupted; the job continues.
    """
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True, highlight=False)
    try:
        with stoppable():
            plans = read_plans(arguments.files, portrait=arguments.portrait)
            for note in notes_on(plans):
                console.print(note, style="yellow", markup=False, soft_wrap=True)
            return run_until_stopped(_run(arguments, plans, console))
    except (PlanError, OdysseyError) as error:
        text = error.advice if isinstance(error, OdysseyError) else str(error)
        console.print(f"simulate: {text}", style="red", markup=False, soft_wrap=True)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        console.print("interrupted; a submitted job continues", markup=False, soft_wrap=True)
        return EXIT_INTERRUPTED


async def _run(arguments: argparse.Namespace, plans: Sequence[EpisodePlan], console: Console) -> int:
    async with options.service_of(arguments) as service:
        job = await submit(service, plans)
        console.print(f"job {job.job_id}: {len(plans)} scripts submitted", markup=False, soft_wrap=True)
        with console.status("simulating"):
            job = await follow(
                service,
                job,
                lambda now: console.print(f"job {now.job_id}: {now.status}", markup=False, soft_wrap=True),
                poll_s=arguments.poll,
                retry_policy=replace(STANDARD, on_retry=lambda text: console.print(text, markup=False)),
            )
    if job.status is not SimulationJobStatus.COMPLETED:
        console.print(
            f"job {job.job_id}: {job.error_message or job.status}", style="red", markup=False, soft_wrap=True
        )
        return EXIT_FAILED
    sys.stdout.write(f"{job.job_id}\n")
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulate",
        description="Run script files as one simulation job, wait until it is completed, and print its id.",
        epilog="The API key comes from ODYSSEY_API_KEY or --api-key-file.",
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=options.path,
        metavar="FILE",
        help="script file, YAML or JSON; see docs/dataset.md",
    )
    parser.add_argument(
        "--landscape",
        dest="portrait",
        action="store_false",
        help="1280x704 for files that do not set portrait (default: 704x1280)",
    )
    parser.add_argument(
        "--api-url",
        metavar="URL",
        help="URL of the service (default: ODYSSEY_API_URL, or the public service)",
    )
    parser.add_argument(
        "--api-key-file",
        type=options.path,
        metavar="FILE",
        help="file (chmod 600) that contains only the API key",
    )
    options.add_allow_insecure(parser)
    parser.add_argument(
        "--poll",
        type=options.seconds,
        default=2.0,
        metavar="S",
        help="seconds between two polls of the job (default: %(default)g)",
    )
    return parser
