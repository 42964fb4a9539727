"""Signals that stop commands: in real processes, whose workers get them too, and several in a row."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from live_bags import LiveStream, write_rosbag
from odyssey_ros.dataset import bags_command, report_command
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.exports import clips_command
from odyssey_ros.dataset.stop_signals import STOP_SIGNALS, run_until_stopped, stoppable
from stored_episodes import TasksHere, add_episode
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
CONTINUE = "interrupted; run the same command again to continue\n"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Each test leaves the handlers as they were."""
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    yield
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def _start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command as the first process of a session of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "odyssey_ros.dataset", *map(str, arguments), "--workers", "1"],
        cwd=ROOT,
        start_new_session=True,
        text=True,
        **{**pipes, **options},
    )


def _left(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(its_session) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_commands_end_and_go_on(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes of a command get the signal, some of them twice. One command loses its terminal."""
    video = make_video(60)
    for number in range(10):
        add_episode(tmp_path / "walks", f"w{number:02}", video, ((0, "a fox"), (30, "rain")))
        write_rosbag(tmp_path / "bags" / f"b{number:02}", LiveStream(video, f"s{number:02}").messages())
    walks = tmp_path / "walks"
    commands: dict[str, tuple[Any, ...]] = {
        "clips": ("export", "clips", walks, "-o", tmp_path / "clips", "--gop", "2"),
        "report": ("report", walks),
        "bags": ("bags", tmp_path / "bags", "-o", tmp_path / "live", "--images", "jpeg"),
    }
    in_work = {
        "clips": "clips/.work/staged/.*.partial",
        "report": "walks/report/.work/w*.json",
        "bags": "live/episodes/.*.partial",
    }
    master, terminal = pty.openpty()
    os.set_blocking(master, False)
    on_terminal = {"stdin": terminal, "stdout": terminal, "stderr": terminal, "preexec_fn": _take_terminal}
    started = {
        name: _start(*command, **on_terminal if name == "clips" else {}) for name, command in commands.items()
    }
    os.close(terminal)
    try:
        waiting = dict(started)

        def signal_those_in_work() -> bool:
            for name in [each for each in waiting if any(tmp_path.glob(in_work[each]))]:
                process = waiting.pop(name)
                assert process.poll() is None, name
                if name == "clips":
                    os.close(master)  # the system sends SIGHUP
                    os.killpg(process.pid, signal.SIGHUP)  # and so do shells
                else:
                    os.killpg(process.pid, signal.SIGTERM)
                    os.killpg(process.pid, signal.SIGHUP if name == "bags" else signal.SIGTERM)
            if "clips" in waiting:
                with contextlib.suppress(BlockingIOError):
                    os.read(master, 65536)  # so that the command is not blocked
            return not waiting

        wait_until(signal_those_in_work, lambda: f"the work of {list(waiting)}")
        for name, process in started.items():
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 130, (name, errors)
            if name != "clips":
                assert errors.endswith(CONTINUE), errors
                assert "Traceback" not in errors
                assert "died" not in errors
            wait_until(lambda process=process: not _left(process.pid), f"the end of the workers of {name}")
    finally:
        for process in started.values():
            process.kill()
    for module in (clips_command, report_command, bags_command):
        monkeypatch.setattr(module, "selected_engine", lambda _: nullcontext(TasksHere()))
    for name, command in commands.items():
        assert main([str(argument) for argument in command]) == 0, name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_once(number: int) -> None:
    cleaned = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(number)

    with pytest.raises(KeyboardInterrupt), stoppable():
        work()
    assert cleaned


def test_ignored_signals_stay_ignored() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
        run_until_stopped(_hang_up())
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


async def _hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)


def test_a_coroutine_cleans_up_whatever_follows() -> None:
    ended = []

    async def work(*numbers: int) -> None:
        try:
            os.kill(os.getpid(), numbers[0])
            await asyncio.sleep(60)
        finally:
            for number in numbers[1:]:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.01)
            ended.append(numbers)

    for numbers in (STOP_SIGNALS, (signal.SIGTERM, signal.SIGTERM)):
        with pytest.raises(KeyboardInterrupt):
            run_until_stopped(work(*numbers))
        assert ended.pop() == numbers
    with pytest.raises(KeyboardInterrupt):
        run_until_stopped(work(signal.SIGTERM, signal.SIGINT))  # Ctrl-C ends the clean-up too
    assert not ended


def test_a_result_and_an_error_of_a_coroutine() -> None:
    async def work(value: int) -> int:
        if not value:
            raise ValueError("none")
        return value

    assert run_until_stopped(work(7)) == 7
    with pytest.raises(ValueError, match="none"):
        run_until_stopped(work(0))


def test_other_threads_have_no_handlers() -> None:
    found: list[Any] = []

    def work() -> None:
        with stoppable():
            found.append(signal.getsignal(signal.SIGTERM))
        found.append(run_until_stopped(asyncio.sleep(0, "done")))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL, "done"]


def test_a_command_that_loads_its_packages(tmp_path: Path) -> None:
    (tmp_path / "mcap").mkdir()
    (tmp_path / "mcap" / "__init__.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nimport time\ntime.sleep(60)"
    )
    run = subprocess.run(
        [sys.executable, "-m", "odyssey_ros.dataset", "verify", "out"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "interrupted\n")
