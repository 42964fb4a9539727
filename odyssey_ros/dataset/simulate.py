"""The command `simulate`: script files in, one finished simulation job out.

The job's id goes to stdout, so that what plays or fetches it can take it from there; all else to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from odyssey_ros.client import OdysseyError, SimulationJobStatus
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.dataset import options
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.patience import STANDARD
from odyssey_ros.dataset.plans import read_plans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.client.types import SimulationJobDetail
    from odyssey_ros.dataset.patience import Patience
    from odyssey_ros.dataset.plans import EpisodePlan
    from odyssey_ros.dataset.service import Service

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_UNUSABLE: Final = 2
EXIT_INTERRUPTED: Final = 130


async def submit(service: Service, plans: Sequence[EpisodePlan]) -> SimulationJobDetail:
    """Submit all scripts as one job.

    Raises:
        PlanError: They cannot be one job: they differ in size, or in the expansion of prompts.
        OdysseyError: The service refuses them, or cannot be reached.
    """
    shapes = {(plan.portrait, plan.bypass_prompt_expansion) for plan in plans}
    if len(shapes) > 1:
        raise PlanError("scripts of one job have the same portrait and bypass_prompt_expansion")
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
    patience: Patience = STANDARD,
) -> SimulationJobDetail:
    """Wait until a job has ended.

    Args:
        service: The service.
        job: The job.
        on_change: Hears of it, and of every change of its status.
        poll_s: Seconds between two looks.
        patience: For requests that fail.

    Raises:
        OdysseyError: The service does not tell any more.
    """
    on_change(job)
    return await poll_until_terminal(
        lambda: patience.call(lambda: service.get_simulate_status(job.job_id)),
        on_change,
        job=job,
        period_s=lambda: poll_s,
        sleep=patience.sleep,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the return value is its exit status.

    0: the job is completed. 1: it failed, or was cancelled. 2: a script file or the account cannot be used.
    130: interrupted; the job goes on.
    """
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True, highlight=False)
    try:
        plans = read_plans(arguments.files, portrait=arguments.portrait)
        return asyncio.run(_run(arguments, plans, console))
    except (PlanError, OdysseyError) as error:
        action = getattr(error, "action", None)
        console.print(
            f"simulate: {error}{f' {action}' if action else ''}", style="red", markup=False, soft_wrap=True
        )
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        console.print("interrupted; a job that was submitted goes on", markup=False, soft_wrap=True)
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
                patience=replace(STANDARD, on_retry=lambda text: console.print(text, markup=False)),
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
        description="Run script files as one simulation job, wait for it, and print its id.",
        epilog="The key is taken from ODYSSEY_API_KEY or --api-key-file.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="YAML or JSON; see the docs")
    parser.add_argument(
        "--landscape", dest="portrait", action="store_false", help="1280x704, unless a file says otherwise"
    )
    parser.add_argument("--api-url", metavar="URL", help="default: ODYSSEY_API_URL, or the public service")
    parser.add_argument("--api-key-file", type=Path, metavar="FILE", help="a file that holds the key alone")
    parser.add_argument(
        "--poll",
        type=options.seconds,
        default=2.0,
        metavar="S",
        help="seconds between looks at the job (%(default)g)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
