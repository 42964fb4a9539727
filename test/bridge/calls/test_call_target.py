"""The target of calls, with and without an API key."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from odyssey_ros.bridge.calls.call_target import CallTarget
from odyssey_ros.client import ErrorCode, OdysseyError

SUPERVISOR = SimpleNamespace(client=object())


def test_a_node_with_a_key_acts_for_the_account():
    assert CallTarget(SUPERVISOR, holds_key=True).account() is SUPERVISOR.client


def test_a_node_with_minted_credentials_does_not():
    with pytest.raises(OdysseyError, match="needs an API key") as caught:
        CallTarget(SUPERVISOR, holds_key=False).account()
    assert caught.value.code is ErrorCode.NO_API_KEY
