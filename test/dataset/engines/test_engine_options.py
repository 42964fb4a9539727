"""The options that select where tasks run."""

from __future__ import annotations

import argparse
import os

import pytest

from engine_tasks import double
from odyssey_ros.dataset.engines.engine_options import add_engine_options, selected_engine


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


def test_no_worker_is_an_error() -> None:
    with pytest.raises(SystemExit):
        parsed("--workers", "0")
