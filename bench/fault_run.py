"""Injects the faults of the emulator one after another, and records how a running bridge recovers.

python3 bench/fault_run.py [--minutes 10] [--only socket_close --only http_flood]

All cases run once, and again until --minutes have passed. Results are written to bench_output/faults.json,
faults.md (the table of docs/faults.md) and faults.log (the log of the bridge). A case is also not as designed
when the bridge shows the API key or a token in `~/status` or in its log, logs a control character, or uses
more memory in addition than the case allows.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import signal
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from cases import FAULT_DOMAIN, KEY, PREFIX, PROMPT, READY, TOP, Run, expect
from endurance import sample
from fault_attacks import ATTACKS
from fault_cases import CASES, Expected, FaultCase, Setting, fault
from graph import Operator
from lifecycle_msgs.msg import Transition
from odyssey_ros.msg import StreamEvent, StreamStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from odyssey_ros.emulator.scene.marker import read_marker

if TYPE_CHECKING:
    import subprocess

NAME = "odyssey"
MAX_PAUSE_S = 0.7  # longest time between two valid frames that is not a gap
STEADY_S = 2.0  # frames without a gap for this long mean that the stream has recovered
MIN_WATCH_S = 4.0
GAP_WITHIN_S = 20.0  # a fault that stops the frames has done so by then
OPERATOR_TIMEOUT_S = 60.0
SETTLE_TIMEOUT_S = 120.0
SECRETS = re.compile(rf"{KEY}|eyJ[\w-]{{10,}}")  # a token is a JWT
CONTROL_CHARACTERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
STABLE_S = 10.5  # a little more than `stable_after_s` of the client


@dataclass(frozen=True)
class Outcome:
    """The outcome of one case.

    Attributes:
        name: The name of the case.
        expected: The expected outcome, as a text.
        behaviour: The observed behaviour, as a text.
        recovered_s: Seconds from the injection to the first valid frame after the longest gap; None without a
            gap, or when an operator had to act.
        gap_s: The longest time without a valid frame, in seconds.
        statuses: The texts of `~/status` meanwhile, each once.
        as_expected: Whether the outcome was the expected one.
        peak_mib: Private and shared memory of the bridge at its peak, beyond that before the case, in MiB.
    """

    name: str
    expected: str
    behaviour: str
    recovered_s: float | None
    gap_s: float
    statuses: list[str] = field(default_factory=list)
    as_expected: bool = True
    peak_mib: float = 0.0


class Witness(Operator):
    """Records every frame, status and event of the bridge."""

    def __init__(self, domain: int) -> None:
        self.frame_times: list[float] = []  # arrival times of valid frames
        self.status_texts: list[tuple[float, str]] = []
        self.events: list[tuple[float, StreamEvent]] = []
        self.connected_at = math.inf
        self._last_counter = -1
        super().__init__(domain, [NAME])
        self.node.create_subscription(Image, f"/{NAME}/image_raw", self._frame_received, QoSProfile(depth=5))
        self.node.create_subscription(StreamEvent, f"/{NAME}/events", self._event, QoSProfile(depth=100))

    @property
    def status(self) -> StreamStatus:
        """The last status."""
        return self.statuses[NAME]

    def _frame_received(self, message: Image) -> None:
        pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        marker = read_marker(pixels) if (message.width, message.height) == (1280, 704) else None
        if marker is not None and marker.counter != self._last_counter:
            self._last_counter = marker.counter
            self.frame_times.append(time.monotonic())

    def _event(self, message: StreamEvent) -> None:
        self.events.append((time.monotonic(), message))

    def _status(self, name: str, status: StreamStatus) -> None:
        if status.connection != StreamStatus.CONNECTED:
            self.connected_at = math.inf
        elif self.connected_at == math.inf:
            self.connected_at = time.monotonic()
        super()._status(name, status)
        text = status.connection_text + ("" if status.streaming else ", no stream")
        if status.error_code or status.message:
            text += f": {': '.join(filter(None, (status.error_code, status.message)))}"
        if not self.status_texts or self.status_texts[-1][1] != text:
            self.status_texts.append((time.monotonic(), text))

    def statuses_since(self, when: float) -> list[str]:
        """Return the texts of the status, each once; texts that differ only in a countdown count as one."""
        texts: dict[str, str] = {}
        for moment, text in self.status_texts:
            if moment >= when:
                texts.setdefault(text.split("; trying again")[0], text)
        return list(texts.values())

    def longest_gap(self, since: float, until: float) -> tuple[float, float | None]:
        """Return the longest time without a frame, and its end; None for the end when it goes on."""
        times = [since, *(moment for moment in list(self.frame_times) if moment > since)]
        gaps = [(after - before, after) for before, after in itertools.pairwise(times)]
        open_gap = until - times[-1]
        longest = max(gaps, default=(0.0, None), key=lambda gap: gap[0])
        return (open_gap, None) if open_gap > longest[0] else longest

    def steady(self, since: float, now: float) -> bool:
        """Return whether frames have arrived without a gap for `STEADY_S`, all of it after `since`."""
        begin = max(since, now - STEADY_S)
        return now - since >= STEADY_S and self.longest_gap(begin, now)[0] <= MAX_PAUSE_S

    def is_streaming(self) -> bool:
        """Return whether the bridge reports a connection and a stream."""
        status = self.status
        return status.connection == StreamStatus.CONNECTED and bool(status.streaming)


class Service:
    """The emulator, which can be killed and started again on the same port."""

    def __init__(self, run: Run, fps: int) -> None:
        self._run = run
        self._fps = fps
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = ""
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Start the emulator without the limits of an account, which would add faults of their own."""
        self.process = self._run.start(
            str(PREFIX / "lib" / "odyssey_ros" / "emulator"),
            *("--host", "127.0.0.1", "--port", str(self._port), "--api-key", KEY, "--fps", str(self._fps)),
            *("--concurrent-sessions", "off", "--no-recordings", "--stream-seconds", "off"),
            *("--connection-seconds", "off"),
        )
        self.url = expect(self.process, READY)
        return self.process

    def arm(self, *faults: dict[str, Any]) -> None:
        """Arm faults."""
        # Escaped, because httpx cannot encode a lone surrogate.
        body = json.dumps(faults)
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(
            f"{self.url}/control/faults", content=body, headers=headers, timeout=10, trust_env=False
        )
        if not answer.is_success:
            raise RuntimeError(f"the emulator refused {faults}: {answer.text}")

    def disarm(self) -> None:
        """Disarm all faults."""
        httpx.delete(f"{self.url}/control/faults", timeout=10, trust_env=False).raise_for_status()


class FaultRun:
    """Injects faults and observes the bridge.

    Args:
        service: The emulator.
        witness: The node that observes the bridge.
        pid: The process of the bridge.
        log: The file of its log.
    """

    def __init__(self, service: Service, witness: Witness, pid: int, log: Path) -> None:
        self._service = service
        self._witness = witness
        self._pid = pid
        self._log = log
        self._answer = ""

    def run(self, case: FaultCase) -> Outcome:
        """Inject one fault, wait for its outcome, and leave a running stream."""
        self._settle()
        witness = self._witness
        logged = self._log.stat().st_size
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")  # the peak starts from now
        before_mib = memory_mib(self._pid, "VmRSS")
        started = time.monotonic()
        self._answer = ""
        self._inject(case)
        end = self._watch(case, started)
        now = time.monotonic()
        gap_s, ended = witness.longest_gap(started, now)
        had_gap = gap_s > MAX_PAUSE_S
        statuses = witness.statuses_since(started)
        harmed = had_gap or interrupted(statuses)
        seconds = round(ended - started, 1) if harmed and ended is not None and end == "gap" else None
        as_expected = True
        if end == "gave up":
            behaviour = f"unconfigured after {now - started:.1f} s"
            as_expected = case.expected is Expected.GIVES_UP and len(statuses) > 0
            recovered = self._recover(case)
            behaviour += f"; frames {recovered:.1f} s after configure" if recovered else "; NOT RECOVERED"
            as_expected = as_expected and recovered is not None
        elif end == "waits":
            behaviour = f"refused permanently after {now - started:.1f} s, waits for a prompt"
            as_expected = case.expected is Expected.WAITS
            recovered = self._recover(case)
            behaviour += f"; frames {recovered:.1f} s after the prompt" if recovered else "; NOT RECOVERED"
            as_expected = as_expected and recovered is not None
        elif end == "stuck":
            behaviour = f"not recovered after {case.timeout_s:.0f} s; no frames for {gap_s:.1f} s"
            as_expected = False
            self._recover(case)
        else:
            behaviour = f"no frames for {gap_s:.1f} s" if harmed else "frames continue"
            if any(text.startswith("reconnecting") for text in statuses):
                behaviour = f"reconnects, {behaviour}"
            elif any("no stream" in text for text in statuses):
                behaviour = f"restarts the stream, {behaviour}"
            as_expected = case.expected in (Expected.FLOWS, Expected.UNHARMED)
            as_expected = as_expected and not (had_gap and case.expected is Expected.UNHARMED)
        if self._answer:
            behaviour += f"; answer {self._answer}"
        as_expected = as_expected and self._answer == case.answer
        peak_mib = round(memory_mib(self._pid, "VmHWM") - before_mib, 1)
        harm = self._harm(statuses, logged)
        if peak_mib > case.peak_mib:
            harm.append(f"{peak_mib:.0f} MiB MORE MEMORY")
        return Outcome(
            case.name,
            case.expected.value,
            "; ".join([behaviour, *harm]),
            seconds,
            round(gap_s, 2),
            statuses,
            as_expected and not harm,
            peak_mib,
        )

    def _harm(self, statuses: list[str], logged: int) -> list[str]:
        """Return what must not happen, whatever the fault: shown secrets and forged lines."""
        with self._log.open(encoding="utf-8", errors="replace") as file:
            file.seek(logged)
            texts = [*statuses, file.read()]
        harm = []
        if any(SECRETS.search(text) for text in texts):
            harm.append("A SECRET IS SHOWN")
        if any(CONTROL_CHARACTERS.search(text) for text in texts):
            harm.append("CONTROL CHARACTERS ARE SHOWN")
        return harm

    def _inject(self, case: FaultCase) -> None:
        service, faults = self._service, [with_date(one) for one in case.faults]
        if case.setting is Setting.ATTACK:
            if faults:
                service.arm(*faults)
            self._answer = ATTACKS[case.name](self._witness, NAME)
        elif case.setting is Setting.STREAMING:
            service.arm(*faults)
        elif case.setting is Setting.LOSS:
            service.arm(*faults, fault("socket_drop"))
        elif case.setting is Setting.STREAM_END:
            service.arm(*faults, fault("stream_end"))
        elif case.setting is Setting.PROMPT:
            service.arm(*faults)
            self._witness.send_prompt(NAME, "a storm at sea, tall waves")
        elif case.setting is Setting.RECONFIGURE:
            service.arm(*faults)
            for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
                self._witness.change_state(NAME, transition)
            self._configure()
        elif case.setting is Setting.RESTART:
            service.process.kill()
            service.process.wait()
            time.sleep(case.seconds)
            service.start()
        elif case.setting is Setting.PAUSE:
            service.process.send_signal(signal.SIGSTOP)
            time.sleep(case.seconds)
            service.process.send_signal(signal.SIGCONT)

    def _watch(self, case: FaultCase, started: float) -> str:
        """Wait for the outcome of a fault; return "gap" (recovered), "gave up", "waits" or "stuck"."""
        witness = self._witness
        while (now := time.monotonic()) - started < case.timeout_s:
            time.sleep(0.05)
            if witness.status.connection == StreamStatus.FAILED:
                self._witness.wait(lambda: witness.lifecycle_state(NAME) == "unconfigured", "unconfigured")
                return "gave up"
            if any(when > started and event.error_code == "STREAM_REFUSED" for when, event in witness.events):
                return "waits"
            seen_gap = witness.longest_gap(started, now)[0] > MAX_PAUSE_S
            seen_gap = seen_gap or interrupted(witness.statuses_since(started))
            long_enough = MIN_WATCH_S if case.expected is Expected.UNHARMED else GAP_WITHIN_S
            watched = now - started > case.duration_s + long_enough
            if (
                (seen_gap or watched)
                and now - started > case.duration_s + STEADY_S
                and witness.steady(started, now)
                and witness.is_streaming()
            ):
                return "gap"
        return "stuck"

    def _recover(self, case: FaultCase) -> float | None:
        """Act as the operator; return the seconds until frames arrived, None when none did."""
        self._service.disarm()
        started = time.monotonic()
        if case.expected is Expected.WAITS and self._witness.status.connection == StreamStatus.CONNECTED:
            self._witness.send_prompt(NAME, PROMPT)
        else:
            for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
                if self._witness.lifecycle_state(NAME) != "unconfigured":
                    self._witness.change_state(NAME, transition)
            self._configure()
        witness = self._witness
        try:
            witness.wait(
                lambda: witness.steady(started, time.monotonic()) and witness.is_streaming(),
                "frames",
                OPERATOR_TIMEOUT_S,
            )
        except TimeoutError:
            return None
        _, ended = witness.longest_gap(started, time.monotonic())
        return None if ended is None else ended - started

    def _configure(self) -> None:
        """Configure and activate, as `ros2 lifecycle set` does."""
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            self._witness.change_state(NAME, transition)

    def _settle(self) -> None:
        """Wait until frames arrive and the connection has lasted long enough to reset the backoff."""
        self._service.disarm()
        witness, started = self._witness, time.monotonic()
        witness.wait(
            lambda: (
                witness.steady(started, time.monotonic())
                and witness.is_streaming()
                and time.monotonic() - witness.connected_at > STABLE_S
            ),
            "frames",
            SETTLE_TIMEOUT_S,
        )


def with_date(fault: dict[str, Any]) -> dict[str, Any]:
    """Return a fault in which a wait such as `+5` is an HTTP date that is so many seconds ahead."""
    wait = fault.get("retry_after", "")
    if not wait.startswith("+"):
        return fault
    then = datetime.now(timezone.utc) + timedelta(seconds=int(wait))
    return {**fault, "retry_after": format_datetime(then, usegmt=True)}


def memory_mib(pid: int, name: str) -> float:
    """Return a field of the status of a process, such as `VmRSS`, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def interrupted(statuses: list[str]) -> bool:
    """Return whether the connection or the stream was lost according to `~/status`."""
    return any(not text.startswith("connected") or "no stream" in text for text in statuses)


def reasons(statuses: list[str]) -> list[str]:
    """Return the reasons in texts of `~/status`, each once; the states where there is no reason."""
    found: list[str] = []
    for text in statuses:
        _, colon, reason = text.partition(": ")
        reason = reason.split("; trying again")[0]
        if not colon or any(reason in earlier for earlier in found):
            continue
        # A status with the reason alone may precede the one that also has the code.
        found = [earlier for earlier in found if not reason.endswith(earlier)]
        found.append(reason)
    return found or [text for text in statuses if text != "connected"]


def markdown(outcomes: list[Outcome]) -> str:
    """Return the table of docs/faults.md."""
    lines = ["| fault | behaviour | seconds to recover | last errors in `~/status` |", "|---|---|---|---|"]
    for outcome in outcomes:
        seconds = "" if outcome.recovered_s is None else f"{outcome.recovered_s:.1f}"
        texts = "; ".join(f"`{text}`" for text in reasons(outcome.statuses)[-2:]).replace("|", "\\|")
        mark = "" if outcome.as_expected else "**not as designed:** "
        lines.append(f"| {outcome.name} | {mark}{outcome.behaviour} | {seconds} | {texts} |")
    return "\n".join(lines) + "\n"


def row(outcome: Outcome) -> str:
    """Return one line for the terminal."""
    seconds = "-" if outcome.recovered_s is None else f"{outcome.recovered_s:.1f}"
    texts = "; ".join(reasons(outcome.statuses)[-1:])
    mark = " " if outcome.as_expected else "!"
    return f"{mark} {outcome.name:<46.46} {outcome.behaviour:<58.58} {seconds:>6}  {texts:.90}"


def main() -> int:
    """Run the cases, print the outcomes and write them to files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="minimum time; all cases run once in any case"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        help="run only the cases whose name contains this text, or another",
    )
    parser.add_argument("--fps", type=int, default=20)
    arguments = parser.parse_args()
    selected = [
        case for case in CASES if not arguments.only or any(one in case.name for one in arguments.only)
    ]
    if not selected:
        parser.error(f"no name of a case contains any of {arguments.only}")
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    with Run(FAULT_DOMAIN) as run, (output / "faults.log").open("w") as log:
        service = Service(run, arguments.fps)
        bridge = run.start(
            *(str(PREFIX / "lib" / "odyssey_ros" / "bridge"), "--ros-args"),
            *("-p", f"api_url:={service.url}", "-p", f"prompt:={PROMPT}"),
            log=log,
        )
        witness = Witness(FAULT_DOMAIN)
        try:
            witness.wait(lambda: NAME in witness.statuses, "the bridge")
            faults = FaultRun(service, witness, bridge.pid, output / "faults.log")
            before: dict[str, float] = {}
            started = time.monotonic()
            print(f"  {'fault':<46} {'behaviour':<58} {'s':>6}  ~/status")
            while len(outcomes) < len(selected) or time.monotonic() - started < arguments.minutes * 60:
                case = selected[len(outcomes) % len(selected)]
                outcomes.append(faults.run(case))
                before = before or sample(bridge.pid)
                print(row(outcomes[-1]), flush=True)
                write(output, outcomes, len(selected))
                if arguments.only and len(outcomes) == len(selected):
                    break
            after = sample(bridge.pid)
        finally:
            witness.close()
    failed = [outcome for outcome in outcomes if not outcome.as_expected]
    minutes = (time.monotonic() - started) / 60
    print(f"  {len(outcomes)} faults in {minutes:.1f} min, {len(failed)} not as designed")
    print(f"  one bridge process throughout: {before} after the first fault, {after} after the last")
    return 1 if failed else 0


def write(output: Path, outcomes: list[Outcome], kinds: int) -> None:
    """Write the outcomes so far; the table has the first outcome of each case."""
    (output / "faults.json").write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    (output / "faults.md").write_text(markdown(outcomes[:kinds]))


if __name__ == "__main__":
    sys.exit(main())
