"""A completed job gives the same data on the topics of the player and in a bag."""

from __future__ import annotations

import asyncio
import os
import subprocess

from odyssey_ros.msg import FrameInfo, PlaybackStatus
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image

from odyssey_ros.client import Odyssey
from waiting import eventually

KEY = "ody_test_key"
SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a calm sea"}},
    {"timestamp_ms": 1000, "interact": {"prompt": "a red desert"}},
    {"timestamp_ms": 2000, "end": {}},
]
EVERYTHING = QoSProfile(history=HistoryPolicy.KEEP_ALL)
STATUS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


async def completed_job(url):
    """Submit the script as a job, and return its id when it is completed."""
    async with Odyssey(KEY, api_url=url) as client:
        job = await client.simulate(script=SCRIPT, portrait=False)

        async def ended():
            status = await client.get_simulate_status(job.job_id)
            return status if status.status.value in ("completed", "failed") else None

        job = await eventually(ended, "the end of the job")
    assert job.status.value == "completed"
    return job.job_id


def bag_of(url, job_id, folder, dataset):
    """Write the bag with the command, and return its messages by topic."""
    environment = {**os.environ, "ODYSSEY_API_KEY": KEY, "ODYSSEY_API_URL": url}
    command = [dataset, "jobs", job_id, "--output", str(folder), "--images", "raw"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    (metadata,) = folder.rglob("metadata.yaml")
    found = {}
    with AnyReader([metadata.parent]) as reader:
        for connection, _, data in reader.messages():
            topic = connection.topic.rsplit("/", 1)[1]
            found.setdefault(topic, []).append(reader.deserialize(data, connection.msgtype))
    return found


def test_each_frame_is_the_same_in_the_bag(emulator, start_node, probe, wait_until, tmp_path):
    job_id = asyncio.run(completed_job(emulator.url))
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_node(
        "player",
        {"api_url": emulator.url, "job_id": job_id, "rate": 0.0, "wait_for": "image_raw,frame_info,playback"},
        environment={"ODYSSEY_API_KEY": KEY},
    )
    wait_until(lambda: any(status.state == PlaybackStatus.FINISHED for status in statuses), "the end")
    wait_until(lambda: len(labels) == len(images), "the last labels")

    dataset = emulator.process.popen.args[0].replace("/emulator", "/dataset")
    bag = bag_of(emulator.url, job_id, tmp_path / "bags", dataset)
    assert len(images) == len(bag["image_raw"]) == len(bag["frame_info"]) == 20  # 2 s at 10 Hz
    for image, label, image_in_bag, label_in_bag in zip(
        images, labels, bag["image_raw"], bag["frame_info"], strict=True
    ):
        assert (image.width, image.height, image.encoding) == (
            image_in_bag.width,
            image_in_bag.height,
            image_in_bag.encoding,
        )
        assert bytes(image.data) == image_in_bag.data.tobytes()
        for name in ("stream_id", "frame_index", "prompt"):
            assert getattr(label, name) == getattr(label_in_bag, name)
        assert (label.media_time.sec, label.media_time.nanosec) == (
            label_in_bag.media_time.sec,
            label_in_bag.media_time.nanosec,
        )
    assert {label.prompt.split(",")[0] for label in labels} == {"a calm sea", "a red desert"}
