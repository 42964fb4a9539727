"""The command `verify`: the files of a dataset folder compared with its manifests."""

from __future__ import annotations

from contextlib import ExitStack, closing
from itertools import chain
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.checks.verification import Verification
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.manifest import (
    check_files,
    manifest_paths,
    merged,
    readable_entries,
    repeated_streams,
)
from odyssey_ros.dataset.progress import BarProgress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from odyssey_ros.dataset.manifest import ManifestEntry

_EXIT_DONE: Final = 0
_EXIT_INCOMPLETE: Final = 1


def run_verify(arguments: argparse.Namespace, console: Console) -> int:
    """Report what differs from the manifests; return 0 if nothing does, else 1.

    Raises:
        DatasetError: The folder has no manifest that can be read.
    """
    paths = manifest_paths(arguments.output)
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
    return _EXIT_INCOMPLETE if faults else _EXIT_DONE


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
    return _EXIT_INCOMPLETE if faults else _EXIT_DONE
