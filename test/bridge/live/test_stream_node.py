"""A node that publishes a live stream, with a session of the test; processes are in test_bridge_node."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from rclpy.parameter import Parameter

from odyssey_ros.bridge.live.diagnostics import bridge_diagnostics
from odyssey_ros.bridge.live.stream_node import StreamNode
from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.bridge.spectator_parameters import SETTINGS, SpectatorParameters
from odyssey_ros.client import (
    ClientStatistics,
    ConnectionStatus,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyStreamError,
)


@dataclass
class Session:
    """A session that does nothing."""

    observer: object
    stream_wanted = True
    statistics = ClientStatistics()
    running = closed = False

    async def run(self):
        self.running = True

    async def close(self):
        self.closed = True


class Live(StreamNode):
    """A stream node that stores what it publishes."""

    def __init__(self, **options):
        self.refusal, self.published, self.diagnostics = None, [], []
        super().__init__("live", SETTINGS, SpectatorParameters, **options)
        self.begin()

    def _publish_status(self):
        self.published.append(self._state)
        super()._publish_status()

    def session_maker(self, parameters):
        if self.refusal is not None:
            raise self.refusal
        return Session

    def assess(self, health):
        parts = bridge_diagnostics(health)
        self.diagnostics.append({name: part.level.name for name, part in parts.items()})
        return "host", parts


@pytest.fixture
def graph(local_graph):
    options = {"parameter_overrides": [Parameter("autostart", value=False)]}
    return local_graph.add(Live(context=local_graph.context, **options)), local_graph.until


def test_a_session_lives_while_the_node_is_configured(graph):
    node, until = graph
    node.trigger_configure()
    session = node.binding.session
    until(lambda: session.running)
    node.trigger_activate()
    node.trigger_deactivate()
    node.trigger_cleanup()
    until(lambda: session.closed)
    assert node.lifecycle_state == "unconfigured"
    session.observer.state_changed(SessionState(prompt="late"))
    assert node.published[-1] == SessionState()


def test_states_are_published_and_shown_in_diagnostics(graph):
    node, until = graph
    node.trigger_configure()
    state = SessionState(connection=ConnectionStatus.CONNECTED, reconnects=1)
    node.binding.session.observer.state_changed(state)
    until(lambda: node.published[-1] == state)
    until(lambda: node.diagnostics and node.diagnostics[-1]["connection"] == "OK")
    node.binding.session.observer.state_changed(
        replace(state, connection=ConnectionStatus.RECONNECTING, message="lost")
    )
    until(lambda: node.diagnostics[-1]["connection"] == "WARN")


def test_a_limit_in_an_event_is_shown_in_diagnostics(graph):
    node, until = graph
    node.trigger_configure()
    error = OdysseyStreamError("not now", code=ErrorCode.LEASE_DENIED)
    node.binding.session.observer.event_happened(Event.of_error(error))
    node.binding.session.observer.event_happened(Event(EventKind.DISCONNECTED))
    until(lambda: node.diagnostics and node.diagnostics[-1]["limits"] == "WARN")


def test_a_fatal_failure_takes_the_node_to_unconfigured_and_stays_on_the_status(graph):
    node, until = graph
    node.trigger_configure()
    node.trigger_activate()
    session, error = node.binding.session, OdysseyAuthError("wrong key", action="Use another key.")
    failed = SessionState(connection=ConnectionStatus.FAILED, error_code=error.code, message="wrong key")
    session.observer.state_changed(failed)
    session.observer.gave_up(error)
    until(lambda: node.lifecycle_state == "unconfigured" and session.closed)
    assert node.published[-1] == failed


def test_a_refused_configuration_is_on_the_status(graph):
    node, _ = graph
    node.refusal = OdysseyArgumentError("no broadcast")
    node.trigger_configure()
    assert node.lifecycle_state == "unconfigured"
    assert (node.published[-1].error_code, node.published[-1].message) == (
        ErrorCode.CONFIGURATION, "no broadcast",
    )  # fmt: skip
    node.refusal = None
    node.trigger_configure()
    assert node.published[-1] == SessionState()


def test_changed_parameters_reach_the_topics(graph):
    node, _ = graph
    node.set_parameters([Parameter("frame_id", value="left")])  # before there are topics
    node.trigger_configure()
    assert node.binding.images.settings.frame_id == "left"
    node.set_parameters([Parameter("encoding", value="mono8")])
    assert node.binding.images.settings.encoding == "mono8"
