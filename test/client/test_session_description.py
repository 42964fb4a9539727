"""Limits on the text of a session description."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription

from odyssey_ros.client import ErrorCode, OdysseyConnectionError
from odyssey_ros.client.session_description import MAX_CANDIDATES, MAX_MEDIA_SECTIONS, usable_description

LINES = [
    "v=0",
    "o=- 0 0 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
]
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        ("v=0\r\n" + "x" * 65_536, "more than 65536 bytes"),
        ("é" * 40_000, "more than 65536 bytes"),
        ("\ud800" + "x" * 65_536, "more than 65536 bytes"),
        ("a\n" * 1001, "more than 1000 lines"),
        ("a\r" * 1001, "more than 1000 lines"),
        (VIDEO * (MAX_MEDIA_SECTIONS + 1), "has 9 media sections; at most 8"),
        (VIDEO + "\x0b" + f"{VIDEO.strip()}\x0b" * MAX_MEDIA_SECTIONS, "has 9 media sections; at most 8"),
        (VIDEO + "a=candidate:1\u2028" * (MAX_CANDIDATES + 1), "has 101 candidates; at most 100"),
        ("m=text 9 x y\r\n", "neither video, audio nor data channels"),
        ("m=\r\n", "neither video, audio nor data channels"),
        (VIDEO + "a=candidate:1\r\n" * (MAX_CANDIDATES + 1), "has 101 candidates; at most 100"),
        (VIDEO + "a=rtpmap:96 x/1\r\n" * 101, "has 101 codecs; at most 100"),
    ],
)
def test_a_description_above_a_limit_is_refused(sdp, reason):
    with pytest.raises(OdysseyConnectionError, match=reason) as caught:
        usable_description(sdp)
    assert caught.value.code is ErrorCode.INVALID_RESPONSE


def test_a_description_within_the_limits_is_accepted():
    usable_description("")
    usable_description(
        "v=0\r\n"
        + VIDEO * MAX_MEDIA_SECTIONS
        + "a=candidate:1\r\n" * MAX_CANDIDATES
        + "a=rtpmap:96 x/1\n" * 100
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_lines_end_where_aiortc_ends_them(end):
    sections = SessionDescription.parse(usable_description(end.join([*LINES, *LINES[-2:], ""]))).media
    assert len(sections) == 2
    with pytest.raises(OdysseyConnectionError, match="media sections"):
        usable_description(end.join(LINES[-2:] * (MAX_MEDIA_SECTIONS + 1)))


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 udp 1 127.0.0.1 99999 typ host",
        "1 1 udp 1 127.0.0.1 0 typ host",
        "1 1 udp 1 127.0.0.1 -1 typ host",
        "1 1 udp 1 attacker.example 9 typ host",
        "1 1 udp 1 127.0.0.1 9 typ other",
        "1 1 udp 99999999999999999999 127.0.0.1 9 typ host",
        "1 1 udp 1 127.0.0.1 " + "9" * 5000 + " typ host",
        "1",
        "",
    ],
)
def test_a_candidate_that_would_be_refused_alone_is_left_out(candidate, caplog):
    good = "a=candidate:7 1 udp 1 127.0.0.1 9 typ host"
    sdp = "".join(f"{line}\r\n" for line in [*LINES, f"a=candidate:{candidate}", good])
    usable = usable_description(sdp)
    assert usable == "".join(f"{line}\r\n" for line in [*LINES, good])
    assert [found.port for found in SessionDescription.parse(usable).media[0].ice_candidates] == [9]
    assert "Ignoring 1 malformed ICE candidates" in caplog.text
