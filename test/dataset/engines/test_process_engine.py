"""Tasks in local processes: results, errors, processes that die, and a driver that is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine_tasks import announce_and_wait, die, die_once, double, fail, process_id
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.engines.process_engine import ProcessEngine
from odyssey_ros.dataset.engines.task_engine import LostTaskError
from odyssey_ros.dataset.errors import EpisodeError
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(2)
    yield engine
    engine.close()


def is_alive(process: int) -> bool:
    """Return whether a process runs; one that has ended and is not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_tasks_run_in_other_processes(engine: ProcessEngine) -> None:
    assert engine.submit(double, 4).result() == 8
    assert engine.submit(process_id, 0).result() != os.getpid()


def test_an_error_keeps_its_code(engine: ProcessEngine) -> None:
    with pytest.raises(EpisodeError, match="task 3 failed") as caught:
        engine.submit(fail, 3).result()
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.VIDEO_BROKEN, True)


def test_a_task_whose_process_died_is_started_again(engine: ProcessEngine, tmp_path: Path) -> None:
    neighbours = [engine.submit(double, number) for number in range(10)]
    assert engine.submit(die_once, tmp_path / "first").result() > 0
    assert [future.result() for future in neighbours] == [2 * number for number in range(10)]


def test_a_task_that_always_kills_its_process_is_lost(
    engine: ProcessEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LostTaskError):
        engine.submit(die, 0).result()
    assert [message[-9:] for message in caplog.messages] == ["(start 2)", "(start 3)"]
    assert engine.submit(double, 1).result() == 2


def test_close_ends_running_tasks(engine: ProcessEngine, tmp_path: Path) -> None:
    running = [engine.submit(announce_and_wait, tmp_path / str(number)) for number in range(3)]
    for number in range(2):
        wait_until((tmp_path / str(number)).exists)
    engine.close()
    assert not wait(running[:2], timeout=60).not_done
    assert running[2].cancelled()
    engine.close()  # again, which does nothing
    assert not any(is_alive(int((tmp_path / str(number)).read_text())) for number in range(2))
    assert not (tmp_path / "2").exists()


def test_processes_end_with_a_killed_driver(tmp_path: Path) -> None:
    driver = """if True:
        import sys
        from pathlib import Path
        from engine_tasks import announce_and_wait
        from odyssey_ros.dataset.engines.process_engine import ProcessEngine
        if __name__ == "__main__":
            ProcessEngine(1).submit(announce_and_wait, Path(sys.argv[1])).result()
    """
    script = tmp_path / "driver.py"
    script.write_text(driver)
    announced = tmp_path / "worker"
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, str(script), str(announced)], env={**os.environ, "PYTHONPATH": path}
    ) as process:
        wait_until(announced.exists)
        process.kill()
    wait_until(lambda: not is_alive(int(announced.read_text())))
