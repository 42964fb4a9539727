"""The lifecycle of a managed node; processes are in test_bridge_node."""

from __future__ import annotations

import asyncio
import threading

import pytest
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused, ManagedNode

SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


class Device(ManagedNode):
    """Stores the calls, and raises a prepared exception in each of them."""

    def __init__(self, **options):
        self.seen, self.failures = [], {}
        super().__init__("device", **options)

    def _run(self, name):
        self.seen.append(name)
        if name in self.failures:
            raise self.failures[name]

    def configure(self):
        self._run("configure")

    def activate(self):
        self._run("activate")

    def deactivate(self):
        self._run("deactivate")

    def release(self):
        self._run("release")


@pytest.fixture
def graph(local_graph):
    device = local_graph.add(Device(context=local_graph.context))
    return device, local_graph.until, local_graph.executor, local_graph.context


@pytest.fixture
def device(graph):
    return graph[0]


def test_transitions_call_the_subclass(device):
    assert device.trigger_configure() is SUCCESS
    assert device.lifecycle_state == "inactive"
    assert device.trigger_activate() is SUCCESS
    assert device.lifecycle_state == "active"
    device.bring_down()
    assert device.lifecycle_state == "unconfigured"
    assert device.trigger_shutdown() is SUCCESS
    assert device.lifecycle_state == "finalized"
    assert device.seen == ["configure", "activate", "deactivate", "release", "release"]


def test_a_refused_configuration_leaves_the_node_unconfigured(device):
    device.failures["configure"] = ConfigurationRefused("no key: set one")
    assert device.trigger_configure() is FAILURE
    assert device.lifecycle_state == "unconfigured"
    assert device.seen == ["configure"]


@pytest.mark.parametrize("name", ["configure", "activate", "deactivate"])
def test_a_defect_takes_the_node_to_unconfigured(device, name):
    device.failures[name] = ZeroDivisionError("a defect")
    outcomes = [device.trigger_configure()]
    if name != "configure":
        outcomes.append(device.trigger_activate())
    if name == "deactivate":
        outcomes.append(device.trigger_deactivate())
    assert outcomes[-1] is ERROR
    assert device.lifecycle_state == "unconfigured"
    assert device.seen[-1] == "release"


def test_autostart_waits_until_the_node_spins(graph):
    device, until, *_ = graph
    device.start_by_itself()
    assert device.lifecycle_state == "unconfigured"
    until(lambda: device.lifecycle_state == "active")


def test_autostart_does_not_activate_a_node_that_refuses(graph):
    device, until, executor, _ = graph
    device.failures["configure"] = ConfigurationRefused("no")
    device.start_by_itself()
    until(lambda: device.seen)
    executor.spin_once(timeout_sec=0.05)
    assert device.seen == ["configure"]


def test_an_impossible_transition_is_refused(graph):
    device, until, executor, context = graph
    caller = Node("caller", context=context)
    executor.add_node(caller)
    client = caller.create_client(ChangeState, "/device/change_state")
    until(client.service_is_ready)
    for transition, success in (
        (Transition(id=Transition.TRANSITION_ACTIVATE), False),
        (Transition(label="no such transition", id=200), False),
        (Transition(id=Transition.TRANSITION_CONFIGURE), True),
    ):
        future = client.call_async(ChangeState.Request(transition=transition))
        until(future.done)
        assert future.result().success is success
    assert device.lifecycle_state == "inactive"
    caller.destroy_node()


def test_every_service_retries_its_responses_and_keeps_its_identity(device):
    names = {service.srv_name for service in device.services}
    assert {"/device/change_state", "/device/get_state"} <= names
    assert [id(service) for service in device.services] == [id(service) for service in device.services]


def test_a_negative_time_on_the_clock_does_not_end_the_process(local_graph):
    parameters = [Parameter("use_sim_time", value=True)]
    device = local_graph.add(Device(context=local_graph.context, parameter_overrides=parameters))
    simulator = local_graph.add(Node("simulator", context=local_graph.context))
    clock = simulator.create_publisher(Clock, "/clock", 10)

    def reached(seconds):
        clock.publish(Clock(clock=Time(sec=-seconds)))
        clock.publish(Clock(clock=Time(sec=seconds)))
        return device.get_clock().now().nanoseconds == seconds * 1_000_000_000

    local_graph.until(lambda: reached(5))
    local_graph.until(lambda: reached(3))


def test_a_failing_coroutine_is_logged_not_raised(device):
    async def broken():
        raise ZeroDivisionError("a defect")

    future = device.start(broken())
    with pytest.raises(ZeroDivisionError):
        future.result(60)


def test_destroying_waits_for_background_work(local_graph):
    device = Device(context=local_graph.context)
    ended = threading.Event()

    async def work():
        await asyncio.sleep(0.05)
        ended.set()

    device.finish_in_background(device.start(work()))
    device.destroy_node()
    assert ended.is_set()
    assert device.seen == ["release"]
