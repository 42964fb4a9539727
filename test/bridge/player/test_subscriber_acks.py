"""Subscribers that have taken what was published, and their answers that get lost on the way."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from odyssey_ros.bridge.player import subscriber_acks as taken_watch
from odyssey_ros.bridge.player.subscriber_acks import SubscriberAcks
from odyssey_ros.bridge.runtime.managed_node import ManagedNode

PATIENCE_S = 60.0


class Quiet(ManagedNode):
    def configure(self):
        pass

    release = activate = deactivate = configure


@pytest.fixture
def spin(domain_id):
    """Makes nodes that spin, each in a context and a thread of its own."""
    ends = []

    def start(make, name):
        context = Context()
        rclpy.init(context=context, domain_id=domain_id)
        node = make(name, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)

        def run():
            try:
                executor.spin()
            except (ExternalShutdownException, ShutdownException):
                return

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def end():
            executor.shutdown()
            thread.join(10)
            node.destroy_node()
            rclpy.try_shutdown(context=context)

        ends.append(end)
        return node

    yield start
    for end in reversed(ends):
        end()


@pytest.fixture
def published(spin):
    """A publisher, and a watch over who has taken what it published."""
    node = spin(Quiet, "player")
    publisher = node.create_publisher(String, "~/label", QoSProfile(depth=1))
    watch = SubscriberAcks(node, [publisher])
    yield publisher, watch
    node.calls.post(watch.destroy)


def trainer(hear, **options):
    """Makes a node that subscribes before it spins, as trainers do."""

    def make(name, context):
        node = Node(name, context=context, **options)
        node.create_subscription(String, "/player/label", hear, 1)
        return node

    return make


def within_patience():
    deadline = time.monotonic() + PATIENCE_S
    return lambda: time.monotonic() > deadline


def find(publisher, count=1):
    too_late = within_patience()
    while publisher.get_subscription_count() < count:
        assert not too_late()
        time.sleep(0.01)


def test_without_subscribers_all_is_taken(published):
    publisher, watch = published
    publisher.publish(String(data="a"))
    assert watch.wait(within_patience())


def test_a_message_is_taken_when_its_callback_has_returned(spin, published):
    publisher, watch = published
    taken = []

    def slowly(message):
        time.sleep(0.1)
        taken.append(message.data)

    spin(trainer(slowly), "trainer")
    find(publisher)
    for text in "abc":
        publisher.publish(String(data=text))
        assert watch.wait(within_patience())
        assert taken[-1] == text
    assert taken == ["a", "b", "c"]


def test_who_does_not_answer_is_asked_again(spin, published, monkeypatch):
    monkeypatch.setattr(taken_watch, "ASK_AGAIN_S", 0.1)
    publisher, watch = published
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
    assert watch.wait(within_patience())
    assert len(lost) == 2


def test_a_node_without_parameter_services_has_taken_what_it_acknowledged(spin, published):
    publisher, watch = published

    spin(trainer(lambda _: None, start_parameter_services=False), "echo")
    find(publisher)
    publisher.publish(String(data="a"))
    assert watch.wait(within_patience())
    assert not watch._announces("/echo")


def test_a_node_with_parameter_services_announces_them(spin, published):
    _, watch = published
    spin(trainer(lambda _: None), "trainer")
    too_late = within_patience()
    while not watch._announces("/trainer"):
        assert not too_late()
        time.sleep(0.01)
    assert watch._announces("/nobody/_NODE_NAME_UNKNOWN_")
    assert not watch._announces("/nobody")


def test_parameter_services_that_are_found_late_are_waited_for(spin, published, monkeypatch):
    monkeypatch.setattr(taken_watch, "UNANNOUNCED_S", 0.0)
    publisher, watch = published
    monkeypatch.setattr(watch, "_announces", lambda name: True)
    create, looks = watch._node.create_client, []

    def found_late(*arguments, **options):
        client = create(*arguments, **options)
        ready = client.service_is_ready

        def seen():
            looks.append(client.srv_name)
            return len(looks) > 5 and ready()

        client.service_is_ready = seen
        return client

    monkeypatch.setattr(watch._node, "create_client", found_late)
    taken = []
    spin(trainer(lambda message: taken.append(message.data)), "trainer")
    find(publisher)
    publisher.publish(String(data="a"))
    assert watch.wait(within_patience())
    assert taken == ["a"]
    assert len(looks) > 5


def test_subscribers_that_the_graph_shows_late_are_waited_for(spin, published, monkeypatch):
    publisher, watch = published
    shown = []
    infos = watch._node.get_subscriptions_info_by_topic

    def late(topic):
        shown.append(topic)
        return infos(topic) if len(shown) > 5 else []

    taken = []
    spin(trainer(lambda message: taken.append(message.data)), "trainer")
    find(publisher)
    monkeypatch.setattr(watch._node, "get_subscriptions_info_by_topic", late)
    publisher.publish(String(data="a"))
    assert watch.wait(within_patience())
    assert taken == ["a"]
    assert len(shown) > 5


def test_waiting_can_be_interrupted_and_goes_on(spin, published):
    publisher, watch = published
    begun, go_on = threading.Event(), threading.Event()

    def hang(_):
        begun.set()
        go_on.wait(PATIENCE_S)

    spin(trainer(hang), "trainer")
    find(publisher)
    publisher.publish(String(data="a"))
    assert begun.wait(PATIENCE_S)
    assert not watch.wait(lambda: True)
    go_on.set()
    assert watch.wait(within_patience())
