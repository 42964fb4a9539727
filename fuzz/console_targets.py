"""Targets of the console: messages of the graph, which any process may publish, and script texts of pages."""

from __future__ import annotations

import functools
import math

from fuzz_target import FuzzTarget
from malformed import as_text, damaged_bytes, damaged_text
from odyssey_ros.console.graph.picture_messages import Codec, PictureError, read_picture
from odyssey_ros.console.server.picture_packets import picture_packet
from odyssey_ros.console.server.script_check import check_script_text
from odyssey_ros.console.server.script_preview import preview_value
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


_SCRIPT = """\
variables: {at: [1000, 2000], animal: [a fox, "data:image/png;base64,aGk="]}
script:
  - {timestamp_ms: 0, start: {prompt: "{animal}", image: start.png}}
  - {timestamp_ms: "{at}", interact: {prompt: rain}}
  - {timestamp_ms: 9000, end: {}}
"""


def _script(data: bytes) -> None:
    checked = check_script_text(as_text(data), attached={"start.png"}, max_prompt_length=1000)
    check(bool(checked.errors or checked.scripts), "neither a mistake nor a script")
    check(len(checked.scripts) <= 100, "more scripts than a job may have")
    for error in checked.errors:
        check_text(error.message, "a mistake")
        check((error.line is None) == (error.column is None), "half a place")
    for script in checked.scripts:
        check(2 <= len(script.entries) <= 1000, "a script of another length")
        check(script.duration_s > 0, "a script without a length")
        for entry in script.entries:
            check(entry.image in {None, "start.png"} or str(entry.image).startswith("data:"), "a path")
    check(preview_value(checked)["ok"] is not bool(checked.errors), "another result")


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
    FuzzTarget("script_text", damaged_text(_SCRIPT), _script, memory_mib=256, share=0.25),
]
