"""Gives malformed inputs to every parser of outside input, and checks what the parsers do.

python3 fuzz/fuzz_run.py [--group client] [--target job] [--count 10000] [--seed 0]
python3 fuzz/fuzz_run.py --target job --input fuzz_output/job.bin

Each target runs in a process of its own. A target fails when an input ends in an exception that the parser
does not document, in a result or an error text that is not as documented, in the end of the process, in no
end within `INPUT_LIMIT_S`, or with more memory than the target's bound. The input is then saved in
fuzz_output, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import logging
import mmap
import os
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

import fuzz_targets
from oracle import OracleError, check_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz_target import FuzzTarget

INPUT_LIMIT_S = 30.0
_NATIVE_LIMIT_S = INPUT_LIMIT_S + 15.0  # the signal of the first limit is not handled within native code
_BATCH = 500  # hypothesis remembers the examples of one run; this bounds its memory
_SHARED_BYTES = 1 << 24
_SHARED_HEADER = struct.Struct("=QQ")  # the number of the input, and its length
_MIB = 1 << 20
OUTPUT = Path(__file__).resolve().parent.parent / "fuzz_output"


@dataclass
class Report:
    """The outcome of one target; `failure` is empty when all inputs were handled as documented."""

    name: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    memory_mib: float = 0.0
    failure: str = ""


class _FailedError(Exception):
    """An input was not handled as documented."""


class _Logs(logging.Handler):
    """Keeps the texts that a parser logs, which must be fit for a terminal as well.

    Errors of asyncio are exceptions that nobody handled, in a task of this or of an earlier input.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []
        self.unhandled = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        if record.name == "asyncio":
            self.unhandled = self.format(record)
        else:
            self.texts.append(record.getMessage())


class _Child:
    """Runs one target in this process.

    Args:
        target: The target.
        shared: Memory that the parent reads when this process ends without a report.
    """

    def __init__(self, target: FuzzTarget, shared: mmap.mmap) -> None:
        self._target = target
        self._shared = shared
        self._report = Report(target.name)
        self._logs = _Logs()
        self._resident_mib = _peak_mib()

    def run(self, inputs: Iterator[Any]) -> Report:
        """Handle all inputs, or those until the first failure."""
        report = self._report
        logging.getLogger().handlers = [self._logs]
        logging.getLogger("odyssey_ros").setLevel(logging.INFO)
        warnings.simplefilter("ignore")
        _limit_memory(self._target.memory_mib)
        signal.signal(signal.SIGALRM, lambda _signal, frame: self._hangs(frame))
        started = time.perf_counter()
        try:
            for batch in inputs:
                batch(self._handle)
        except _FailedError as error:
            report.failure = str(error)
        except HypothesisException as error:
            report.failure = report.failure or "".join(traceback.format_exception(error)[-6:])
        report.seconds = time.perf_counter() - started
        report.memory_mib = _peak_mib() - self._resident_mib
        return report

    def _handle(self, data: bytes) -> None:
        report, target = self._report, self._target
        if report.failure:
            raise _FailedError(report.failure)  # hypothesis repeats a failed input
        report.inputs += 1
        kept = data[: _SHARED_BYTES - _SHARED_HEADER.size]
        _SHARED_HEADER.pack_into(self._shared, 0, report.inputs, len(kept))
        self._shared[_SHARED_HEADER.size : _SHARED_HEADER.size + len(kept)] = kept
        self._logs.texts.clear()
        signal.setitimer(signal.ITIMER_REAL, INPUT_LIMIT_S)
        try:
            target.parse(data)
            report.accepted += 1
        except OracleError as error:
            self._fail(str(error))
        except target.refusals as error:
            report.refused += 1
            if target.clean_refusals:
                self._check_text(str(error), f"the text of {type(error).__name__}")
        except Exception:  # noqa: BLE001 - this is the purpose
            self._fail(f"not documented: {traceback.format_exc()}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._logs.unhandled:
            self._fail(f"nobody handled an exception: {self._logs.unhandled}")
        for text in self._logs.texts:
            self._check_text(text, "a log line")
        used = _peak_mib() - self._resident_mib
        if used > target.memory_mib:
            self._fail(f"{used:.0f} MiB of memory; the bound is {target.memory_mib} MiB")

    def _check_text(self, text: str, what: str) -> None:
        try:
            check_text(text, what)
        except OracleError as error:
            self._fail(str(error))

    def _fail(self, text: str) -> None:
        self._report.failure = text
        raise _FailedError(text)

    def _hangs(self, frame: Any) -> None:
        where = "".join(traceback.format_stack(frame)[-8:])
        self._report.failure = f"no end within {INPUT_LIMIT_S:g} s:\n{where}"
        _send(self._report)
        os._exit(1)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _limit_memory(allowed_mib: int) -> None:
    """Let an allocation far beyond the bound fail, so that the machine is not harmed."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (2 * allowed_mib + 512) * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _batches(target: FuzzTarget, count: int, first_seed: int) -> Iterator[Any]:
    """Yield functions that give up to `_BATCH` inputs to a function."""
    for start in range(0, count, _BATCH):
        number = min(_BATCH, count - start)

        def batch(handle: Any, number: int = number, start: int = start) -> None:
            @seed(first_seed * 1_000_003 + start)
            @settings(
                max_examples=number,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(target.inputs)
            def feed(data: bytes) -> None:
                handle(data)

            feed()

        yield batch


def _warm_up() -> None:
    """Let hypothesis read the constants of the loaded modules once, not in the process of each target."""

    @settings(max_examples=1, database=None, phases=[Phase.generate])
    @given(st.binary())
    def nothing(data: bytes) -> None:
        del data

    nothing()


_pipe: int = -1


def _send(report: Report) -> None:
    os.write(_pipe, json.dumps(vars(report)).encode()[:60_000] + b"\n")


def run(target: FuzzTarget, inputs: Iterator[Any]) -> tuple[Report, bytes]:
    """Run one target in a process of its own; return the report and the last input."""
    global _pipe  # noqa: PLW0603 - of the child only
    shared = mmap.mmap(-1, _SHARED_BYTES)
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            _pipe = writing
            _send(_Child(target, shared).run(inputs))
            status = 0
        except BaseException:  # noqa: BLE001 - the parent reports it
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    ended = _wait(child, shared)
    with os.fdopen(reading, "rb") as pipe:
        line = pipe.read()
    number, length = _SHARED_HEADER.unpack_from(shared, 0)
    last = shared[_SHARED_HEADER.size : _SHARED_HEADER.size + length]
    report = Report(**json.loads(line)) if line else Report(target.name, inputs=number, failure=ended)
    return report, last


def _wait(child: int, shared: mmap.mmap) -> str:
    """Wait for the end of a child, or kill one that makes no progress; return how it ended."""
    number, since = 0, time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return f"the process ended with {signal.Signals(-code).name if code < 0 else f'status {code}'}"
        now = time.monotonic()
        current = _SHARED_HEADER.unpack_from(shared, 0)[0]
        if current != number:
            number, since = current, now
        elif now - since > _NATIVE_LIMIT_S:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"no end within {_NATIVE_LIMIT_S:g} s, in native code"
        time.sleep(0.02)


def main() -> int:
    """Run the targets and print one line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", action="append", help="a target; may be repeated; by default all")
    parser.add_argument(
        "--group",
        action="append",
        choices=sorted(fuzz_targets.GROUPS),
        help="the targets of one group; may be repeated; by default all",
    )
    parser.add_argument("--count", type=int, default=10_000, help="inputs of each target (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same inputs (default 0)")
    parser.add_argument("--input", type=Path, help="a saved input for one --target, instead of new ones")
    parser.add_argument("--quick", action="store_true", help="fewer inputs for slow targets, as in the tests")
    parser.add_argument("--list", action="store_true", help="list the targets")
    arguments = parser.parse_args()
    targets = fuzz_targets.load(arguments.group, arguments.target)
    if not targets:
        parser.error("there is no such target; see --list")
    if arguments.list:
        print("\n".join(target.name for target in targets))
        return 0
    if arguments.input is not None and len(targets) != 1:
        parser.error("--input needs one --target")
    return 1 if _run_all(targets, arguments) else 0


def _run_all(targets: list[FuzzTarget], arguments: argparse.Namespace) -> int:
    failures = 0
    _warm_up()
    print(f"{'target':<28}{'inputs':>8}{'refused':>9}{'accepted':>10}{'seconds':>9}{'MiB':>7}", flush=True)
    for target in targets:
        count = max(1, round(arguments.count * target.share)) if arguments.quick else arguments.count
        if arguments.input is None:
            inputs = _batches(target, count, arguments.seed)
        else:
            data = arguments.input.read_bytes()
            inputs = iter([lambda handle, data=data: handle(data)])
        report, last = run(target, inputs)
        print(
            f"{report.name:<28}{report.inputs:>8}{report.refused:>9}{report.accepted:>10}"
            f"{report.seconds:>9.1f}{report.memory_mib:>7.0f}",
            flush=True,
        )
        if report.failure:
            failures += 1
            saved = arguments.input
            if saved is None:
                OUTPUT.mkdir(exist_ok=True)
                saved = OUTPUT / f"{report.name}.bin"
                saved.write_bytes(last)
            print(f"FAILED {report.name}: input {report.inputs}, saved as {saved}: {last[:200]!r}")
            print(report.failure, flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
