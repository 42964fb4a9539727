"""Settings are checked when they are made."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.config import Account, ConfigurationError, EmulatorConfig, IceServer


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"fps": 0}, "fps must be above 0"),
        ({"fps": 61}, "fps must be above 0 and at most 60"),
        ({"bitrate": 1}, "bitrate must be between"),
        ({"key_frame_interval": -1}, "key_frame_interval must be between 0 .* and 3600 seconds, not -1"),
        ({"key_frame_interval": float("nan")}, "key_frame_interval must be between"),
        ({"key_frame_interval": 3601}, "key_frame_interval must be between"),
        ({"codec": "av1"}, "codec must be one of h264, vp8"),
        ({"render_workers": 0}, "at least one render worker"),
        ({"streamers": -1}, "must not be negative"),
        ({"port": 65536}, "port must be between"),
        ({"accounts": ()}, "at least one API key"),
        ({"accounts": (Account(api_key="ody_one_1"), Account(api_key="ody_two_2"))}, "its own name"),
        ({"accounts": (Account(api_key="ody_x"),)}, "at least 8 characters"),
        ({"accounts": (Account(api_key="key_12345"),)}, "starts with ody_"),
    ],
)
def test_an_invalid_value_is_refused_with_the_rule(settings, problem):
    with pytest.raises(ConfigurationError, match=problem):
        EmulatorConfig(**settings)


def test_secrets_are_left_out_of_representations():
    server = IceServer(url="turn:127.0.0.1:3478", username="user", credential="hidden")
    config = EmulatorConfig(accounts=(Account(api_key="ody_topsecret"),), ice_servers=(server,))
    assert "ody_topsecret" not in repr(config)
    assert "hidden" not in repr(config)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("::1", ["::1"]),
        ("0.0.0.0", ["192.0.2.1", "127.0.0.1"]),
        ("::", ["192.0.2.1", "127.0.0.1", "::1"]),
        ("192.0.2.1", ["192.0.2.1"]),
        ("robot.example.org", ["192.0.2.1"]),
    ],
)
def test_media_uses_loopback_when_the_service_is_bound_to_it(host, addresses):
    assert EmulatorConfig(host=host).media_addresses(["192.0.2.1"]) == addresses
