"""Requests to the services that rclpy gives every node: none of them ends the process."""

from __future__ import annotations

import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.node import Node

from odyssey_ros.bridge.runtime.managed_node import ManagedNode


class Quiet(ManagedNode):
    """A managed node with a parameter whose callbacks are defective."""

    def __init__(self, **options):
        super().__init__("quiet", **options)
        self.declare_parameter("checked", 1)
        self.declare_parameter("applied", 1)
        self.declare_parameter("good", 1)
        self.add_on_set_parameters_callback(self._check)
        self.add_post_set_parameters_callback(self._apply)

    def _check(self, parameters):
        if parameters[0].name == "checked":
            raise RecursionError("maximum recursion depth exceeded")
        return self.accepted

    def _apply(self, parameters):
        if parameters[0].name == "applied":
            raise FileNotFoundError("no such file")

    def configure(self):
        pass

    release = activate = deactivate = configure


@pytest.fixture
def call(local_graph):
    """Calls a service of the node from another node."""
    Quiet.accepted = SetParametersResult(successful=True)
    node = local_graph.add(Quiet(context=local_graph.context))
    attacker = local_graph.add(Node("attacker", context=local_graph.context))

    def call(kind, name, **fields):
        client = attacker.create_client(kind, f"/quiet/{name}")
        local_graph.until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        local_graph.until(future.done)
        return future.result()

    call.node = node
    return call


def value(name, number=2, kind=ParameterType.PARAMETER_INTEGER):
    return Parameter(name=name, value=ParameterValue(type=kind, integer_value=number))


def test_each_parameter_of_a_request_has_its_own_result(call):
    wrong = value("good", kind=99)
    results = call(
        SetParameters,
        "set_parameters",
        parameters=[
            value("good", 2),
            wrong,
            value("checked"),
            value("applied"),
            value("none"),
            value("good", 3),
        ],
    ).results
    assert [result.successful for result in results] == [True, False, False, False, False, True]
    assert [result.reason.partition(":")[2].strip()[:24] for result in results[1:4]] == [
        "ValueError: 99 is not a ",
        "RecursionError: maximum r"[:24],
        "FileNotFoundError: no su",
    ]
    assert call.node.get_parameter("good").value == 3


@pytest.mark.parametrize("wrong", [value("good", kind=99), value("checked"), value("none"), value("", 1)])
def test_an_atomic_request_is_refused_as_a_whole(call, wrong):
    result = call(
        SetParametersAtomically, "set_parameters_atomically", parameters=[wrong, value("good", 9)]
    ).result
    assert not result.successful
    assert result.reason
    assert call.node.get_parameter("good").value == 1


def test_odd_requests_have_answers(call):
    odd = ["", "none", "a" * 100_000, "a\0b", "..", "ü"]
    assert call(GetParameters, "get_parameters", names=odd) is not None
    assert call(GetParameterTypes, "get_parameter_types", names=odd) is not None
    assert call(DescribeParameters, "describe_parameters", names=odd) is not None
    assert call(ListParameters, "list_parameters", prefixes=odd, depth=2**64 - 1) is not None
    nothing = [value(name, kind=ParameterType.PARAMETER_NOT_SET) for name in ("good", "none", "")]
    results = call(SetParameters, "set_parameters", parameters=nothing).results
    assert not any(result.successful for result in results)
    assert call.node.get_parameter("good").value == 1
