from __future__ import annotations

import dataclasses

import pytest

from odyssey_ros.client import AdvancedConfig, ClientConfig, Odyssey, OdysseyArgumentError


def test_the_sdks_options_have_the_sdks_defaults():
    config = AdvancedConfig()
    assert (config.max_retries, config.initial_retry_delay_ms, config.max_retry_delay_ms) == (5, 1000, 2000)
    assert (config.retry_backoff_multiplier, config.queue_timeout_s) == (2.0, 30)
    assert AdvancedConfig(3, 1, 2, 1.5, 0).max_retries == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_retries", -1),
        ("initial_retry_delay_ms", -1),
        ("retry_backoff_multiplier", 0.5),
        ("retry_jitter", 1.5),
        ("queue_timeout_s", -1),
        ("connect_timeout_s", 0),
        ("request_timeout_s", float("inf")),
        ("operation_timeout_s", float("nan")),
        ("frame_timeout_s", -3),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(name, value):
    with pytest.raises(OdysseyArgumentError, match=name):
        AdvancedConfig(**{name: value})


@pytest.mark.parametrize(
    "name", ["max_retries", "operation_timeout_s", "frame_timeout_s", "region_timeout_s"]
)
def test_none_disables_what_it_is_said_to_disable(name):
    assert getattr(AdvancedConfig(**{name: None}), name) is None


def test_what_is_not_given_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_env")
    monkeypatch.setenv("ODYSSEY_API_URL", "https://example.org/base/")
    config = ClientConfig.resolve()
    assert (config.api_key, config.api_url) == ("ody_env", "https://example.org/base")
    assert ClientConfig.resolve("ody_arg", "http://127.0.0.1:1").api_key == "ody_arg"
    monkeypatch.delenv("ODYSSEY_API_URL")
    monkeypatch.delenv("ODYSSEY_API_KEY")
    assert ClientConfig.resolve() == ClientConfig("", "https://api.odyssey.ml")
    assert "ody_arg" not in repr(ClientConfig("ody_arg"))
    assert dataclasses.is_dataclass(ClientConfig)


@pytest.mark.parametrize(
    "url", ["api.odyssey.ml", "ftp://h", "http://", "http://[::1", "https://h:port", "https://h?x=y"]
)
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(OdysseyArgumentError, match="http"):
        Odyssey("ody_x", api_url=url)


def test_making_a_client_does_nothing_and_needs_no_loop(caplog):
    import logging

    client = Odyssey("ody_x", debug=True, enable_telemetry=True, some_option=1)
    assert "some_option" in caplog.text
    assert "enable_telemetry" not in caplog.text
    assert client.statistics.frames_decoded == 0
    assert client.current_session_id is client.capabilities is client.last_applied_prompt is None
    assert logging.getLogger("odyssey_ros.client").level == logging.DEBUG
    logging.getLogger("odyssey_ros.client").setLevel(logging.NOTSET)
