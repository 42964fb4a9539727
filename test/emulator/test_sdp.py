"""Session descriptions are read and edited as text."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from odyssey_ros.emulator.sdp import (
    check_size,
    is_mdns,
    negotiated_codec,
    split_candidates,
    with_fir,
    with_wrong_fingerprint,
    without_mdns_candidates,
)

MDNS = "a=candidate:1 1 udp 2122260223 5a3c.local 50000 typ host"
PLAIN = "a=candidate:2 1 udp 2122260223 192.0.2.1 50001 typ host"


def test_mdns_candidates_are_removed_with_the_end_of_candidates():
    sdp = f"v=0\r\n{MDNS}\r\n{PLAIN}\r\na=end-of-candidates\r\n"
    assert without_mdns_candidates(sdp) == f"v=0\r\n{PLAIN}\r\n"


def test_a_description_without_mdns_candidates_is_unchanged():
    sdp = f"v=0\r\n{PLAIN}\r\na=end-of-candidates\r\n"
    assert without_mdns_candidates(sdp) == sdp


def test_a_short_line_is_no_mdns_candidate():
    assert not is_mdns("a=candidate:1 x.local")


def test_candidates_are_split_from_an_offer():
    video, data = f"m=video 9\r\na=mid:v\r\n{PLAIN}\r\n", f"m=application 9\r\na=mid:d\r\n{PLAIN}\r\n"
    rest, candidates = split_candidates(f"v=0\r\n{video}{data}a=end-of-candidates\r\n")
    assert "candidate" not in rest
    assert [(found.mid, found.line_index) for found in candidates] == [("v", 0), ("d", 1)]
    assert candidates[0].candidate == PLAIN.removeprefix("a=")


async def test_the_preferred_codec_is_negotiated_when_both_peers_have_it():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    sdp = (await peer.createOffer()).sdp
    await peer.close()
    assert negotiated_codec(sdp, "h264") == "h264"
    assert negotiated_codec(sdp, "vp8") == "vp8"
    without_h264 = sdp.replace("H264", "AV1")
    assert negotiated_codec(without_h264, "h264") == "vp8"
    assert negotiated_codec(without_h264.replace("VP8", "VP9"), "h264") is None


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_every_fingerprint_is_replaced(algorithm):
    sdp = f"m=video 9\r\na=fingerprint:{algorithm} 12:34\r\na=setup:actpass\r\n"
    wrong = with_wrong_fingerprint(sdp)
    assert "12:34" not in wrong
    assert wrong.count("a=fingerprint:sha-256 00:") == 1
    assert wrong.endswith("a=setup:actpass\r\n")


@pytest.mark.parametrize(
    ("sdp", "problem"),
    [
        ("m=video 9\r\n" * 17, "more than 16 media sections"),
        (f"{PLAIN}\r\n" * 257, "more than 256 candidates"),
        ("v" * 200_001, "longer than 200000"),
    ],
)
def test_an_enormous_description_is_malformed(sdp, problem):
    with pytest.raises(ValueError, match=problem):
        check_size(sdp)
    check_size(sdp[: len(sdp) // 2])


def test_a_bundle_of_an_unknown_media_section_is_refused():
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {} 0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:0\r\na=rtpmap:97 H264/90000\r\n"
    )
    assert negotiated_codec(sdp.format("0"), "h264") == "h264"
    with pytest.raises(ValueError, match="a bundle has an unknown media section"):
        negotiated_codec(sdp.format("x"), "h264")


PLI = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97 98\r\na=rtcp-fb:97 nack\r\na=rtcp-fb:97 nack pli\r\na=mid:0\r\n"


@pytest.mark.parametrize(
    ("answered", "announced"),
    [
        (None, True),
        ("a=rtcp-fb:97 ccm fir\r\n", True),
        ("a=rtcp-fb:* ccm fir\r\n", True),
        ("a=rtcp-fb:98 ccm fir\r\na=rtcp-fb:97 nack pli\r\n", False),
    ],
)
def test_fir_is_announced_where_pli_is_unless_the_offer_lacks_it(answered, announced):
    with_it = PLI.replace("97 nack pli\r\n", "97 nack pli\r\na=rtcp-fb:97 ccm fir\r\n")
    assert with_fir(PLI, answered=answered) == (with_it if announced else PLI)
