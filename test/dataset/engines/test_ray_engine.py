"""Tasks on a Ray cluster of three nodes: results, errors, secrets, nodes that die and new nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine_tasks import (
    announce_and_wait,
    current_folder,
    die_once,
    double,
    environment,
    fail,
    process_id,
    wait_once,
)
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.engines.task_engine import LostTaskError, finished_tasks
from odyssey_ros.dataset.errors import EpisodeError, PlanError
from waiting import DEFAULT_TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.dataset.engines.ray_engine import RayEngine
    from ray_cluster import RayCluster

LOST_CLUSTER = """
import contextlib, sys
from pathlib import Path
import psutil
from engine_tasks import announce_and_wait, double
from odyssey_ros.dataset.engines import ray_engine
from odyssey_ros.dataset.engines.task_engine import LostClusterError, finished_tasks
from waiting import wait_until

if __name__ == "__main__":
    ray_engine._LOST_SECONDS, ray_engine._WIDTH_SECONDS = 2.0, 0.5
    engine = ray_engine.RayEngine()
    task = engine.submit(announce_and_wait, Path(sys.argv[2]))
    wait_until(Path(sys.argv[2]).exists)
    children = psutil.Process().children(recursive=True)
    for child in children:
        if child.name() == sys.argv[1]:
            child.kill()
    try:
        list(finished_tasks(engine, double, range(300)))
    except LostClusterError as error:
        print(error)
    print(task.exception())
    engine.close()
    for child in children:  # agents of a dead node end a minute later
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.pid != int(Path(sys.argv[2]).read_text()):
                child.kill()
    sys.exit(7)
"""

pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.fixture(scope="module")
def engine(ray_cluster: RayCluster) -> Iterator[RayEngine]:
    from odyssey_ros.dataset.engines.ray_engine import RayEngine

    os.environ["ODYSSEY_API_KEY"] = "ody_of_the_driver"
    try:
        engine = RayEngine(ray_cluster.address)
        assert os.environ.pop("ODYSSEY_API_KEY") == "ody_of_the_driver"
        yield engine
        engine.close()
    finally:
        os.environ.pop("ODYSSEY_API_KEY", None)


def _is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_tasks_run_on_all_nodes(engine: RayEngine) -> None:
    assert engine.width == 3
    results = {argument: future.result() for argument, future in finished_tasks(engine, double, range(12))}
    assert results == {number: 2 * number for number in range(12)}
    assert engine.submit(process_id, 0).result() != os.getpid()


def test_an_error_arrives_as_itself(engine: RayEngine) -> None:
    with pytest.raises(EpisodeError, match="task 3 failed") as caught:
        engine.submit(fail, 3).result()
    assert type(caught.value) is EpisodeError
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.VIDEO_BROKEN, True)
    assert "engine_tasks.py" in str(caught.value.__cause__)


def test_no_task_sees_an_api_key(engine: RayEngine) -> None:
    """Neither that of the driver, nor that of the shell in which the node was started."""
    found = engine.submit(environment, 0).result()
    assert "PATH" in found
    assert "ody_" not in found


def test_relative_paths_refer_to_the_folder_of_the_driver(
    engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.submit(current_folder, 0).result()
    monkeypatch.chdir(tmp_path)
    assert engine.submit(current_folder, 0).result() == str(tmp_path)
    monkeypatch.chdir(before)
    assert engine.submit(current_folder, 0).result() == before


def test_a_task_whose_process_died_is_started_again(engine: RayEngine, tmp_path: Path) -> None:
    neighbours = [engine.submit(double, number) for number in range(4)]
    assert engine.submit(die_once, tmp_path / "first").result() > 0
    assert [future.result() for future in neighbours] == [2 * number for number in range(4)]


def test_a_cancelled_task_ends(engine: RayEngine, tmp_path: Path) -> None:
    future = engine.submit(announce_and_wait, tmp_path / "task")
    wait_until((tmp_path / "task").exists)
    assert future.cancel()
    wait_until(lambda: not _is_alive(int((tmp_path / "task").read_text())))


def test_a_task_whose_node_died_is_started_again_and_the_width_follows(
    engine: RayEngine, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    tasks = {number: engine.submit(wait_once, tmp_path / str(number)) for number in range(3)}
    for number in tasks:
        wait_until((tmp_path / str(number)).exists)
    ends = [int((tmp_path / str(number)).read_text()) for number in tasks]
    victim = next(number for number in tasks if not ray_cluster.is_on_head_node(ends[number]))
    ray_cluster.kill_node(ends[victim])
    wait_until(lambda: engine.width == 2)
    ray_cluster.add_node()
    wait_until(lambda: engine.width == 3)
    assert tasks[victim].result(timeout=DEFAULT_TIMEOUT_S) not in ends
    assert not any(future.done() for number, future in tasks.items() if number != victim)
    for future in tasks.values():
        future.cancel()


def test_close_ends_the_running_tasks(engine: RayEngine, tmp_path: Path) -> None:
    running: Future[Any] = engine.submit(announce_and_wait, tmp_path / "task")
    wait_until((tmp_path / "task").exists)
    engine.close()
    engine.close()  # again, which does nothing
    assert not wait([running], timeout=0).not_done
    with pytest.raises(LostTaskError, match="the run was ended"):
        running.result()
    with pytest.raises(LostTaskError, match="the run was ended"):
        engine.submit(double, 1)
    wait_until(lambda: not _is_alive(int((tmp_path / "task").read_text())))


@pytest.mark.parametrize("lost", ["gcs_server", "raylet"])
def test_a_driver_whose_cluster_is_lost(lost: str, tmp_path: Path) -> None:
    """The head node dies, or only the node of the driver: the tasks fail with one error, and none can start.

    The driver is a process of its own, because Ray ends it some time after the loss.
    """
    script = tmp_path / "driver.py"
    script.write_text(LOST_CLUSTER)
    run = subprocess.run(
        [sys.executable, str(script), lost, str(tmp_path / "task")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=2 * DEFAULT_TIMEOUT_S,  # longer than the wait of the driver, whose failure has the reason
        check=False,
    )
    lines = run.stdout.splitlines()
    assert "start the cluster again, and run the same command again to continue" in lines[0]
    assert lines == [lines[0]] * 2
    assert run.returncode == 7
    wait_until(lambda: not _is_alive(int((tmp_path / "task").read_text())))


def test_what_ray_reports_is_a_lost_task() -> None:
    from ray.exceptions import RaySystemError, RayTaskError, WorkerCrashedError

    from odyssey_ros.dataset.engines.ray_engine import _error_of

    lost = _error_of(WorkerCrashedError())
    assert isinstance(lost, LostTaskError)
    assert str(lost) == "the process or the node died 4 times: WorkerCrashedError"
    missing = RayTaskError("run", "", RaySystemError("No module named 'odyssey_ros'\nTraceback"))
    assert "No module named 'odyssey_ros'" in str(_error_of(missing))
    other = ValueError()
    assert _error_of(other) is other


def test_a_cluster_that_ray_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    from odyssey_ros.dataset.engines import ray_engine

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nDetails")

    monkeypatch.setattr(ray_engine.ray, "init", refuse)
    with pytest.raises(PlanError, match=r"cluster at auto cannot be used: Could not find .* instance\.$"):
        ray_engine.RayEngine("auto")


def test_a_cluster_that_may_need_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    from odyssey_ros.dataset.engines import ray_engine

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Failed to connect to Ray cluster at 10.0.0.1:6379\nDetails")

    monkeypatch.setattr(ray_engine.ray, "init", refuse)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(PlanError, match=r"6379\. If the cluster .* set RAY_AUTH_MODE=token$"):
        ray_engine.RayEngine("auto")
