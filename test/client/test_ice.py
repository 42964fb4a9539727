"""Parsing of ICE servers and candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.ice import IceServer, parse_candidate, parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError

HOST = "842163049 1 udp 1677729535 192.0.2.3 40000 typ host"


def test_ice_servers_are_parsed():
    config = {
        "iceServers": [
            {"urls": "stun:stun.example.org:3478"},
            {
                "urls": ["turn:t.example:3478?transport=udp", "turns:t.example", "nonsense", 5],
                "username": "u",
                "credential": "c",
            },
            {"urls": "http://no"},
            {"urls": "turn:user@evil"},
            {},
            "text",
            {"urls": "stun:x", "username": 5},
        ]
    }
    servers = parse_ice_servers(JsonObject(config))
    assert servers == (
        IceServer(("stun:stun.example.org:3478",)),
        IceServer(("turn:t.example:3478?transport=udp", "turns:t.example"), "u", "c"),
    )
    assert "credential" not in repr(servers[1])
    assert parse_ice_servers(JsonObject({})) == ()
    with pytest.raises(MalformedError):
        parse_ice_servers(JsonObject({"iceServers": {}}))


@pytest.mark.parametrize("prefix", ["", "candidate:"])
def test_defect_17_a_candidate_is_read_with_and_without_its_prefix(prefix):
    candidate = parse_candidate(prefix + HOST, "0", None)
    assert candidate.foundation == "842163049"
    assert (candidate.ip, candidate.port, candidate.sdpMid) == ("192.0.2.3", 40000, "0")
    assert parse_candidate(HOST, None, None).sdpMLineIndex == 0


@given(st.text())
def test_any_candidate_is_parsed_or_refused(text):
    candidate = parse_candidate(text, None, None)
    assert candidate is None or candidate.ip
