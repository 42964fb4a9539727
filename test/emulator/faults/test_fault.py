"""Properties of the base class and of all its subclasses."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from odyssey_ros.emulator.faults import FAULTS, Fault, Mode

KINDS = FAULTS.values()


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_a_mode(kind):
    assert kind.mode in get_args(Mode)


@pytest.mark.parametrize("kind", KINDS)
def test_acts_happen_in_connected_sessions(kind):
    if kind.mode == "act":
        assert kind.in_session
        assert kind.after_connected


@pytest.mark.parametrize("kind", KINDS)
def test_faults_outside_of_sessions_do_not_count_from_a_connection(kind):
    assert kind.in_session or not kind.after_connected


@pytest.mark.parametrize("kind", KINDS)
def test_faults_are_immutable(kind):
    assert issubclass(kind, Fault)
    assert kind.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(kind))
