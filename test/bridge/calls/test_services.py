"""The services, called from another process, against a real emulator."""

from __future__ import annotations

import io
import json
import socket
import time

import httpx
import numpy as np
import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from odyssey_ros.msg import Script, ScriptEntry, StreamEvent, StreamStatus
from PIL import Image as Picture
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from colour_values import expected
from icc_profiles import PROPHOTO, rgb_profile
from odyssey_ros import srv
from picture_files import jpeg as photo_file
from picture_files import profile_segments, rational_by_zero, segment

KEY = "ody_test_key"
SERVICES = {
    "start_stream": srv.StartStream,
    "interact": srv.Interact,
    "end_stream": srv.EndStream,
    "get_broadcast": srv.GetBroadcast,
    "get_recording": srv.GetRecording,
    "list_recordings": srv.ListRecordings,
    "submit_simulation_job": srv.SubmitSimulationJob,
    "get_simulation_job": srv.GetSimulationJob,
    "list_simulation_jobs": srv.ListSimulationJobs,
    "cancel_simulation_job": srv.CancelSimulationJob,
    "create_client_credentials": srv.CreateClientCredentials,
}


def call(probe, name, **fields):
    kind = SERVICES[name]
    return probe.call(kind, f"/odyssey/{name}", kind.Request(**fields))


def codes(probe, **requests):
    return {name: call(probe, name, **fields).error_code for name, fields in requests.items()}


def script(seconds=1, prompt="a calm sea"):
    return [
        ScriptEntry(timestamp_ms=0, action=ScriptEntry.START, prompt=prompt),
        ScriptEntry(timestamp_ms=seconds * 1000, action=ScriptEntry.END),
    ]


def jpeg(width=64, height=48):
    file = io.BytesIO()
    Picture.new("RGB", (width, height), "teal").save(file, format="JPEG")
    return file.getvalue()


@pytest.fixture
def connected(start_bridge, probe, wait_until):
    """Starts a bridge and waits for its connection; returns the process and its statuses."""

    def start(parameters=None, *options, **environment):
        statuses = probe.statuses()
        process = start_bridge(parameters, *options, **environment)
        wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
        return process, statuses

    return start


def test_a_stream_from_start_to_recording(connected, probe, wait_until):
    process, statuses = connected()
    images, events = probe.listen(Image, "/odyssey/image_raw", 5), probe.events()
    assert codes(probe, interact={"prompt": "x"}, end_stream={}, get_broadcast={}) == {
        "interact": "NO_STREAM",
        "end_stream": "NO_STREAM",
        "get_broadcast": "NO_BROADCAST",
    }
    started = call(probe, "start_stream", prompt="a calm sea", portrait=True, broadcast=True)
    assert (started.success, started.error_code, started.message) == (True, "", "")
    assert started.applied_prompt.startswith("a calm sea")
    image = wait_until(lambda: images and images[-1], "a picture")
    assert (image.width, image.height) == (704, 1280)

    again = call(probe, "start_stream", prompt="another")
    assert (again.success, again.error_code, again.stream_id) == (False, "STREAM_RUNNING", "")
    applied = call(probe, "interact", prompt="a red desert")
    assert applied.success
    assert applied.applied_prompt.startswith("a red desert")
    assert call(probe, "interact", prompt="  ").error_code == "EMPTY_PROMPT"

    wait_until(lambda: any(e.type == StreamEvent.BROADCAST_READY for e in events), "the broadcast")
    broadcast = call(probe, "get_broadcast")
    assert broadcast.success
    assert started.stream_id in broadcast.broadcast.webrtc_url
    assert len(broadcast.broadcast.spectator_token) > 10
    assert not any(broadcast.broadcast.spectator_token in repr(message) for message in (*events, *statuses))

    ended = call(probe, "end_stream")
    assert (ended.success, ended.stream_id) == (True, started.stream_id)
    wait_until(lambda: not statuses[-1].streaming, "the end")
    assert statuses[-1].connection == StreamStatus.CONNECTED
    second = call(probe, "start_stream", prompt="a forest", bypass_prompt_expansion=0)
    assert second.stream_id not in {"", started.stream_id}
    assert call(probe, "end_stream").success

    page = wait_until(lambda: (p := call(probe, "list_recordings")).total == 2 and p, "both recordings")
    assert [row.stream_id for row in page.recordings] == [second.stream_id, started.stream_id]
    assert (page.recordings[1].width, page.recordings[1].height) == (704, 1280)
    assert abs(page.recordings[1].started_at.sec - time.time()) < 300
    one = call(probe, "list_recordings", limit=1, offset=1)
    assert ([row.stream_id for row in one.recordings], one.limit, one.offset) == ([started.stream_id], 1, 1)

    recording = call(probe, "get_recording", stream_id=started.stream_id).recording
    assert recording.frame_count > 0
    assert recording.duration_seconds > 0
    assert httpx.get(recording.video_url, timeout=60).content[4:8] == b"ftyp"
    assert codes(
        probe,
        get_recording={"stream_id": "../nowhere"},
        list_recordings={"limit": 1000},
    ) == {"get_recording": "NOT_FOUND", "list_recordings": "BAD_ARGUMENT"}
    assert call(probe, "get_recording").error_code == "BAD_ARGUMENT"
    for secret in (broadcast.broadcast.spectator_token, recording.video_url.partition("?")[2], KEY):
        assert secret not in process.text
    assert "Traceback" not in process.text


def test_a_picture_to_start_from(connected, probe, wait_until, tmp_path):
    """The photo lies on its side, its colours are ProPhoto, and its resolution is 72/0."""
    process, _ = connected({"image_folders": [str(tmp_path)]})
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    colours = np.array([[(200, 100, 50)]], np.uint8)
    photo = photo_file(
        Picture.fromarray(np.repeat(colours, 2, axis=0)).resize((360, 640)),
        segment(0xE1, b"Exif\0\0" + rational_by_zero(6)),
        profile_segments(rgb_profile(PROPHOTO, 1.8), 100),
    )
    path = tmp_path / "sea.jpg"
    path.write_bytes(photo)

    def is_right(image):
        pixel = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)[200, 200]
        return np.abs(pixel - expected("ProPhoto", colours)[0, 0]).max() < 10

    for fields in ({"image": CompressedImage(format="jpeg", data=photo)}, {"image_path": str(path)}):
        images.clear()
        started = call(probe, "start_stream", prompt="x", **fields)
        assert started.success, started.message
        wait_until(lambda: images and is_right(images[0]), "a picture in the right colours")
        assert call(probe, "end_stream").success
    assert "colour profile" not in process.text
    other = photo_file(Picture.new("RGB", (64, 36)), profile_segments(b"x" * 200, 100))
    assert call(probe, "start_stream", prompt="x", image=CompressedImage(data=other)).success
    wait_until(lambda: "Start image: its colour profile cannot be used" in process.text, "the warning")
    assert call(probe, "end_stream").success
    for fields in (
        {"image": CompressedImage(data=b"no picture")},
        {"image_path": f"{tmp_path}/x.jpg"},
        {"image": CompressedImage(data=jpeg()), "image_path": "/nowhere/x.jpg"},
    ):
        refused = call(probe, "start_stream", prompt="the sea", **fields)
        assert (refused.success, refused.error_code) == (False, "BAD_IMAGE"), fields
    assert call(probe, "start_stream", bypass_prompt_expansion=5).error_code == "BAD_ARGUMENT"


def test_simulation_jobs(connected, probe, emulator, wait_until, tmp_path):
    connected({"image_folders": [str(tmp_path)]})
    (tmp_path / "sea.jpg").write_bytes(jpeg())
    emulator.fault(fault="job_hold", before="processing", count=0)  # until one is cancelled
    batch = [script(prompt="a forest"), script(prompt="a city")]
    batch[0][0].image = CompressedImage(data=jpeg())
    batch[1][0].image_path = str(tmp_path / "sea.jpg")
    submitted = call(
        probe, "submit_simulation_job", scripts=[Script(entries=entries) for entries in batch], portrait=True
    )
    assert submitted.success, submitted.message
    job_id = submitted.job.job_id
    assert submitted.job.status in {"pending", "dispatched", "processing"}
    assert abs(submitted.job.created_at.sec - time.time()) < 300
    queued = call(probe, "submit_simulation_job", script=script(seconds=60)).job

    assert [job.job_id for job in call(probe, "list_simulation_jobs", active=1).jobs][-1] == job_id
    cancelled = call(probe, "cancel_simulation_job", job_id=queued.job_id)
    assert (cancelled.success, cancelled.job.status) == (True, "cancelled"), cancelled.message
    emulator.clear_faults()
    finished = wait_until(
        lambda: (job := call(probe, "get_simulation_job", job_id=job_id).job).status == "completed" and job,
        "the end of the job",
        90,
    )
    assert [stream.script_index for stream in finished.streams] == [0, 1]
    assert finished.completed_at.sec >= finished.created_at.sec
    assert httpx.get(finished.streams[0].video_url, timeout=60).content[4:8] == b"ftyp"
    listed = call(probe, "list_simulation_jobs", status="cancelled")
    assert ([job.job_id for job in listed.jobs], listed.total) == ([queued.job_id], 1)
    assert {job.status for job in call(probe, "list_simulation_jobs", active=0).jobs} == {
        "completed",
        "cancelled",
    }
    assert call(probe, "list_simulation_jobs", limit=1).limit == 1

    late = call(probe, "cancel_simulation_job", job_id=job_id)
    assert (late.success, late.error_code) == (False, "NOT_CANCELLABLE")
    assert "cannot be cancelled" in late.message
    assert codes(
        probe,
        get_simulation_job={"job_id": "nowhere"},
        cancel_simulation_job={"job_id": "nowhere"},
        list_simulation_jobs={"limit": 0},
    ) == {
        "get_simulation_job": "NOT_FOUND",
        "cancel_simulation_job": "NOT_FOUND",
        "list_simulation_jobs": "BAD_ARGUMENT",
    }
    assert call(probe, "list_simulation_jobs", active=5).error_code == "BAD_ARGUMENT"


def test_scripts_are_checked_before_anything_is_sent(connected, probe, emulator):
    connected()
    late_end = script()
    late_end[0].timestamp_ms = 5
    for fields, reason in (
        ({}, "exactly one of"),
        ({"script": script(), "script_url": "https://x/y"}, "exactly one of"),
        ({"script": late_end}, "script[0] (start at 5 ms): start must be at 0 ms"),
        ({"script": [ScriptEntry(action=9)]}, "script[0]: unknown action 9"),
        ({"scripts": [Script(entries=script()), Script()]}, "scripts[1]"),
        ({"script_url": "not a url"}, "without white space"),
        ({"script_url": "ftp://host/script"}, "http"),
    ):
        answer = call(probe, "submit_simulation_job", **fields)
        assert (answer.success, answer.error_code) == (False, "BAD_SCRIPT"), fields
        assert reason in answer.message
    assert emulator.state()["jobs"] == []


def test_an_unconfigured_node_responds_at_once(start_bridge, probe):
    start_bridge({"autostart": False})
    for name in SERVICES:
        answer = call(probe, name)
        expected = "MINTING_NOT_ALLOWED" if name == "create_client_credentials" else "UNCONFIGURED"
        assert (answer.success, answer.error_code) == (False, expected), name
    assert "ros2 lifecycle set /odyssey configure" in call(probe, "end_stream").message


def test_the_reason_why_a_node_is_unconfigured_is_reported(start_node, probe, wait_until):
    statuses = probe.statuses()
    start_node("bridge")  # no key
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.FAILED, "the reason")
    assert "ODYSSEY_API_KEY" in call(probe, "list_recordings").message


def test_calls_without_a_connection_return_at_once(start_node, probe, wait_until):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        statuses = probe.statuses()
        start_node("bridge", {"api_url": url}, environment={"ODYSSEY_API_KEY": KEY})
        wait_until(
            lambda: statuses and statuses[-1].connection == StreamStatus.AUTHENTICATING,
            "the attempt to connect",
        )
        for name in ("start_stream", "interact", "end_stream"):  # the silent service will never answer
            answer = call(probe, name, **({} if name == "end_stream" else {"prompt": "x"}))
            assert (answer.success, answer.error_code) == (False, "NOT_CONNECTED")
            assert "authenticating" in answer.message
        answer = call(probe, "list_recordings")  # waits for the service, within a bound
        assert answer.error_code == "TIMEOUT"


def test_an_inactive_node_starts_nothing(connected, probe, emulator):
    connected()
    change = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert probe.call(ChangeState, "/odyssey/change_state", change).success
    assert call(probe, "start_stream", prompt="x").error_code == "NOT_ACTIVE"
    assert call(probe, "list_recordings").success  # needs no stream
    assert emulator.state()["sessions"][0]["stream"] is None


def test_a_node_without_a_key_connects_with_minted_credentials(
    connected, start_node, probe, wait_until, tmp_path
):
    process, _ = connected({"allow_credential_minting": True})
    minted = call(probe, "create_client_credentials")
    assert minted.success, minted.message
    credentials = minted.credentials
    assert credentials.expires_in > 0
    file = tmp_path / "credentials.json"
    file.touch(mode=0o600)
    file.write_text(
        json.dumps(
            {
                "session_id": credentials.session_id,
                "signaling_url": credentials.signaling_url,
                "session_token": credentials.session_token,
                "expires_in": credentials.expires_in,
                "capabilities": {"image_to_video": credentials.capabilities.image_to_video},
            }
        )
    )
    images = probe.listen(Image, "/field/odyssey/image_raw", 5)
    field = start_node(
        "bridge", {"credentials_file": str(file), "prompt": "a calm sea"}, "-r", "__ns:=/field"
    )
    wait_until(lambda: images, "pictures without a key")
    for name in (
        "get_recording",
        "list_recordings",
        "submit_simulation_job",
        "get_simulation_job",
        "list_simulation_jobs",
        "cancel_simulation_job",
    ):
        answer = probe.call(SERVICES[name], f"/field/odyssey/{name}")
        assert (answer.success, answer.error_code) == (False, "NO_API_KEY"), name
    assert probe.call(srv.EndStream, "/field/odyssey/end_stream").success
    assert credentials.session_token not in process.text + field.text


def test_the_service_s_refusals_and_faults(connected, probe, emulator):
    connected()
    emulator.fault(fault="stream_refusal", reason="moderation_failed", message="Not this", count=1)
    refused = call(probe, "start_stream", prompt="x")
    assert (refused.error_code, refused.message) == ("MODERATION_FAILED", "moderation_failed: Not this")
    emulator.fault(fault="http_usage_error", endpoint="*", code="RATE_LIMITED", count=1)
    limited = call(probe, "list_recordings")
    assert (limited.success, limited.error_code) == (False, "RATE_LIMITED")
    assert "Retry in" in limited.message
    emulator.fault(fault="http_malformed", endpoint="*", body="{", count=1)
    assert call(probe, "list_simulation_jobs").error_code == "INVALID_RESPONSE"
    emulator.fault(fault="http_drop", endpoint="*", count=1)
    assert call(probe, "list_simulation_jobs").error_code == "UNREACHABLE"
    # A lone surrogate cannot be sent on. A row that cannot be read does not hide the others.
    jobs = [{"job_id": job_id, "status": "pending"} for job_id in ("j\ud800", "j", 5)]
    body = json.dumps({"jobs": jobs, "total": 1 << 40, "limit": 20, "offset": 0})
    emulator.fault(fault="http_malformed", endpoint="*", count=1, body=body)
    page = call(probe, "list_simulation_jobs")
    assert (page.success, page.error_code, page.total) == (True, "", (1 << 31) - 1)
    assert [job.job_id for job in page.jobs] == ["j"]
    rows = [{"stream_id": name, "started_at": 5 if name == "bad" else ""} for name in ("bad", "good")]
    body = json.dumps({"recordings": [*rows, None], "total": 3, "limit": 20, "offset": 0})
    emulator.fault(fault="http_malformed", endpoint="*", count=1, body=body)
    page = call(probe, "list_recordings")
    assert (page.success, [row.stream_id for row in page.recordings]) == (True, ["good"])
    assert call(probe, "start_stream", prompt="x").success


def test_many_calls_at_once_and_clients_that_disappear(connected, probe, emulator, domain_id, wait_until):
    process, statuses = connected({"prompt": "a calm sea", "max_calls": 100})
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    wait_until(lambda: images, "pictures")
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    leaver = Node("leaver", context=context)
    clients = [leaver.create_client(kind, f"/odyssey/{name}") for name, kind in SERVICES.items()]
    for one in clients:
        wait_until(one.service_is_ready, "the service")

    client = probe.node.create_client(
        srv.ListSimulationJobs, "/odyssey/list_simulation_jobs", qos_profile=QoSProfile(depth=100)
    )
    wait_until(client.service_is_ready, "the service")
    emulator.fault(fault="http_delay", endpoint="*", delay_seconds=5.0, count=0)
    for one in clients:
        if one.srv_type is not srv.EndStream:
            one.call_async(one.srv_type.Request())
    before = len(images)
    futures = [client.call_async(srv.ListSimulationJobs.Request()) for _ in range(60)]
    leaver.destroy_node()  # during its calls
    rclpy.shutdown(context=context)
    wait_until(lambda: any(future.done() for future in futures), "an answer")
    assert len(images) > before + 3  # during all calls
    httpx.delete(f"{emulator.url}/control/faults").raise_for_status()
    wait_until(lambda: all(future.done() for future in futures), "sixty answers")  # in parallel
    assert all(future.result().success for future in futures)
    probe.publisher(String, "/odyssey/prompt").publish(String(data="a red desert"))
    wait_until(lambda: statuses[-1].prompt.startswith("a red desert"), "the prompt")
    assert statuses[-1].reconnects == 0
    assert process.popen.poll() is None
    assert "Traceback" not in process.text


def test_calls_end_with_the_node(connected, probe, emulator, wait_until):
    process, _ = connected({"prompt": "a calm sea"})
    emulator.fault(fault="reply_drop", request="update")
    client = probe.node.create_client(srv.Interact, "/odyssey/interact")
    wait_until(lambda: call(probe, "start_stream").error_code == "STREAM_RUNNING", "the stream")
    wait_until(client.service_is_ready, "the service")
    pending = client.call_async(srv.Interact.Request(prompt="x"))
    wait_until(lambda: emulator.state()["faults"][0]["fired"], "the call to reach the streamer")
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert probe.call(ChangeState, "/odyssey/change_state", request).success
    wait_until(pending.done, "an answer")
    assert not pending.result().success
    assert pending.result().error_code != "INTERNAL"
    assert call(probe, "list_recordings").error_code == "UNCONFIGURED"
    assert process.stop() == 0
