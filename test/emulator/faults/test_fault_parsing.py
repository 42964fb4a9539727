"""Faults in the two forms that users write: JSON objects and command-line options."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import (
    FAULTS,
    FrameLoss,
    HttpStatus,
    ReplyDelay,
    SocketError,
    StreamRefusal,
    VideoResize,
)
from odyssey_ros.emulator.faults.fault_parsing import parse_fault, parse_fault_option
from odyssey_ros.emulator.faults.schedule import Schedule
from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError

REQUIRED = {
    "http_status": ",status=500",
    "http_delay": ",delay_seconds=2",
    "reply_delay": ",delay_seconds=2",
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_an_option(name):
    fault, schedule = parse_fault_option(f"{name},after=1.5,duration=2{REQUIRED.get(name, '')}")
    assert (type(fault), schedule) == (FAULTS[name], Schedule(after=1.5, duration=2))


@pytest.mark.parametrize(
    ("text", "fault", "schedule"),
    [
        (
            "http_status,endpoint=regions,status=503,count=2",
            HttpStatus(endpoint="regions", status=503),
            Schedule(count=2),
        ),
        (
            "reply_delay,delay_seconds=1,since=connected,after=0.5,duration=3",
            ReplyDelay(delay_seconds=1),
            Schedule(since="connected", after=0.5, duration=3),
        ),
        (
            "stream_refusal,message=12,reason=a b,session_id=7",
            StreamRefusal(message="12", reason="a b"),
            Schedule(session_id="7"),
        ),
        ("socket_error,close=false", SocketError(close=False), Schedule()),
        (
            "frame_loss,frames=key,every=2,packets=last,receiver=spectators,count=3",
            FrameLoss(frames="key", every=2, packets="last", receiver="spectators"),
            Schedule(count=3),
        ),
        ("video_resize,width=32,height=16", VideoResize(width=32, height=16), Schedule()),
    ],
)
def test_values_of_an_option_have_the_type_of_their_field(text, fault, schedule):
    assert parse_fault_option(text) == (fault, schedule)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "fault: must be one of http_status, "),
        ("nonsense", "fault: must be one of http_status, "),
        ("http_status", "status: field required"),
        ("http_status,status", "status: needs a value"),
        ("http_status,status=many", "status: must be an integer"),
        ("http_status,status=5_00", "status: must be an integer"),
        ("http_status,status=500,status=503", "status: is given twice"),
        ("http_status,fault=http_delay", "fault: is given twice"),
        ("http_status,status=600", "status: must be between 200 and 599"),
        ("http_malformed,status=199", "status: must be between 200 and 599"),
        ("http_redirect,status=200", "status: must be between 300 and 399"),
        ("http_redirect,location=/a\r\nX: y", "location: must consist of printable ASCII characters"),
        ("http_drop,endpoint=nowhere", r"endpoint: must be \* or one of auth_token, "),
        ("video_black,x=1", "x: is not a field of video_black"),
        ("video_resize,width=17", "width: sides must be even"),
        ("video_resize,height=8194", "width: sides must be even"),
        ("frame_loss,every=0", "every: must be between 1 and 1000000"),
        ("frame_loss,frames=all", "frames: must be one of any, key, delta"),
        ("packet_loss,receiver=all", "receiver: must be one of client, spectators"),
        ("extra_tracks,tracks=0", "tracks: must be between 1 and 200"),
        ("extra_tracks,tracks=201", "tracks: must be between 1 and 200"),
        ("http_echo,status=199", "status: must be between 200 and 599"),
        ("http_status,status=500,retry_after=1\r\nX: y", "retry_after: must consist of printable ASCII"),
        ("http_flood,mebibytes=-1", "mebibytes: must be between 0 and 1000000"),
        ("http_flood,encoding=br", "encoding: must be one of identity, gzip"),
        ("request_close,code=1006", "code: must be a close code that may be sent"),
        ("packet_loss,fraction=1.5", "fraction: must be between 0 and 1"),
        ("packet_delay,delay_seconds=-1", "delay_seconds: must not be negative"),
        ("http_delay,delay_seconds=-1", "delay_seconds: must not be negative"),
        ("reply_delay,delay_seconds=-1", "delay_seconds: must not be negative"),
        ("socket_close,code=1005", "code: must be a close code that may be sent"),
        ("socket_close,code=5000", "code: must be a close code that may be sent"),
        ("socket_error,close=perhaps", "close: must be a boolean"),
        ("bad_offer,variant=other", "variant: must be one of garbage, empty, missing, wrong_fingerprint"),
        ("stream_end,since=never", "since: must be one of now, connected, started"),
        ("stream_end,after=-1", "after: times and counts must not be negative"),
        ("stream_end,duration=0", "after: times and counts must not be negative"),
        ("stream_end,count=-1", "after: times and counts must not be negative"),
        ("no_offer,since=started", "since: must be now for no_offer"),
        ("http_drop,session_id=a", "session_id: must not be set for http_drop"),
        ("video_black,count=2", "count: must not be set for video_black"),
    ],
)
def test_an_invalid_option_is_refused_with_its_field(text, error):
    with pytest.raises(InvalidFieldError, match=f"^{error}"):
        parse_fault_option(text)


def test_an_object_names_its_place_in_errors():
    values = Fields({"fault": "http_status", "status": True}, path=(3,))
    with pytest.raises(InvalidFieldError, match=r"^3\.status: must be an integer"):
        parse_fault(values)


def test_an_object_holds_a_fault_and_its_schedule():
    values = Fields({"fault": "http_status", "status": 418, "count": None, "after": 2})
    assert parse_fault(values) == (HttpStatus(status=418), Schedule(after=2.0))
