"""Attacks from the graph, as any node can make them: each returns the answer of the bridge."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import TOP
from odyssey_ros.msg import ScriptEntry
from odyssey_ros.srv import ListSimulationJobs, SubmitSimulationJob
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

if TYPE_CHECKING:
    from collections.abc import Callable

    from graph import Operator

LONG_PROMPT_BYTES = 66_000_000
BOMB_SIDE = 17_000  # pixels; 289 million of them are a file of 35 kB
CALLS = 6  # as many as the bridge has threads for files
MANY_CALLS = 200  # many times `max_calls`


def long_prompt(operator: Operator, name: str) -> str:
    """Publish a prompt that no signaling socket accepts."""
    _publish(operator, String, f"/{name}/prompt", String(data="x" * LONG_PROMPT_BYTES))
    return ""


def odd_picture(operator: Operator, name: str) -> str:
    """Publish a picture of one row with millions of columns, and a prompt that would use it."""
    picture = Image(height=1, width=2_200_000, encoding="mono8", step=2_200_000)
    picture.data = bytes(2_200_000)
    _publish(operator, Image, f"/{name}/image_prompt", picture)
    operator.send_prompt(name, "a harbour at dawn")
    return ""


def device_as_image(operator: Operator, name: str) -> str:
    """Submit jobs with a device whose opening never ends as the image."""
    return _submit(operator, name, [_script(image_path="/dev/ptmx")] * CALLS)


def pipe_as_image(operator: Operator, name: str) -> str:
    """Submit jobs with a pipe without a writer as the image."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder, "picture.png")
        os.mkfifo(pipe)
        return _submit(operator, name, [_script(image_path=str(pipe))] * CALLS)


def private_file_as_image(operator: Operator, name: str) -> str:
    """Submit a job with a picture of the user that is in no folder of the bridge."""
    return _submit(operator, name, [_script(image_path=str(TOP / "docs" / "contact_sheet.png"))])


def pixel_bomb(operator: Operator, name: str) -> str:
    """Submit jobs with small files of hundreds of millions of pixels."""
    image = CompressedImage(format="png", data=_bomb())
    return _submit(operator, name, [_script(image=image)] * 3)


def many_calls(operator: Operator, name: str) -> str:
    """Call a service of the bridge many times at once, while the service delays its answers."""
    requests = [ListSimulationJobs.Request()] * MANY_CALLS
    answers = operator.call_all(ListSimulationJobs, f"/{name}/list_simulation_jobs", requests)
    return "; ".join(sorted(set(map(_answer, answers))))


def parameters(operator: Operator, name: str) -> str:
    """Name another service and another file of the key."""
    request = SetParameters.Request(
        parameters=[
            Parameter(
                name=parameter,
                value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value),
            )
            for parameter, value in (
                ("api_url", "http://192.0.2.1"),
                ("api_key_file", "/dev/zero"),
                ("camera_info_url", "file:///dev/zero"),
            )
        ]
    )
    results = operator.call_all(SetParameters, f"/{name}/set_parameters", [request])[0].results
    return "; ".join("set" if result.successful else "refused" for result in results)


ATTACKS: dict[str, Callable[[Operator, str], str]] = {
    "a prompt of 66 MB": long_prompt,
    "a picture of 2,200,000 x 1, then a prompt": odd_picture,
    "6 jobs with /dev/ptmx as image_path": device_as_image,
    "6 jobs with a pipe as image_path": pipe_as_image,
    "a job with a file of the user as image_path": private_file_as_image,
    "3 jobs with a picture of 289 megapixels": pixel_bomb,
    "200 calls of ~/list_simulation_jobs, each answered after 3 s": many_calls,
    "api_url, api_key_file and camera_info_url set": parameters,
}
"""The attacks by their names in the table."""


def _publish(operator: Operator, kind: Any, topic: str, message: Any) -> None:
    publisher = operator.node.create_publisher(kind, topic, 10)
    operator.wait(lambda: publisher.get_subscription_count() > 0, f"a subscription of {topic}")
    publisher.publish(message)


def _submit(operator: Operator, name: str, scripts: list[list[ScriptEntry]]) -> str:
    """Submit jobs at once; return their answers, each once."""
    requests = [SubmitSimulationJob.Request(script=script) for script in scripts]
    answers = operator.call_all(SubmitSimulationJob, f"/{name}/submit_simulation_job", requests)
    return "; ".join(dict.fromkeys(map(_answer, answers)))


def _answer(answer: Any) -> str:
    return "accepted" if answer.success else str(answer.error_code)


def _script(**start: Any) -> list[ScriptEntry]:
    return [
        ScriptEntry(action=ScriptEntry.START, prompt="a fox", **start),
        ScriptEntry(action=ScriptEntry.END, timestamp_ms=1000),
    ]


def _bomb() -> bytes:
    """Return a PNG file of one-bit pixels that are all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    row = bytes(1 + (BOMB_SIDE + 7) // 8)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(BOMB_SIDE)) + packer.flush()
    head = BOMB_SIDE.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"
    parts = chunk(b"IHDR", head), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
