"""The player as a process on a graph, with jobs and recordings of an emulator."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.msg import FrameInfo, PlaybackStatus, PlaybackTimeline, StreamEvent
from odyssey_ros.srv import Seek
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger

from odyssey_ros.client import Odyssey
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.fetching import fetch_stream
from odyssey_ros.dataset.retry_policy import STANDARD
from odyssey_ros.dataset.sources import JobEpisode
from odyssey_ros.dataset.videos.pixels import Rgb8Converter
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from small_video import write_video
from video_kinds import KINDS, picture, set_display_matrix, write_kind, write_sizes
from waiting import eventually

KEY = "ody_test_key"
EVERYTHING = QoSProfile(history=HistoryPolicy.KEEP_ALL)
STATUS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# At rates above 0 a publisher with a short history overwrites what a starved subscriber has not acknowledged.
KEPT = {f"qos_overrides./player/{name}.publisher.depth": 1000 for name in ("image_raw", "frame_info")}
SCRIPTS = [
    [
        {"timestamp_ms": 0, "start": {"prompt": "a calm sea"}},
        {"timestamp_ms": 1000, "interact": {"prompt": "a red desert"}},
        {"timestamp_ms": 2500, "end": {}},
    ],
    [{"timestamp_ms": 0, "start": {"prompt": "a forest"}}, {"timestamp_ms": 1200, "end": {}}],
]


def stamp_ns(header):
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def time_ns(message):
    return message.clock.sec * 1_000_000_000 + message.clock.nanosec


def media_ns(info):
    return info.media_time.sec * 1_000_000_000 + info.media_time.nanosec


def pixels(message):
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


async def finished_job(url, scripts=SCRIPTS):
    """Submit scripts as a job, and return the job when it has ended."""
    async with Odyssey(KEY, api_url=url) as client:
        job = await client.simulate(scripts=scripts, portrait=False)

        async def ended():
            status = await client.get_simulate_status(job.job_id)
            return status if status.status.value in ("completed", "failed") else None

        job = await eventually(ended, "the end of the job")
    return job


async def fetched(url, job_id, index, folder):
    """Return the episode of one script of a job."""
    async with Odyssey(KEY, api_url=url) as client, download_client() as http:
        source = JobEpisode(job_id, index, client, STANDARD)
        stream = await source.locate(Silent())
        fetched = await fetch_stream(source, stream, folder, Downloader(http, STANDARD))
        return fetched.episode()


class Silent:
    """Ignores progress reports."""

    def phase(self, text):
        pass

    def note(self, text):
        pass


@pytest.fixture
def job(emulator):
    """A finished job of two scripts."""
    return asyncio.run(finished_job(emulator.url))


@pytest.fixture
def start_player(start_node, emulator):
    """Starts a player that uses the emulator, with its key."""

    def start(parameters, *options, **environment):
        return start_node(
            "player",
            {"api_url": emulator.url, **parameters},
            *options,
            environment={"ODYSSEY_API_KEY": KEY, **environment},
        )

    return start


def status_that(statuses, *states, after=0):
    """Return a condition for `wait_until`: the first status with one of these states."""
    return lambda: next((status for status in statuses[after:] if status.state in states), None)


def trigger(probe, name):
    return probe.call(Trigger, f"/player/{name}")


def test_all_streams_of_a_job_are_published_like_a_live_stream(
    emulator, job, start_player, probe, wait_until, tmp_path
):
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    jpegs = probe.listen(CompressedImage, "/player/image_raw/compressed", EVERYTHING)
    infos = probe.listen(CameraInfo, "/player/camera_info", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    events = probe.listen(StreamEvent, "/player/events", QoSProfile(depth=100))
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_player(
        {
            "job_id": job.job_id,
            "rate": 0.0,
            "wait_for": "image_raw,image_raw/compressed,camera_info,frame_info,events,playback",
        }
    )
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    wait_until(lambda: len(labels) == len(images) == len(jpegs) == len(infos), "the last messages")

    # Every frame is that of the files.
    expected = []
    for index in range(2):
        episode = asyncio.run(fetched(emulator.url, job.job_id, index, tmp_path))
        converter = Rgb8Converter()
        for frame in episode.frames():
            data, step = converter.convert(frame.picture.frame)
            rgb = np.frombuffer(data, np.uint8).reshape(frame.picture.frame.height, step)
            expected.append((episode.stream_id, frame, rgb[:, : frame.picture.frame.width * 3].copy()))
    assert len(images) == len(expected) > 30
    for image, info, label, (stream_id, frame, rgb) in zip(images, infos, labels, expected, strict=True):
        assert image.header == info.header == label.header
        assert (label.stream_id, label.frame_index) == (stream_id, frame.picture.index)
        assert (label.prompt, media_ns(label)) == (frame.prompt, frame.picture.media_time_ns)
        np.testing.assert_array_equal(pixels(image).reshape(image.height, -1), rgb)
        marker = read_marker(pixels(image))
        assert marker.counter == label.frame_index
        assert marker.prompt_id == prompt_digest(label.prompt.split(",")[0])
    stamps = [stamp_ns(label.header) for label in labels]
    assert stamps == sorted(set(stamps))
    assert [jpeg.header for jpeg in jpegs] == [image.header for image in images]
    assert (infos[0].width, infos[0].height, images[0].header.frame_id) == (
        1280,
        704,
        "odyssey_optical_frame",
    )

    wait_until(lambda: len(events) >= 5, "the last event")  # topics have no order among each other
    kinds = [(event.type, event.prompt.split(",")[0]) for event in events]
    assert kinds == [
        (StreamEvent.STARTED, "a calm sea"),
        (StreamEvent.ACKNOWLEDGED, "a red desert"),
        (StreamEvent.ENDED, ""),
        (StreamEvent.STARTED, "a forest"),
        (StreamEvent.ENDED, ""),
    ]
    first_desert = next(label for label in labels if label.prompt.startswith("a red desert"))
    assert stamp_ns(events[1].header) == stamp_ns(first_desert.header)

    complete = [status for status in statuses if status.state == PlaybackStatus.EPISODE_COMPLETE]
    assert [(status.episode, status.script_index, status.whole) for status in complete] == [
        (0, 0, True),
        (1, 1, True),
    ]
    assert sum(status.frame_count for status in complete) == len(images)
    begun = [status.episodes_begun for status in statuses if status.state == PlaybackStatus.PLAYING]
    assert begun[-1] == 2
    assert statuses[-1].episodes == statuses[-1].episodes_complete == 2
    assert not re.search("Signature|X-Amz|token=|sig=|ody_test_key", process.text), process.text


@pytest.mark.parametrize("depth", [1, 5])
def test_at_rate_0_a_slow_subscriber_loses_nothing(job, start_player, probe, wait_until, depth):
    processed = []

    def slowly(label):
        time.sleep(0.03)
        processed.append((label.stream_id, label.frame_index))

    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    probe.node.create_subscription(FrameInfo, "/player/frame_info", slowly, depth)
    pictures = probe.listen(Image, "/player/image_raw", depth)
    start_player({"job_id": job.job_id, "rate": 0.0, "wait_for": "frame_info,image_raw,playback"})
    finished = wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    first, second = job.streams
    expected = [(first.stream_id, n) for n in range(first.frame_count)]
    expected += [(second.stream_id, n) for n in range(second.frame_count)]
    assert processed == expected
    assert len(pictures) == len(expected)
    assert finished.episodes_complete == 2


def test_the_time_line_names_the_first_frame_of_each_prompt(job, start_player, probe, wait_until):
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    timelines = probe.listen(PlaybackTimeline, "/player/timeline", STATUS)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_player({"job_id": job.job_id, "rate": 0.0, "wait_for": "frame_info,timeline,playback"})
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    opened = [line for line in timelines if line.frame_count >= 0]
    assert [line.stream_id for line in opened] == [stream.stream_id for stream in job.streams]
    assert [(line.episode, line.script_index) for line in opened] == [(0, 0), (1, 1)]
    assert (timelines[-1].frame_count, timelines[-1].stream_id, len(timelines[-1].prompts)) == (-1, "", 0)
    for line in opened:
        shown = [label for label in labels if label.stream_id == line.stream_id]
        first = [n for n, label in enumerate(shown) if n == 0 or label.prompt != shown[n - 1].prompt]
        assert line.frame_count == len(shown)
        assert [(one.frame_index, one.prompt) for one in line.prompts] == [
            (n, shown[n].prompt) for n in first
        ]
        assert [one.position for one in line.prompts] == [shown[n].media_time for n in first]
    assert len(opened[0].prompts) == 2
    status = next(s for s in statuses if s.stream_id == opened[0].stream_id)
    assert status.duration == opened[0].duration

    count = len(timelines)
    assert probe.call(Seek, "/player/seek", Seek.Request(episode=1, frame_index=3)).success
    wait_until(lambda: len(timelines) > count, "the time line of the other episode")
    assert timelines[count].stream_id == opened[1].stream_id


def turned(path):
    """Write a phone video: open groups of pictures, shown turned by 90 degrees."""
    return set_display_matrix(write_kind(path, KINDS["mp4, open groups"]), 0, 1, -1, 0)


def two_sizes(path):
    """Write a video of two sizes with B frames."""
    return write_sizes(path, [(192, 48), (96, 64)], 14, bframes=2)


@pytest.mark.parametrize(("write", "sizes"), [(turned, [(48, 192)]), (two_sizes, [(192, 48), (96, 64)])])
def test_a_seek_shows_the_picture_that_playing_shows(write, sizes, tmp_path, start_player, probe, wait_until):
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    infos = probe.listen(CameraInfo, "/player/camera_info", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    video = write(tmp_path / "video.mp4")
    start_player({"video_file": str(video), "rate": 0.0, "wait_for": "image_raw,camera_info,frame_info"})
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    wait_until(lambda: len(labels) == len(images) == len(infos) == 28, "all frames")
    assert [label.frame_index for label in labels] == list(range(28))
    played = [(media_ns(label), pixels(image)) for label, image in zip(labels, images, strict=True)]
    seen = [(image.width, image.height) for image in images]
    assert seen == [size for size in sizes for _ in range(28 // len(sizes))]
    assert [(info.width, info.height) for info in infos] == seen
    if write is turned:  # clockwise by 90 degrees
        assert np.abs(played[11][1].astype(int) - np.rot90(picture(11), -1)).mean() < 4

    assert trigger(probe, "pause").success
    for count, index in enumerate((6, 27, 8, 0, 15, 16, 5, 22), start=1):
        answer = probe.call(Seek, "/player/seek", Seek.Request(frame_index=index))
        assert (answer.success, answer.frame_index) == (True, index)
        assert trigger(probe, "step").message.startswith(f"frame {index} of ")
        expected = 28 + count
        wait_until(lambda expected=expected: len(labels) == len(images) == expected, "the frame of the seek")
        assert labels[-1].frame_index == index
        assert media_ns(labels[-1]) == played[index][0]
        np.testing.assert_array_equal(pixels(images[-1]), played[index][1])


def test_pause_step_seek_and_resume(job, start_player, probe, wait_until):
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    events = probe.listen(StreamEvent, "/player/events", QoSProfile(depth=100))
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_player(
        {
            "job_id": job.job_id,
            "script_index": 0,
            "start_paused": True,
            "wait_for": "frame_info,events",
            **KEPT,
        }
    )
    wait_until(status_that(statuses, PlaybackStatus.PAUSED), "the pause")
    probe.wait_for_publisher("/player/frame_info")
    assert not labels
    for index in range(3):
        answer = trigger(probe, "step")
        assert answer.success
        assert answer.message.startswith(f"frame {index} of ")
    wait_until(lambda: len(labels) == 3, "three frames")
    assert [label.frame_index for label in labels] == [0, 1, 2]

    answer = probe.call(Seek, "/player/seek", Seek.Request(frame_index=20))
    assert (answer.success, answer.frame_index) == (True, 20)
    assert trigger(probe, "step").success
    label = wait_until(lambda: len(labels) == 4 and labels[3], "the frame of the seek")
    assert label.frame_index == 20
    assert label.prompt.startswith("a red desert")
    event = wait_until(
        lambda: next((e for e in events if e.type == StreamEvent.ACKNOWLEDGED), None), "the prompt in force"
    )
    assert event.prompt == label.prompt

    answer = probe.call(Seek, "/player/seek", Seek.Request(position=0.55))
    assert answer.success
    assert answer.position <= 0.55 < answer.position + 0.2
    refused = probe.call(Seek, "/player/seek", Seek.Request(position=99.0))
    assert (refused.success, refused.error_code) == (False, "BAD_ARGUMENT")
    refused = probe.call(Seek, "/player/seek", Seek.Request(episode=7))
    assert (refused.success, refused.error_code) == (False, "BAD_ARGUMENT")

    assert trigger(probe, "resume").success
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    complete = next(s for s in statuses if s.state == PlaybackStatus.EPISODE_COMPLETE)
    assert not complete.whole
    wait_until(lambda: labels[-1].frame_index == complete.frame_count - 1, "the last frame")
    indexes = [label.frame_index for label in labels[4:]]
    assert indexes == list(range(answer.frame_index, complete.frame_count))
    stamps = [stamp_ns(label.header) for label in labels]
    assert stamps == sorted(set(stamps))
    answer = trigger(probe, "step")
    assert not answer.success
    assert "all episodes have been played" in answer.message
    count = len(labels)
    assert trigger(probe, "resume").success  # starts again
    wait_until(lambda: len(labels) > count, "a frame")
    assert labels[count].frame_index == 0
    before = len(statuses)
    assert trigger(probe, "pause").success
    paused = wait_until(status_that(statuses, PlaybackStatus.PAUSED, after=before), "the pause")
    assert trigger(probe, "step").message.startswith(f"frame {paused.frame_index} of ")


def test_the_clock_runs_in_media_time_and_stands_still_while_paused(job, start_player, probe, wait_until):
    clocks = probe.listen(Clock, "/clock", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_player(
        {
            "job_id": job.job_id,
            "rate": 2.0,
            "loop": True,
            "publish_clock": True,
            "wait_for": "frame_info",
            **KEPT,
        }
    )
    looped = wait_until(lambda: statuses and statuses[-1].rounds >= 1 and statuses[-1], "a second round")
    assert looped.episodes_begun >= 3
    wait_until(lambda: len(labels) > 40, "frames of the second round")

    def ticks_between_frames():
        stamps = {stamp_ns(label.header) for label in labels}
        return any(time_ns(clock) not in stamps and time_ns(clock) < max(stamps) for clock in clocks)

    wait_until(ticks_between_frames, "a time between two frames")
    stamps = [stamp_ns(label.header) for label in labels]
    assert stamps == sorted(set(stamps))
    for before, after in itertools.pairwise(labels):
        between = stamp_ns(after.header) - stamp_ns(before.header)
        if after.stream_id == before.stream_id and after.frame_index == before.frame_index + 1:
            assert between == media_ns(after) - media_ns(before)
    before = len(statuses)
    assert trigger(probe, "pause").success
    paused = wait_until(status_that(statuses, PlaybackStatus.PAUSED, after=before), "the pause")
    wait_until(lambda: [clock.clock for clock in clocks].count(paused.stamp) > 4, "the clock of a pause")
    assert clocks[-1].clock == paused.stamp
    times = [time_ns(clock) for clock in clocks]
    assert times == sorted(times)


def test_a_recording_is_played_at_its_rate(emulator, start_player, probe, wait_until):
    async def recording():
        frames = asyncio.Queue()

        async def frame(number):
            while (await frames.get()).index < number:
                pass

        async with Odyssey(KEY, api_url=emulator.url) as client:
            await client.connect(on_decoded_frame=frames.put_nowait)
            stream_id = await client.start_stream("a calm sea", portrait=False)
            await frame(15)
            await client.interact("a red desert")
            await frame(25)
            await client.end_stream()
        return stream_id

    stream_id = asyncio.run(recording())
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_player({"stream_id": stream_id, "wait_for": "image_raw,frame_info", **KEPT})
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end")
    complete = next(s for s in statuses if s.state == PlaybackStatus.EPISODE_COMPLETE)
    wait_until(lambda: len(images) == len(labels) == complete.frame_count, "all frames")
    assert {label.stream_id for label in labels} == {stream_id}
    for image, label in zip(images, labels, strict=True):
        marker = read_marker(pixels(image))
        assert marker.prompt_id == prompt_digest(label.prompt.split(",")[0])
    media_s = (media_ns(labels[-1]) - media_ns(labels[0])) / 1e9
    stamp_s = (stamp_ns(labels[-1].header) - stamp_ns(labels[0].header)) / 1e9
    assert media_s > 1.5
    # Never faster than the media; slower only if the machine is too slow.
    assert stamp_s > 0.95 * media_s


def test_a_file_is_played_through_the_states_of_the_lifecycle(
    emulator, job, start_node, probe, wait_until, tmp_path
):
    episode = asyncio.run(fetched(emulator.url, job.job_id, 0, tmp_path))
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_node(
        "player",
        {"video_file": episode.video_path, "rate": 1.0, "loop": True, "wait_for": "frame_info", **KEPT},
    )
    wait_until(lambda: len(labels) > 3, "frames without a key")
    assert labels[0].prompt.startswith("a calm sea")  # from the events log beside the video

    def change(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return probe.call(ChangeState, "/player/change_state", request).success

    def labels_since(status):
        moment = status.stamp.sec * 1_000_000_000 + status.stamp.nanosec
        return [label for label in labels if stamp_ns(label.header) > moment]

    before = len(statuses)
    assert change(Transition.TRANSITION_DEACTIVATE)
    inactive = wait_until(status_that(statuses, PlaybackStatus.INACTIVE, after=before), "inactive")
    answer = trigger(probe, "step")
    assert not answer.success
    assert "not active" in answer.message
    before = len(statuses)
    assert change(Transition.TRANSITION_ACTIVATE)
    going = (PlaybackStatus.PLAYING, PlaybackStatus.FETCHING)
    active = wait_until(status_that(statuses, *going, after=before), "active")
    first = wait_until(lambda: next(iter(labels_since(active)), None), "more frames")
    assert first.frame_index == inactive.frame_index % max(1, inactive.frame_count)
    assert labels_since(inactive) == labels_since(active)

    before = len(statuses)
    assert change(Transition.TRANSITION_DEACTIVATE)
    assert change(Transition.TRANSITION_CLEANUP)
    unconfigured = wait_until(
        status_that(statuses, PlaybackStatus.UNCONFIGURED, after=before), "unconfigured"
    )
    answer = trigger(probe, "resume")
    assert "unconfigured" in answer.message
    assert change(Transition.TRANSITION_CONFIGURE)
    assert change(Transition.TRANSITION_ACTIVATE)
    first = wait_until(lambda: next(iter(labels_since(unconfigured)), None), "the beginning")
    assert first.frame_index == 0


def unconfigured(probe, wait_until, statuses):
    """Return the status with which the node has become unconfigured."""
    status = wait_until(
        lambda: (
            statuses
            and statuses[-1].state == PlaybackStatus.UNCONFIGURED
            and statuses[-1].error_code
            and statuses[-1]
        ),
        "a reason",
    )
    state = probe.call(GetState, "/player/get_state").current_state.label
    assert state == "unconfigured"
    return status


INVALID_OVERRIDE = "qos_overrides./player/image_raw.publisher.reliability"


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({}, "CONFIGURATION", "exactly one of"),
        ({"stream_id": "a", "job_id": "b"}, "CONFIGURATION", "stream_id and job_id"),
        ({"video_file": "/nowhere.mp4"}, "CONFIGURATION", "no file /nowhere.mp4"),
        ({"stream_id": "a", "wait_for": "pictures"}, "CONFIGURATION", "image_raw"),
        ({"stream_id": "a", INVALID_OVERRIDE: "sometimes"}, "CONFIGURATION", "/player/image_raw: "),
        ({"stream_id": "no-such-stream"}, "NO_VIDEO", ""),
        ({"job_id": "no-such-job"}, "", ""),
    ],
)
def test_the_reason_is_reported_when_nothing_can_be_played(
    start_player, probe, wait_until, parameters, code, words
):
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_player(parameters)
    status = unconfigured(probe, wait_until, statuses)
    assert code in status.error_code
    assert words in status.message
    wait_until(lambda: "ERROR" in process.text, "a line in the log")
    assert all(one.state != PlaybackStatus.FINISHED for one in statuses)
    assert "All episodes have been played" not in process.text


def test_a_failed_job_and_a_script_that_does_not_exist(emulator, job, start_player, probe, wait_until):
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_player({"job_id": job.job_id, "script_index": 5})
    assert unconfigured(probe, wait_until, statuses).error_code == "NO_SUCH_SCRIPT"
    process.stop()
    emulator.fault(fault="job_fail", message="out of memory")
    failed = asyncio.run(finished_job(emulator.url, SCRIPTS[1:]))
    assert failed.status.value == "failed"
    statuses.clear()
    start_player({"job_id": failed.job_id})
    status = wait_until(
        lambda: next((s for s in statuses if s.error_code == "JOB_FAILED"), None), "the failure"
    )
    assert failed.job_id in status.message
    assert "out of memory" in status.message


@pytest.mark.parametrize("broken", [False, True])
def test_simulated_time_and_the_home_folder(start_node, probe, wait_until, tmp_path, broken):
    """Nothing fails before the first /clock, nor when /clock goes back; a bad calibration ends nothing."""
    write_video(tmp_path / "a.mp4", frames=30)
    (tmp_path / "camera.yaml").write_text("{" if broken else "image_width: 64")
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    images = probe.listen(Image, "/player/image_raw", 5)
    parameters = {"video_file": "~/a.mp4", "use_sim_time": True, "loop": True}
    process = start_node(
        "player",
        {**parameters, "camera_info_url": "file://~/camera.yaml"},
        environment={"HOME": str(tmp_path)},
    )
    wait_until(lambda: len(images) > 3, "frames before the first time")
    assert all(image.header.stamp.sec == 0 for image in images)
    clock = probe.publisher(Clock, "/clock")
    for seconds in (1000, 5, 2000):

        def reached(seconds=seconds):
            clock.publish(Clock(clock=Time(sec=seconds)))
            clock.publish(Clock(clock=Time(sec=-1)))
            return images[-1].header.stamp.sec == seconds

        wait_until(reached, f"frames at {seconds} s")
    wait_until(status_that(statuses, PlaybackStatus.EPISODE_COMPLETE), "the end of the video")
    assert not [status.message for status in statuses if status.error_code]
    process.stop()  # the whole output: it arrives after the status
    assert process.text.count("~/camera_info is uncalibrated") == 1
    assert "Ignored a negative time on /clock" in process.text
    assert "Traceback" not in process.text


def test_retries_of_an_unreachable_service_are_logged(start_player, wait_until):
    process = start_player({"job_id": "some-job", "api_url": "http://127.0.0.1:9"})
    wait_until(lambda: "trying again in" in process.text, "a line in the log")


def test_expired_urls_are_requested_again(emulator, job, start_player, probe, wait_until):
    emulator.fault(fault="expired_urls")
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    start_player({"job_id": job.job_id, "wait_for": "frame_info"})
    wait_until(lambda: emulator.state()["counters"].get("http.files.403"), "a refused download")
    httpx.delete(f"{emulator.url}/control/faults", timeout=60).raise_for_status()
    wait_until(lambda: labels, "a frame")


def test_a_file_that_is_not_a_video_leads_to_unconfigured(start_node, probe, wait_until, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_node("player", {"video_file": tmp_path / "broken.mp4"})
    status = unconfigured(probe, wait_until, statuses)
    assert status.error_code == "VIDEO_BROKEN"


def test_relative_paths_with_a_colon(job, start_player, start_node, probe, wait_until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the processes inherit it
    time = "2026-06-01T10:30:00"
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    parameters = {"wait_for": "frame_info", "rate": 0.0}
    probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    player = start_player({"job_id": job.job_id, "script_index": 1, "cache_dir": time, **parameters})
    downloaded = wait_until(status_that(statuses, PlaybackStatus.EPISODE_COMPLETE), "the end of the download")
    player.stop()
    [video] = (tmp_path / time).rglob("*.mp4")
    video.rename(tmp_path / f"{time}.mp4")

    statuses.clear()
    start_node("player", {"video_file": f"{time}.mp4", **parameters})
    played = wait_until(status_that(statuses, PlaybackStatus.EPISODE_COMPLETE), "the end of the file")
    assert played.frame_count == downloaded.frame_count == 12


@pytest.mark.parametrize("rate", [0.0, 100.0])
def test_the_process_ends_when_everything_has_been_received(start_node, probe, wait_until, tmp_path, rate):
    video = write_video(tmp_path / "a.mp4", frames=20)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_node(
        "player",
        {
            "video_file": video,
            "rate": rate,
            "exit_when_finished": True,
            "wait_for": "frame_info,playback",
            "qos_overrides./player/frame_info.publisher.depth": 1000 if rate else 1,
        },
    )
    assert process.exit_status() == 0
    wait_until(lambda: len(labels) == 20, "the last frames, which are still in the queue")
    wait_until(status_that(statuses, PlaybackStatus.FINISHED), "the end of playback")


@pytest.mark.parametrize("parameters", [{}, {"job_id": "none"}, {"video_file": "broken.mp4"}])
def test_the_process_ends_when_nothing_can_be_played(start_player, tmp_path, monkeypatch, parameters):
    monkeypatch.chdir(tmp_path)  # the process inherits it
    Path("broken.mp4").write_bytes(b"no video at all")
    process = start_player({**parameters, "exit_when_finished": True})
    assert process.exit_status() == 1
    assert "ERROR" in process.text


def test_losses_of_the_labels_are_one_warning(start_player, wait_until, tmp_path):
    write_video(tmp_path / "walk.mp4")
    log = (
        '{"timestamp_ms": 0, "type": "start", "prompt": "a"}\nnonsense\n{"timestamp_ms": 9, "type": "end"}\n'
    )
    (tmp_path / "walk.events.jsonl").write_bytes(gzip.compress(log.encode()))
    player = start_player(
        {"video_file": tmp_path / "walk.mp4", "autostart": True, "exit_when_finished": True}
    )
    wait_until(lambda: "All episodes have been played" in player.text, "the end of the only episode")
    (warning,) = [line for line in player.output if "WARN" in line]
    assert "The labels of walk.mp4 are incomplete: ignored_log_entries: 1 (" in warning
