"""The value types: field order, JSON forms, secrets."""

from __future__ import annotations

import dataclasses

import jwt
import numpy as np
import pytest

from odyssey_ros.client import (
    BroadcastInfo,
    ClientCredentials,
    ConnectionStatus,
    OdysseyArgumentError,
    Recording,
    SimulationJobDetail,
    SimulationJobInfo,
    SimulationJobsList,
    SimulationJobStatus,
    SimulationStream,
    StreamerCapabilities,
    StreamRecordingInfo,
    StreamRecordingsList,
    VideoFrame,
)

TOKEN = jwt.encode({"session_id": "the-session"}, "a secret of the service, long enough", "HS256")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (VideoFrame, "data width height timestamp_ms"),
        (Recording, "stream_id video_url events_url thumbnail_url preview_url frame_count duration_seconds"),
        (StreamRecordingInfo, "stream_id width height started_at ended_at duration_seconds"),
        (StreamRecordingsList, "recordings total limit offset"),
        (
            SimulationStream,
            (
                "stream_id video_url events_url thumbnail_url preview_url frame_count duration_seconds "
                "script_index"
            ),
        ),
        (SimulationJobInfo, "job_id status priority created_at completed_at error_message"),
        (
            SimulationJobDetail,
            (
                "job_id status priority created_at dispatched_at started_at completed_at error_message "
                "assigned_region retry_count streams estimated_wait_minutes"
            ),
        ),
        (SimulationJobsList, "jobs total limit offset"),
        (StreamerCapabilities, "image_to_video"),
        (ClientCredentials, "signaling_url session_token expires_in capabilities session_id"),
        (BroadcastInfo, "webrtc_url spectator_token hls_url"),
    ],
)
def test_types_are_frozen_and_slotted_with_the_sdks_field_order(kind, fields):
    assert [field.name for field in dataclasses.fields(kind)] == fields.split()
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


def test_the_session_of_credentials_comes_from_the_token_only():
    credentials = ClientCredentials.from_dict(
        {"session_id": "forged", "signaling_url": "wss://h", "session_token": TOKEN, "expires_in": 600.0}
    )
    assert credentials.session_id == "the-session"
    assert credentials.capabilities is None
    assert TOKEN not in repr(credentials)
    assert credentials.to_dict() == {
        "session_id": "the-session",
        "signaling_url": "wss://h",
        "session_token": TOKEN,
        "expires_in": 600,
    }
    assert ClientCredentials.from_dict(credentials.to_dict()) == credentials
    able = ClientCredentials("wss://h", TOKEN, 600, StreamerCapabilities(image_to_video=True))
    assert able.to_dict()["capabilities"] == {"image_to_video": True}
    assert ClientCredentials.from_dict(able.to_dict()) == able


def test_credentials_take_the_sdks_arguments_by_position_and_no_session_id():
    able = StreamerCapabilities(image_to_video=True)
    credentials = ClientCredentials("wss://h", TOKEN, 600, able)
    assert (credentials.signaling_url, credentials.session_token) == ("wss://h", TOKEN)
    assert (credentials.expires_in, credentials.capabilities) == (600, able)
    assert credentials.session_id == "the-session"
    with pytest.raises(TypeError, match="session_id"):
        ClientCredentials("wss://h", TOKEN, 600, session_id="the-session")
    with pytest.raises(TypeError, match="positional"):
        ClientCredentials("wss://h", TOKEN, 600, able, "the-session")
    with pytest.raises(dataclasses.FrozenInstanceError):
        credentials.session_id = "forged"


@pytest.mark.parametrize(
    "change",
    [
        {"signaling_url": None},
        {"signaling_url": ""},
        {"session_token": 5},
        {"session_token": "no.jwt.atall"},
        {"session_token": "no.jwt.\ud800"},
        {
            "session_token": jwt.encode(
                {"session_id": "\ud800"}, "a secret of the service, long enough", "HS256"
            )
        },
        {"session_token": jwt.encode({"session_id": 5}, "a secret of the service, long enough", "HS256")},
        {"expires_in": "600"},
        {"expires_in": True},
        {"expires_in": float("nan")},
        {"capabilities": []},
    ],
)
def test_invalid_credentials_are_refused(change):
    data = {"signaling_url": "wss://h", "session_token": TOKEN, "expires_in": 600, **change}
    with pytest.raises(OdysseyArgumentError) as caught:
        ClientCredentials.from_dict(data)
    assert TOKEN not in str(caught.value)


def test_broadcast_info_takes_positional_and_keyword_arguments():
    info = BroadcastInfo("http://h/live/x", "spectator_abc")
    assert info.hls_url is None
    assert info == BroadcastInfo(webrtc_url="http://h/live/x", spectator_token="spectator_abc", hls_url=None)
    assert "spectator_abc" not in repr(info)
    assert "signature" not in repr(BroadcastInfo("http://h", "t", "http://h/x.m3u8?signature=1"))


def test_states_equal_their_values():
    assert ConnectionStatus.CONNECTED == "connected"
    assert str(SimulationJobStatus.COMPLETED) == "completed"
    assert [str(status) for status in SimulationJobStatus if status.is_terminal] == [
        "completed",
        "failed",
        "cancelled",
    ]
    assert [status.value for status in ConnectionStatus] == [
        "authenticating", "connecting", "reconnecting", "connected", "disconnected", "failed",
    ]  # fmt: skip


def test_frames_compare_by_identity():
    data = np.zeros((2, 2, 3), np.uint8)
    frame = VideoFrame(data, 2, 2, 0)
    assert frame == frame  # noqa: PLR0124
    assert frame != VideoFrame(data, 2, 2, 0)
    assert {frame}
