"""The order in which results are taken, and that long inputs are taken slowly."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from engine_tasks import double, fail
from odyssey_ros.dataset.engines.process_engine import ProcessEngine
from odyssey_ros.dataset.engines.task_engine import LostClusterError, finished_tasks
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def engine() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(1)
    yield engine
    engine.close()


def test_each_argument_has_its_result(engine: ProcessEngine) -> None:
    results = {argument: future.result() for argument, future in finished_tasks(engine, double, range(20))}
    assert results == {number: 2 * number for number in range(20)}


def test_a_failure_ends_no_other_task(engine: ProcessEngine) -> None:
    failures = [future.exception() for _, future in finished_tasks(engine, fail, range(3))]
    assert [type(failure) for failure in failures] == [EpisodeError] * 3


class LostCluster:
    """An engine whose cluster is lost while tasks run."""

    width = 1

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(LostClusterError("the head node died"))
        return future

    def close(self) -> None:
        pass


def test_a_lost_cluster_ends_all_tasks() -> None:
    with pytest.raises(LostClusterError):
        next(finished_tasks(LostCluster(), double, range(3)))


def test_arguments_are_taken_slowly(engine: ProcessEngine) -> None:
    taken: list[int] = []

    def arguments() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    tasks = finished_tasks(engine, double, arguments())
    next(tasks)
    assert len(taken) <= 2 * engine.width
    assert 1 + sum(1 for _ in tasks) == 100


def test_nothing_to_do(engine: ProcessEngine) -> None:
    assert list(finished_tasks(engine, double, ())) == []
