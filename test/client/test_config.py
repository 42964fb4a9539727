"""The configuration of a client: defaults, validation, environment."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from odyssey_ros.client import AdvancedConfig, ClientConfig, Odyssey, OdysseyArgumentError


def test_the_sdks_options_have_the_sdks_defaults():
    config = AdvancedConfig()
    assert (config.max_retries, config.initial_retry_delay_ms, config.max_retry_delay_ms) == (5, 1000, 2000)
    assert (config.retry_backoff_multiplier, config.queue_timeout_s) == (2.0, 30)
    assert AdvancedConfig(3, 1, 2, 1.5, 0).max_retries == 3


def test_the_configuration_takes_the_sdks_arguments_by_position():
    advanced = AdvancedConfig(max_retries=3)
    config = ClientConfig("ody_x", "http://h", True, advanced)
    assert (config.api_key, config.api_url, config.debug, config.advanced) == (
        "ody_x",
        "http://h",
        True,
        advanced,
    )
    assert [field.name for field in dataclasses.fields(ClientConfig)] == [
        "api_key",
        "api_url",
        "debug",
        "advanced",
        "allow_insecure",
    ]
    assert ClientConfig() == ClientConfig("", "https://api.odyssey.ml", False, AdvancedConfig())


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
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(OdysseyArgumentError, match=name):
        AdvancedConfig(**{name: value})


@pytest.mark.parametrize(
    "name", ["max_retries", "operation_timeout_s", "frame_timeout_s", "region_timeout_s"]
)
def test_a_bound_that_may_be_none_accepts_none(name):
    assert getattr(AdvancedConfig(**{name: None}), name) is None


def test_missing_values_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_env")
    monkeypatch.setenv("ODYSSEY_API_URL", "https://example.org/base/")
    config = ClientConfig.resolve()
    assert (config.api_key, config.api_url) == ("ody_env", "https://example.org/base")
    assert ClientConfig.resolve("ody_arg", "http://127.0.0.1:1").api_key == "ody_arg"
    monkeypatch.delenv("ODYSSEY_API_URL")
    monkeypatch.delenv("ODYSSEY_API_KEY")
    assert ClientConfig.resolve() == ClientConfig("", "https://api.odyssey.ml")
    assert "ody_arg" not in repr(ClientConfig("ody_arg"))


@pytest.mark.parametrize(
    "url", ["api.odyssey.ml", "ftp://h", "http://", "http://[::1", "https://h:port", "https://h?x=y"]
)
def test_an_invalid_url_is_refused(url):
    with pytest.raises(OdysseyArgumentError, match="http"):
        Odyssey("ody_x", api_url=url)


def test_the_constructor_has_no_effects_and_needs_no_loop(caplog):
    client = Odyssey("ody_x", debug=True, enable_telemetry=True, some_option=1)
    assert "some_option" in caplog.text
    assert "enable_telemetry" not in caplog.text
    assert client.statistics.frames_decoded == 0
    assert client.current_session_id is client.capabilities is client.last_applied_prompt is None
    assert logging.getLogger("odyssey_ros.client").level == logging.DEBUG
    logging.getLogger("odyssey_ros.client").setLevel(logging.NOTSET)
