"""Job faults; `test_jobs_api` tests their effect on jobs."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import JobFail, JobHold
from odyssey_ros.emulator.faults.fault_parsing import parse_fault_option
from odyssey_ros.emulator.http.json_fields import InvalidFieldError


@pytest.mark.parametrize("kind", [JobFail, JobHold])
@pytest.mark.parametrize("state", ["dispatched", "processing", "completed"])
def test_a_fault_applies_before_a_state(kind, state):
    assert parse_fault_option(f"{kind.name},before={state}")[0] == kind(before=state)


@pytest.mark.parametrize("kind", [JobFail, JobHold])
def test_unknown_states_are_refused(kind):
    with pytest.raises(InvalidFieldError, match="before: must be one of dispatched"):
        parse_fault_option(f"{kind.name},before=done")


def test_a_failure_happens_once_and_a_hold_is_a_state():
    assert (JobFail().mode, JobHold().mode) == ("answer", "state")
