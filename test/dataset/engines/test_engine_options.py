"""The options that select where tasks run."""

from __future__ import annotations

import argparse
import os

import pytest

from engine_tasks import double
from odyssey_ros.dataset.engines import engine_options
from odyssey_ros.dataset.engines.engine_options import add_engine_options, selected_cluster, selected_engine
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.requirements import MissingPackageError


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_engine_options(parser)
    return parser.parse_args(options)


def test_the_default_is_a_process_for_each_cpu() -> None:
    assert parsed().workers == len(os.sched_getaffinity(0))


def test_the_engine_of_the_options_runs_tasks() -> None:
    with selected_engine(parsed("--workers", "3")) as engine:
        assert engine.width == 3
        assert engine.submit(double, 3).result() == 6


def test_a_command_may_set_the_number_of_processes_otherwise() -> None:
    with selected_engine(parsed(), workers=5) as engine:
        assert engine.width == 5


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(feature: str) -> None:
        raise MissingPackageError(f"{feature} is missing")

    monkeypatch.setattr(engine_options, "require", missing)
    with pytest.raises(PlanError, match="ray is missing"), selected_engine(parsed("--engine", "ray")):
        pass


def test_a_cluster_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with (
        pytest.raises(PlanError, match=r"no Ray cluster at 127\.0\.0\.1:1 "),
        selected_engine(parsed("--engine", "ray", "--address", "127.0.0.1:1")),
    ):
        pass
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:2")
    with (
        pytest.raises(PlanError, match=r"no Ray cluster at 127\.0\.0\.1:2 "),
        selected_engine(parsed("--engine", "ray")),
    ):
        pass


def test_this_machine_is_no_cluster() -> None:
    with selected_cluster(parsed()) as cluster:
        assert cluster is None


def test_an_address_needs_the_engine() -> None:
    with pytest.raises(PlanError, match="add --engine ray"), selected_engine(parsed("--address", "h:1")):
        pass


def test_no_worker_is_an_error() -> None:
    with pytest.raises(SystemExit):
        parsed("--workers", "0")
