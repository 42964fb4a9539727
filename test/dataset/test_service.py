"""The protocol of the service matches the client, and URLs stay secret."""

from __future__ import annotations

import inspect

import pytest

from odyssey_ros.client import Odyssey
from odyssey_ros.dataset.service import RemoteStream, Service

METHODS = [name for name, value in vars(Service).items() if inspect.iscoroutinefunction(value)]


def test_the_methods_are_found() -> None:
    assert "simulate" in METHODS
    assert "get_recording" in METHODS


@pytest.mark.parametrize("name", METHODS)
def test_the_client_has_the_method(name: str) -> None:
    wanted = inspect.signature(getattr(Service, name)).parameters
    offered = inspect.signature(getattr(Odyssey, name)).parameters
    assert list(offered)[: len(wanted)] == list(wanted)
    assert [one.default for one in wanted.values()] == [offered[key].default for key in wanted]


def test_urls_do_not_show() -> None:
    stream = RemoteStream("s1", "https://files/video?secret", "http://files/events?secret")
    assert "secret" not in repr(stream)
    assert "s1" in repr(stream)
