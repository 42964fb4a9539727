"""Targets of the console: messages of the graph, which any process may publish."""

from __future__ import annotations

import functools
import math

from fuzz_target import FuzzTarget
from malformed import damaged_bytes
from odyssey_ros.console.graph.picture_messages import Codec, PictureError, read_picture
from odyssey_ros.console.server.picture_packets import picture_packet
from oracle import check, check_number, check_text

_STAMP = bytes.fromhex("0001000000f1536580b2e60e0700000063616d6572610000")
_KEY_FRAME = bytes.fromhex(
    "000000016742c00ad9062684000003000400000300a23c4899200000000168cb83cb20"
    "0000000165888427f11b910945c47800bddc00ba21a8053ff5b501a610abbbbe4fddeed886c2cddd4ddd00"
)
_SLICE = bytes.fromhex("00000001419a123456789abc")
_VIDEO = tuple(
    _STAMP + len(unit).to_bytes(4, "little") + unit + bytes.fromhex("050000006832363400")
    for unit in (_KEY_FRAME + bytes(-len(_KEY_FRAME) % 4), _SLICE)
)
_IMAGE = _STAMP + bytes.fromhex("050000006a70656700000000 08000000 ffd8ffe04a464946")


def _picture(codec: Codec, message: bytes) -> None:
    try:
        picture = read_picture(codec, message)
    except PictureError as error:
        check_text(str(error), "a refusal")
        raise
    check(picture.codec is codec, "another codec")
    check(len(picture.data) <= len(message), "more data than the message has")
    check(bytes(picture.data) in message, "the data is not of the message")
    check_number(picture.stamp_s, "the stamp", least=-(2**31), most=2**31)
    packet = picture_packet(2**40, picture, 1_700_000_000.0)
    check(packet.message[24:] == bytes(picture.data), "the packet has other data")
    check(math.isfinite(packet.number), "the number is not finite")


for _valid in _VIDEO:
    _picture(Codec.H264, _valid)
_picture(Codec.JPEG, _IMAGE)


TARGETS = [
    FuzzTarget(
        "picture_h264", damaged_bytes(*_VIDEO), functools.partial(_picture, Codec.H264), (PictureError,)
    ),
    FuzzTarget(
        "picture_jpeg", damaged_bytes(_IMAGE), functools.partial(_picture, Codec.JPEG), (PictureError,)
    ),
]
