"""Attacks by a node of the graph: requests that are too large, too many, or make the service hang up.

The bridge and the emulator are processes of their own; the attacker is a node of another process.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import pytest
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import ScriptEntry, StreamEvent, StreamStatus
from PIL import Image as Picture
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.action import ActionClient
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from odyssey_ros import srv


def memory_mb(process, field):
    """Return a figure of a process's memory in MiB: `VmRSS` is the current one, `VmHWM` the peak."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1]) // 1024


def png(side):
    """Return a transparent PNG file; one of 9400x9400 pixels has 344 kB, and 353 MB when it is decoded."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    compressor, row = zlib.compressobj(), bytes(1 + 4 * side)
    pixels = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg():
    file = io.BytesIO()
    Picture.new("RGB", (64, 48), "teal").save(file, format="JPEG")
    return file.getvalue()


def script(prompt="a calm sea", image=b""):
    return [
        ScriptEntry(
            timestamp_ms=0, action=ScriptEntry.START, prompt=prompt, image=CompressedImage(data=image)
        ),
        ScriptEntry(timestamp_ms=1000, action=ScriptEntry.END),
    ]


@pytest.fixture
def bridge(start_bridge, probe, wait_until):
    """Starts a bridge; returns its process, statuses and events."""

    def start(parameters=None):
        statuses, events = probe.statuses(), probe.events()
        process = start_bridge(parameters)
        wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
        return process, statuses, events

    return start


def codes(events):
    return [event.error_code for event in events if event.type == StreamEvent.ERROR]


def submit(probe, count, **fields):
    """Send several submissions at once and return the responses."""
    client = probe.node.create_client(srv.SubmitSimulationJob, "/odyssey/submit_simulation_job")
    assert client.wait_for_service(80)
    return [client.call_async(srv.SubmitSimulationJob.Request(**fields)) for _ in range(count)]


def results(wait_until, futures):
    wait_until(lambda: all(future.done() for future in futures), "all responses")
    return [future.result() for future in futures]


def test_pictures_cannot_use_up_the_memory(bridge, probe, wait_until):
    process, _, _ = bridge()
    # A small picture first: the imports of the decoders are no part of the attack.
    assert results(wait_until, submit(probe, 1, script=script(image=jpeg())))[0].success
    before = memory_mb(process, "VmHWM")
    responses = results(wait_until, submit(probe, 3, script=script(image=png(9400))))
    assert [response.error_code for response in responses] == ["BAD_IMAGE"] * 3
    assert all("too many pixels: 9400x9400. Reduce it" in response.message for response in responses)
    assert memory_mb(process, "VmHWM") - before < 60
    # The largest that is allowed: one needs 150 MB, so four at the same time would need 600 MB.
    responses = results(wait_until, submit(probe, 4, script=script(image=png(4096))))
    assert all(response.success for response in responses), [response.message for response in responses]
    assert memory_mb(process, "VmHWM") - before < 300


def test_an_odd_image_costs_no_prompt_and_no_session(bridge, probe, wait_until):
    process, statuses, events = bridge()
    images = probe.publisher(Image, "/odyssey/image_prompt")
    width = 2_200_000
    images.publish(Image(width=width, height=1, encoding="mono8", step=width, data=bytes(width)))
    refusal = wait_until(lambda: next((event for event in events if event.error_code), None), "the refusal")
    assert refusal.error_code == "BAD_IMAGE"
    assert "unusable shape: 2200000x1" in refusal.message
    before = memory_mb(process, "VmHWM")
    images.publish(Image(width=1, height=1, encoding="mono8", step=2**32 - 1, data=bytes(1)))
    probe.wait_for_taking()
    probe.publisher(String, "/odyssey/prompt").publish(String(data="a calm sea"))
    wait_until(lambda: statuses[-1].streaming, "a stream")
    assert codes(events) == ["BAD_IMAGE"]
    assert memory_mb(process, "VmHWM") - before < 300  # the stream itself; 4 GB of padding before
    assert statuses[-1].connection == StreamStatus.CONNECTED


def test_a_prompt_that_is_too_long_is_refused_on_every_way(bridge, probe, wait_until):
    process, statuses, events = bridge({"prompt": "a calm sea", "simulation_poll_period": 0.1})
    wait_until(lambda: statuses[-1].streaming, "a stream")
    poison = "x" * 5_000_000
    probe.publisher(String, "/odyssey/prompt").publish(String(data=poison))
    wait_until(lambda: codes(events) == ["PROMPT_TOO_LONG"], "the refusal")
    assert events[-1].message.startswith("the prompt has 5000000 characters, but at most 4096 are allowed")

    def call(kind, name, **fields):
        return probe.call(kind, f"/odyssey/{name}", kind.Request(**fields)).error_code

    text = "x" * 4097
    assert call(srv.StartStream, "start_stream", prompt=text) == "PROMPT_TOO_LONG"
    assert call(srv.Interact, "interact", prompt=text) == "PROMPT_TOO_LONG"
    assert call(srv.SubmitSimulationJob, "submit_simulation_job", script=script(text)) == "PROMPT_TOO_LONG"
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
    answer = probe.call(
        SetParametersAtomically,
        "/odyssey/set_parameters_atomically",
        SetParametersAtomically.Request(parameters=[Parameter(name="prompt", value=value)]),
    ).result
    assert not answer.successful
    assert answer.reason.startswith("PROMPT_TOO_LONG: the prompt has 4097 characters")
    client = probe.do(lambda: ActionClient(probe.node, RunSimulation, "/odyssey/run_simulation"))
    wait_until(client.server_is_ready, "the action server")
    sending = probe.do(lambda: client.send_goal_async(RunSimulation.Goal(script=script(text))))
    wait_until(sending.done, "the goal")
    ending = probe.do(sending.result().get_result_async)
    wait_until(ending.done, "the result")
    assert ending.result().result.error_code == "PROMPT_TOO_LONG"
    probe.do(client.destroy)

    longest = "y" * 4096
    assert call(srv.Interact, "interact", prompt=longest) == ""
    assert statuses[-1].reconnects == 0
    assert process.popen.poll() is None


def test_a_prompt_parameter_that_is_too_long_at_the_start_is_reported(bridge, probe, wait_until):
    _, statuses, events = bridge({"prompt": "a calm sea at night", "max_prompt_length": 10})
    publisher = probe.publisher(String, "/odyssey/prompt")
    publisher.publish(String(data="a red desert"))
    wait_until(lambda: "PROMPT_TOO_LONG" in codes(events), "the refusal")
    publisher.publish(String(data="snow"))
    wait_until(lambda: statuses[-1].streaming, "a stream")
    assert statuses[-1].prompt.startswith("snow")


def test_a_request_that_makes_the_service_hang_up_is_not_sent_forever(bridge, probe, emulator, wait_until):
    _, statuses, events = bridge()
    emulator.fault(fault="request_close", request="start", count=0)
    publisher = probe.publisher(String, "/odyssey/prompt")
    publisher.publish(String(data="poison"))
    wait_until(lambda: "STREAM_REFUSED" in codes(events), "the end of the attempts", 180)
    starts = emulator.state()["faults"][0]["fired"]
    assert starts == 5
    emulator.clear_faults()
    wait_until(lambda: statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    publisher.publish(String(data="a calm sea"))
    wait_until(lambda: statuses[-1].streaming, "a stream")


def test_a_flood_of_prompts_is_bounded(bridge, probe, wait_until):
    process, statuses, events = bridge({"prompt": "a calm sea"})
    wait_until(lambda: statuses[-1].streaming, "a stream")
    publisher = probe.publisher(String, "/odyssey/prompt")
    before = memory_mb(process, "VmHWM")
    message = String(data="z" * 4096)
    for _ in range(10_000):
        publisher.publish(message)
    publisher.publish(String(data="a red desert"))
    wait_until(lambda: statuses[-1].prompt.startswith("a red desert"), "the last prompt in force")
    assert memory_mb(process, "VmHWM") - before < 100
    assert set(codes(events)) <= {"PROMPTS_DROPPED"}
    assert statuses[-1].reconnects == 0


def test_calls_and_goals_at_once_are_bounded(bridge, probe, emulator, wait_until):
    process, statuses, _ = bridge({"prompt": "a calm sea", "max_calls": 2, "max_simulations": 1})
    wait_until(lambda: statuses[-1].streaming, "a stream")
    emulator.fault(fault="http_hang", endpoint="jobs_submit", count=0)
    actions = probe.do(lambda: ActionClient(probe.node, RunSimulation, "/odyssey/run_simulation"))
    wait_until(actions.server_is_ready, "the action server")
    goals = []
    for _ in range(2):
        sending = probe.do(lambda: actions.send_goal_async(RunSimulation.Goal(script=script(image=jpeg()))))
        wait_until(sending.done, "an accepted goal")
        goals.append(probe.do(sending.result().get_result_async))
    refused = wait_until(lambda: next((goal for goal in goals if goal.done()), None), "a refusal")
    assert refused.result().result.error_code == "TOO_MANY_CALLS"
    assert refused.result().result.message.startswith("1 goals of ~/run_simulation are under way: wait until")

    futures = submit(probe, 6, script=script())
    wait_until(lambda: sum(future.done() for future in futures) >= 4, "four refusals")
    refusals = [future.result() for future in futures if future.done()]
    assert [refusal.error_code for refusal in refusals[:4]] == ["TOO_MANY_CALLS"] * 4
    assert "larger max_calls" in refusals[0].message
    # The other services are not affected: the operator can end the stream.
    assert probe.call(srv.EndStream, "/odyssey/end_stream").success
    probe.do(actions.destroy)
    assert process.popen.poll() is None
