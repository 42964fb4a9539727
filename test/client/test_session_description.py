"""Limits on the text of a session description."""

from __future__ import annotations

import pytest

from odyssey_ros.client import ErrorCode, OdysseyConnectionError
from odyssey_ros.client.session_description import MAX_CANDIDATES, MAX_MEDIA_SECTIONS, check_description

VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        ("v=0\r\n" + "x" * 65_536, "more than 65536 bytes"),
        ("é" * 40_000, "more than 65536 bytes"),
        ("\ud800" + "x" * 65_536, "more than 65536 bytes"),
        ("a\n" * 1000, "more than 1000 lines"),
        ("a\r" * 1000, "more than 1000 lines"),
        (VIDEO * (MAX_MEDIA_SECTIONS + 1), "has 9 media sections; at most 8"),
        ("m=text 9 x y\r\n", "neither video, audio nor data channels"),
        ("m=\r\n", "neither video, audio nor data channels"),
        (VIDEO + "a=candidate:1\r\n" * (MAX_CANDIDATES + 1), "has 101 candidates; at most 100"),
        (VIDEO + "a=rtpmap:96 x/1\r\n" * 101, "has 101 codecs; at most 100"),
    ],
)
def test_a_description_above_a_limit_is_refused(sdp, reason):
    with pytest.raises(OdysseyConnectionError, match=reason) as caught:
        check_description(sdp)
    assert caught.value.code is ErrorCode.INVALID_RESPONSE


def test_a_description_within_the_limits_is_accepted():
    check_description("")
    check_description(
        "v=0\r\n"
        + VIDEO * MAX_MEDIA_SECTIONS
        + "a=candidate:1\r\n" * MAX_CANDIDATES
        + "a=rtpmap:96 x/1\n" * 100
    )
