"""The action ~/run_simulation on a real graph, against a real emulator."""

from __future__ import annotations

import httpx
import pytest
from action_msgs.msg import GoalStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import Script, ScriptEntry, StreamStatus
from odyssey_ros.srv import ListSimulationJobs
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile

KEY = "ody_test_key"
SUCCEEDED, CANCELED, ABORTED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_CANCELED,
    GoalStatus.STATUS_ABORTED,
)


def script(milliseconds=500, prompt="a calm sea"):
    return [
        ScriptEntry(timestamp_ms=0, action=ScriptEntry.START, prompt=prompt),
        ScriptEntry(timestamp_ms=milliseconds, action=ScriptEntry.END),
    ]


class Goal:
    """A sent goal, with its feedback and its result."""

    def __init__(self, client, probe, wait_until, request, messages):
        sent = probe.do(lambda: client.send_goal_async(request))
        wait_until(sent.done, "the goal's acceptance")
        self.handle = sent.result()
        assert self.handle.accepted
        self._result = probe.do(self.handle.get_result_async)
        self._messages = messages
        self._probe, self._wait_until = probe, wait_until

    @property
    def feedback(self):
        return [one.feedback.job for one in self._messages if one.goal_id == self.handle.goal_id]

    @property
    def states(self):
        return [job.status for job in self.feedback]

    @property
    def is_over(self):
        return self._result.done()

    def cancel(self):
        cancelled = self._probe.do(self.handle.cancel_goal_async)
        self._wait_until(cancelled.done, "the answer to cancelling")
        assert cancelled.result().goals_canceling

    def end(self, timeout=60):
        self._wait_until(self._result.done, "the goal's end", timeout)
        return self._result.result().status, self._result.result().result


@pytest.fixture
def send_goal(probe, wait_until):
    """Sends goals to the bridge."""
    # rclpy's client drops feedback that arrives after the result, so a subscription collects the feedback.
    feedback = "/odyssey/run_simulation/_action/feedback"
    messages = probe.listen(RunSimulation.Impl.FeedbackMessage, feedback, QoSProfile(depth=100))
    client = probe.do(lambda: ActionClient(probe.node, RunSimulation, "/odyssey/run_simulation"))
    known: list[str] = []

    def send(**fields):
        wait_until(client.server_is_ready, "the action server")
        if not known:
            probe.wait_for_publisher(feedback)
            known.append(feedback)
        return Goal(client, probe, wait_until, RunSimulation.Goal(**fields), messages)

    yield send
    probe.do(client.destroy)


@pytest.fixture
def bridge(start_bridge, probe, wait_until):
    """A bridge with a short poll period."""
    statuses = probe.statuses()
    process = start_bridge({"simulation_poll_period": 0.2})
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    return process


def change(probe, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    assert probe.call(ChangeState, "/odyssey/change_state", request).success


def test_a_batch_to_its_videos(bridge, send_goal, wait_until):
    goal = send_goal(
        scripts=[Script(entries=script(prompt=p)) for p in ("a forest", "a city")], portrait=True
    )
    status, result = goal.end()
    assert (status, result.success, result.error_code, result.message) == (SUCCEEDED, True, "", "")
    assert result.job.status == "completed"
    assert [stream.script_index for stream in result.job.streams] == [0, 1]
    assert httpx.get(result.job.streams[0].video_url, timeout=60).content[4:8] == b"ftyp"
    wait_until(lambda: goal.states[-1:] == ["completed"], "the last feedback")
    assert goal.states == ["pending", "dispatched", "processing", "completed"]
    assert not any(stream.video_url for job in goal.feedback for stream in job.streams)  # feedback is a topic
    assert goal.feedback[-1].streams[0].stream_id == result.job.streams[0].stream_id
    assert result.job.streams[0].video_url.partition("?")[2] not in bridge.text


def test_feedback_at_every_state_and_cancelling(bridge, send_goal, emulator, probe, wait_until):
    emulator.fault(fault="job_hold", before="dispatched", count=0)
    held, other = send_goal(script=script()), send_goal(script=script())
    wait_until(lambda: held.states == other.states == ["pending"], "both to be queued")
    held.cancel()
    status, result = held.end()
    assert (status, result.success, result.error_code) == (CANCELED, False, "JOB_CANCELLED")
    assert result.job.status == "cancelled"
    wait_until(lambda: held.states == ["pending", "cancelled"], "the last feedback")
    assert not other.is_over
    jobs = probe.call(ListSimulationJobs, "/odyssey/list_simulation_jobs").jobs
    assert sorted(job.status for job in jobs) == ["cancelled", "pending"]

    emulator.fault(fault="job_hold", before="completed", count=0)
    for fault in httpx.get(f"{emulator.url}/control/faults").json()["faults"]:
        if fault["before"] == "dispatched":
            httpx.delete(f"{emulator.url}/control/faults/{fault['id']}")
    wait_until(lambda: "processing" in other.states, "processing")
    other.cancel()  # too late
    status, result = other.end()
    assert (status, result.success, result.error_code) == (CANCELED, False, "NOT_CANCELLABLE")
    assert "runs to its end" in result.message
    assert result.job.status == "processing"


def test_failures_abort_the_goal_with_the_reason(bridge, send_goal, emulator, wait_until):
    emulator.fault(fault="job_fail", before="processing", message="out of memory", count=1)
    status, result = send_goal(script=script()).end()
    assert (status, result.success, result.error_code) == (ABORTED, False, "JOB_FAILED")
    assert result.message == "out of memory"
    assert result.job.status == "failed"

    status, result = send_goal().end()
    assert (status, result.error_code) == (ABORTED, "BAD_SCRIPT")
    status, result = send_goal(script=[ScriptEntry(action=7)]).end()
    assert (status, result.error_code) == (ABORTED, "BAD_SCRIPT")
    assert "script[0]" in result.message

    emulator.fault(fault="http_usage_error", endpoint="jobs_submit", code="MONTHLY_LIMIT_REACHED", count=1)
    status, result = send_goal(script=script()).end()
    assert (status, result.error_code) == (ABORTED, "MONTHLY_LIMIT_REACHED")
    assert "Traceback" not in bridge.text

    emulator.fault(fault="http_status", endpoint="jobs_get", status=503, count=2)
    status, result = send_goal(script=script()).end()
    assert (status, result.success) == (SUCCEEDED, True)
    wait_until(lambda: "trying again" in bridge.text, "the line in the log")


def test_several_goals_at_once_and_calls_between_them(bridge, send_goal, emulator, probe, wait_until):
    emulator.fault(fault="job_hold", before="completed", count=0)
    goals = [send_goal(script=script(prompt=f"scene {index}")) for index in range(6)]
    wait_until(
        lambda: probe.call(ListSimulationJobs, "/odyssey/list_simulation_jobs").total == 6,
        "all to be submitted",
    )
    assert not any(goal.is_over for goal in goals)
    httpx.delete(f"{emulator.url}/control/faults").raise_for_status()
    results = [goal.end(90) for goal in goals]
    assert [status for status, _ in results] == [SUCCEEDED] * 6
    assert len({result.job.job_id for _, result in results}) == 6


def test_all_goals_cancelled_at_once(bridge, send_goal, emulator, probe, wait_until):
    from action_msgs.srv import CancelGoal

    emulator.fault(fault="job_hold", before="dispatched", count=0)
    goals = [send_goal(script=script()) for _ in range(4)]
    wait_until(lambda: all(goal.states for goal in goals), "all to be queued")
    answer = probe.call(CancelGoal, "/odyssey/run_simulation/_action/cancel_goal")  # all of them
    assert len(answer.goals_canceling) == 4
    assert [goal.end()[0] for goal in goals] == [CANCELED] * 4
    assert {job["status"] for job in emulator.state()["jobs"]} == {"cancelled"}


def test_goals_of_unconfigured_nodes(start_bridge, send_goal, emulator, probe, wait_until):
    process = start_bridge({"autostart": False})
    status, result = send_goal(script=script()).end()
    assert (status, result.error_code) == (ABORTED, "UNCONFIGURED")
    change(probe, Transition.TRANSITION_CONFIGURE)
    emulator.fault(fault="job_hold", before="dispatched", count=0)
    goal = send_goal(script=script())  # inactive is enough: it needs no stream
    wait_until(lambda: goal.states, "the job")
    change(probe, Transition.TRANSITION_CLEANUP)
    status, result = goal.end()
    assert (status, result.error_code, result.job.status) == (ABORTED, "UNCONFIGURED", "pending")
    assert emulator.state()["jobs"][0]["status"] == "pending"  # the job continues

    change(probe, Transition.TRANSITION_CONFIGURE)
    goal = send_goal(script=script())
    wait_until(lambda: goal.states, "the job")
    assert process.stop() == 0  # in the middle of a goal
    assert "Traceback" not in process.text
    assert "never awaited" not in process.text
