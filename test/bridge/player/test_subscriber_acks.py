"""The wait for subscribers to process messages, with responses that get lost and nodes found late."""

from __future__ import annotations

import threading
import time

import pytest
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from odyssey_ros.bridge.player import subscriber_acks
from odyssey_ros.bridge.player.subscriber_acks import SubscriberAcks
from waiting import wait_until

TIMEOUT_S = 60.0


@pytest.fixture
def published(node):
    """A publisher, and the acknowledgements of its subscribers."""
    publisher = node.create_publisher(String, "~/label", QoSProfile(depth=1))
    acks = SubscriberAcks(node, [publisher])
    yield publisher, acks
    node.calls.post(acks.destroy)


def trainer(callback, **options):
    """Return a maker of a node that subscribes before it spins, as trainers do."""

    def make(name, context):
        node = Node(name, context=context, **options)
        node.create_subscription(String, "/player/label", callback, 1)
        return node

    return make


def time_limit():
    """Return a function that returns true after a generous limit."""
    deadline = time.monotonic() + TIMEOUT_S
    return lambda: time.monotonic() > deadline


def find(publisher, count=1):
    wait_until(lambda: publisher.get_subscription_count() >= count, "the subscribers")


def test_without_subscribers_nothing_is_awaited(published):
    publisher, acks = published
    publisher.publish(String(data="a"))
    assert acks.wait(time_limit())


def test_a_message_is_processed_when_its_callback_has_returned(spin, published):
    publisher, acks = published
    processed = []

    def slowly(message):
        time.sleep(0.1)
        processed.append(message.data)

    spin(trainer(slowly), "trainer")
    find(publisher)
    for text in "abc":
        publisher.publish(String(data=text))
        assert acks.wait(time_limit())
        assert processed[-1] == text
    assert processed == ["a", "b", "c"]


def test_a_request_without_a_response_is_repeated(spin, published, monkeypatch):
    monkeypatch.setattr(subscriber_acks, "RETRY_PERIOD_S", 0.1)
    publisher, acks = published
    node = spin(trainer(lambda _: None), "trainer")
    (service,) = (one for one in node.services if one.srv_name.endswith("/get_parameter_types"))
    send, lost = service.send_response, []

    def lose_two(response, header):
        if len(lost) < 2:
            lost.append(response)
        else:
            send(response, header)

    service.send_response = lose_two
    find(publisher)
    publisher.publish(String(data="a"))
    assert acks.wait(time_limit())
    assert len(lost) == 2


def test_a_node_without_parameter_services_has_processed_what_it_acknowledged(spin, published):
    publisher, acks = published

    spin(trainer(lambda _: None, start_parameter_services=False), "echo")
    find(publisher)
    publisher.publish(String(data="a"))
    assert acks.wait(time_limit())
    assert not acks._has_parameter_services("/echo")


def test_a_node_with_parameter_services_is_recognized(spin, published):
    _, acks = published
    spin(trainer(lambda _: None), "trainer")
    wait_until(lambda: acks._has_parameter_services("/trainer"), "the parameter services")
    assert acks._has_parameter_services("/nobody/_NODE_NAME_UNKNOWN_")
    assert not acks._has_parameter_services("/nobody")


def test_parameter_services_that_are_found_late_are_awaited(spin, published, monkeypatch):
    monkeypatch.setattr(subscriber_acks, "NO_SERVICE_TIMEOUT_S", 0.0)
    publisher, acks = published
    monkeypatch.setattr(acks, "_has_parameter_services", lambda name: True)
    create, polls = acks._node.create_client, []

    def found_late(*arguments, **options):
        client = create(*arguments, **options)
        ready = client.service_is_ready

        def is_ready():
            polls.append(client.srv_name)
            return len(polls) > 5 and ready()

        client.service_is_ready = is_ready
        return client

    monkeypatch.setattr(acks._node, "create_client", found_late)
    processed = []
    spin(trainer(lambda message: processed.append(message.data)), "trainer")
    find(publisher)
    publisher.publish(String(data="a"))
    assert acks.wait(time_limit())
    assert processed == ["a"]
    assert len(polls) > 5


def test_subscribers_that_appear_late_in_the_graph_are_awaited(spin, published, monkeypatch):
    publisher, acks = published
    shown = []
    infos = acks._node.get_subscriptions_info_by_topic

    def late(topic):
        shown.append(topic)
        return infos(topic) if len(shown) > 5 else []

    processed = []
    spin(trainer(lambda message: processed.append(message.data)), "trainer")
    find(publisher)
    monkeypatch.setattr(acks._node, "get_subscriptions_info_by_topic", late)
    publisher.publish(String(data="a"))
    assert acks.wait(time_limit())
    assert processed == ["a"]
    assert len(shown) > 5


def test_an_interrupted_wait_can_be_continued(spin, published):
    publisher, acks = published
    started, release = threading.Event(), threading.Event()

    def hang(_):
        started.set()
        release.wait(TIMEOUT_S)

    spin(trainer(hang), "trainer")
    find(publisher)
    publisher.publish(String(data="a"))
    assert started.wait(TIMEOUT_S)
    assert not acks.wait(lambda: True)
    release.set()
    assert acks.wait(time_limit())
