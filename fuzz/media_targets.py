"""Targets of the media: session descriptions, through aiortc, and access units."""

from __future__ import annotations

from aiortc import RTCPeerConnection, RTCSessionDescription

from fuzz_loop import run_on_loop
from fuzz_target import FuzzTarget
from malformed import as_text, damaged_bytes, damaged_text
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.observer import ClientObserver
from odyssey_ros.client.peer import Peer, max_message_size
from odyssey_ros.client.peer_connection import PeerConnection
from odyssey_ros.client.signaling import RemoteCandidate
from odyssey_ros.client.unit_content import MAX_SIDE, H264Reader, UnitContent, vp8_content
from odyssey_ros.client.video_receiver import VideoReceiver
from oracle import check, check_error, check_number

_FINGERPRINT = ":".join(["AB"] * 32)
_TRANSPORT = f"""c=IN IP4 127.0.0.1
a=mid:{{mid}}
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 {_FINGERPRINT}
a=setup:{{setup}}
a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host
a=end-of-candidates"""


_VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 97 98
a={direction}
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=rtcp-mux
a=msid:s v
a=ssrc:1234 cname:c
a=rtpmap:97 H264/90000
a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:97 nack pli
a=rtpmap:98 VP8/90000
"""
_CHANNELS = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=sctp-port:5000
a=max-message-size:65536
"""
_AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 96
a=sendonly
a=rtcp-mux
a=rtpmap:96 opus/48000/2
"""


def _description(setup: str, *media: str) -> str:
    """Return a session description with these media."""
    text = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=msid-semantic:WMS *\n"
    for mid, part in enumerate(media):
        text += part.format(direction="sendonly") + _TRANSPORT.format(mid=mid, setup=setup) + "\n"
    return text.replace("\n", "\r\n")


OFFER = _description("actpass", _VIDEO, _CHANNELS)
WHEP_ANSWER = _description("active", _VIDEO, _AUDIO)
ANSWER = _description("active", _VIDEO.replace("{direction}", "recvonly"), _CHANNELS)
TOKENS = (
    "m=video 9 UDP/TLS/RTP/SAVPF 97",
    "m=audio 9 UDP/TLS/RTP/SAVPF 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=mid:2",
    "a=setup:passive",
    "a=group:BUNDLE 0 1 2 3",
    "a=rtpmap:99 H264/0",
    "a=fmtp:97 x",
    "a=ssrc-group:FID 1 2",
    "a=candidate:1 1 tcp 1 x.local 0 typ host",
    "a=max-message-size:0",
    "a=max-message-size:99999999999999999999",
    "a=sctp-port:99999999",
    "a=ice-lite",
    "a=inactive",
    "a=recvonly",
)


async def _answer(offer: str) -> None:
    lost: list[OdysseyConnectionError] = []
    peer = Peer(
        (),
        loopback_only=True,
        frames=FramePipeline(ClientObserver()),
        on_message=lambda _text: None,
        on_ready=lambda: None,
        on_lost=lost.append,
    )
    try:
        answer = await peer.answer(offer)
        check(answer.startswith("v=0"), "the answer is no session description")
        await peer.add_candidate(RemoteCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", None, 7))
    except OdysseyConnectionError as error:
        check_error(error)
        raise
    finally:
        await peer.close()
    for error in lost:
        check_error(error)


def _offer(data: bytes) -> None:
    run_on_loop(_answer(as_text(data)))


async def _apply(answer: str) -> None:
    """Do what the spectator does with an answer, whose exceptions are all taken for a bad answer."""
    connection: RTCPeerConnection = PeerConnection((), loopback_only=True)
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    try:
        await connection.setLocalDescription(await connection.createOffer())
        try:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        except OdysseyConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - as in spectator.py
            raise OdysseyConnectionError(f"invalid ({type(error).__name__})") from None
        receiver = connection.select_video()
        if receiver is not None:
            VideoReceiver(receiver, FramePipeline(ClientObserver()), check_error)
    finally:
        await connection.close()


def _whep_answer(data: bytes) -> None:
    run_on_loop(_apply(as_text(data)))


def _message_size(data: bytes) -> None:
    size = max_message_size(as_text(data))
    if size is not None:
        check_number(size, "the size", least=1, most=10**12)


def _check_content(content: UnitContent) -> None:
    if content.size is not None:
        check(content.is_key_frame, "a size without a key frame")
        check(all(0 <= side <= MAX_SIDE for side in content.size), "a size out of range")


def _h264(data: bytes) -> None:
    reader = H264Reader()
    for given in (_PARAMETER_SETS, data, _PICTURE, data):
        content = reader.content(given)
        _check_content(content)
        check(content.is_completed or content.data == given, "the access unit was changed")
        check(len(content.data) < len(given) + 300_000, "the access unit has grown")


def _vp8(data: bytes) -> None:
    _check_content(vp8_content(data))


_PARAMETER_SETS = bytes.fromhex(
    "000000016742c00ad9062684000003000400000300a23c4899200000000168cb83cb20"
)  # 96x64
_PICTURE = bytes.fromhex(
    "0000000165888427f11b910945c47800bddc00ba21a8053ff5b501a610abbbbe4fddeed886c2cddd4ddd"
)
_VP8 = bytes.fromhex("1002009d012a40003000") + bytes(40)


TARGETS = [
    FuzzTarget("sdp_offer", damaged_text(OFFER, tokens=TOKENS), _offer, (OdysseyConnectionError,), share=0.4),
    FuzzTarget(
        "sdp_whep_answer",
        damaged_text(WHEP_ANSWER, tokens=TOKENS),
        _whep_answer,
        (OdysseyConnectionError,),
        share=0.3,
    ),
    FuzzTarget("h264_access_unit", damaged_bytes(_PARAMETER_SETS + _PICTURE, _PICTURE), _h264),
    FuzzTarget("vp8_access_unit", damaged_bytes(_VP8), _vp8),
    FuzzTarget("sdp_message_size", damaged_text(OFFER, tokens=TOKENS), _message_size),
]
