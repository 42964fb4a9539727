"""The picture socket with a real bridge: what viewers get, and what exists on the graph for them."""

from __future__ import annotations

import array
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from foxglove_msgs.msg import CompressedVideo

from console_graph import CONSOLE_READY, ConsoleProcess
from encoded_topics import AccessUnit, decoded, is_key_frame
from odyssey_ros.console.graph.picture_messages import Codec
from picture_client import PictureClient, SentPicture
from processes import node_command, node_environment, start_process, wait_for_line
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console_graph import ConsoleGraph
    from probe import Probe
    from processes import EmulatorProcess, Process

H264, JPEG = 1, 2
VIDEO_TOPIC = "/odyssey/image_raw/foxglove"
JPEG_TOPIC = "/odyssey/image_raw/compressed"

WITHOUT_PACKAGES = Path(__file__).resolve().parents[2] / "support" / "without_packages.py"

pytestmark = pytest.mark.usefixtures("bridge")


@pytest.fixture
def console_without_foxglove(graph: ConsoleGraph) -> Iterator[ConsoleProcess]:
    """A console on a machine without `foxglove_msgs`."""
    command = [sys.executable, str(WITHOUT_PACKAGES), "foxglove_msgs,foxglove_msgs.msg"]
    process = start_process([*command, *node_command("console", {"port": 0})], node_environment(graph.domain))
    line = wait_for_line(process, lambda line: CONSOLE_READY in line)
    yield ConsoleProcess(process, line.partition(CONSOLE_READY)[2].split()[0].rstrip("/"))
    process.end()


def subscribers(probe: Probe, topic: str) -> list[Any]:
    return [one for one in probe.node.get_subscriptions_info_by_topic(topic) if "console" in one.node_name]


def markers(pictures: Iterable[SentPicture]) -> list[int]:
    """Return the numbers of the frames in H.264; one that lacks the picture before it is an error.

    A node whose topics are just being discovered may be watched as JPEG at first.
    """
    units = [
        AccessUnit((0, one.number), "", "h264", one.data, is_key_frame("h264", one.data))
        for one in pictures
        if one.codec == Codec.H264
    ]
    return [marker.counter for _, _, marker in decoded(units)]


async def test_all_viewers_share_one_subscription_that_ends_with_the_last(
    console: ConsoleProcess, probe: Probe
):
    async with PictureClient(console.url) as first:
        await first.more(1)
        async with PictureClient(console.url) as second:
            pictures = await second.more(3)
            assert pictures[0].is_key  # although the topic had a viewer already
            await eventually(lambda: len(subscribers(probe, VIDEO_TOPIC)) == 1)  # that for the key frame ends
            assert not subscribers(probe, JPEG_TOPIC)
        assert markers(second.pictures)
        await first.more(3)
        assert len(subscribers(probe, VIDEO_TOPIC)) == 1
        assert markers(first.pictures)  # the second viewer took nothing away
    await eventually(lambda: not subscribers(probe, VIDEO_TOPIC))


async def test_pictures_have_an_age_and_a_source(console: ConsoleProcess):
    async with PictureClient(console.url) as client:
        for picture in await client.more(3):
            assert (picture.version, picture.codec) == (1, H264)
            assert 0 <= picture.age < 60
            assert abs(time.time() - picture.stamp) < 60
        assert client.notice("source") == {
            "type": "source",
            "node": "/odyssey",
            "codec": "h264",
            "reason": "",
        }
        await client.send({"type": "clock", "sent": 12.5})
        await eventually(lambda: client.notice("clock"))
        answer = client.notice("clock") or {}
        assert answer["sent"] == 12.5
        assert abs(time.time() - answer["time"]) < 60


async def test_a_slow_viewer_gets_fewer_pictures_and_none_is_old(console: ConsoleProcess):
    async with PictureClient(console.url) as fast, PictureClient(console.url) as slow:
        await slow.more(3)
        slow.acknowledges = False
        await eventually(lambda: slow.notice("dropped"))
        held = len(slow.pictures)
        newest = (await fast.more(20))[-1]
        assert len(slow.pictures) == held
        slow.acknowledges = True
        await slow.acknowledge()
        first, *_ = await slow.more(3)
        assert first.is_key
        assert first.stamp > newest.stamp  # nothing of what was made while the viewer was behind
        assert markers(slow.pictures)
        assert markers(fast.pictures)


async def test_a_page_that_cannot_decode_h264_gets_jpeg_of_which_only_the_newest_waits(
    console: ConsoleProcess, probe: Probe
):
    async with PictureClient(console.url, codecs=("jpeg",)) as slow:
        slow.acknowledges = False
        await slow.more(1)
        assert not subscribers(probe, VIDEO_TOPIC)
        async with PictureClient(console.url, codecs=("jpeg",)) as fast:
            newest = (await fast.more(10))[-2]
        held = len(slow.pictures)
        assert held <= 3  # fewer where the three take longer than the limit of half a second
        assert all(one.codec == JPEG and one.data.startswith(b"\xff\xd8") for one in slow.pictures)
        await slow.acknowledge()
        await eventually(lambda: len(slow.pictures) > held)
        assert slow.pictures[held].stamp >= newest.stamp
    await eventually(lambda: not subscribers(probe, JPEG_TOPIC))


async def test_another_watch_begins_with_a_key_frame(console: ConsoleProcess):
    """A page asks for it when its decoder has failed."""
    async with PictureClient(console.url) as other, PictureClient(console.url) as client:
        await client.more(2)
        begin = len(client.pictures)
        await client.send({"type": "watch", "node": "/odyssey", "codecs": ["h264"]})
        await eventually(lambda: any(one.is_key for one in client.pictures[begin + 2 :]))
        await other.more(2)
        assert markers(other.pictures)


async def test_a_node_that_is_not_there_is_named(console: ConsoleProcess):
    async with PictureClient(console.url, node="/nobody") as client:
        await eventually(lambda: client.notice("waiting"))
        assert client.notices[0]["reason"] == "/nobody is not on the graph"
        await client.send({"type": "watch", "node": "/odyssey", "codecs": ["h264"]})
        assert (await client.more(1))[0].is_key


async def test_junk_of_another_publisher_is_not_shown_and_breaks_nothing(
    console: ConsoleProcess, probe: Probe
):
    async with PictureClient(console.url) as client:
        await client.more(1)
        publisher = probe.node.create_publisher(CompressedVideo, VIDEO_TOPIC, 10)
        await eventually(lambda: publisher.get_subscription_count() > 0)
        junk = [
            CompressedVideo(format="vp9", data=array.array("B", b"\0\0\1\x65")),
            CompressedVideo(format="h264", data=array.array("B", b"")),
            CompressedVideo(format="h264", data=array.array("B", b"\0\0\1")),
            CompressedVideo(format="h264", data=array.array("B", bytes(9 * 1024 * 1024))),
        ]
        for message in junk:
            publisher.publish(message)
        await eventually(lambda: client.notice("refused"))
        await client.more(5)
        assert all(len(one.data) > 100 for one in client.pictures)
        probe.do(lambda: probe.node.destroy_publisher(publisher))


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "hello", "token": "wrong"}],
        [{"type": "watch", "node": "/odyssey", "codecs": ["h264"]}],
        [[]],
        [None, {"type": "drawn", "sequence": "1"}],
        [None, {"type": "drawn", "sequence": 1.5}],
        [None, {"type": "watch", "node": 3, "codecs": []}],
        [None, {"type": "watch", "node": "/odyssey", "codecs": "h264"}],
        [None, {"type": "watch", "node": "/" + "a" * 600, "codecs": []}],
        [None, {"type": "clock", "sent": "now"}],
        [None, {"type": "shout"}],
    ],
)
async def test_a_page_that_sends_something_else_is_disconnected(console: ConsoleProcess, messages: list[Any]):
    async with aiohttp.ClientSession(headers={"Origin": console.url}) as session:
        async with session.get(f"{console.url}/api/session") as answer:
            token = (await answer.json())["page_token"]
        async with session.ws_connect(f"{console.url}/socket/pictures") as socket:
            for message in messages:
                await socket.send_json({"type": "hello", "token": token} if message is None else message)
            assert (await socket.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_jpeg_is_shown_when_the_service_sends_vp8(graph: ConsoleGraph, console: ConsoleProcess):
    """Nothing comes on the H.264 topic then; the reason is told."""
    emulator = graph.emulator("--fps", "5", "--codec", "vp8")
    bridge = graph.bridge(emulator, {"prompt": "a red desert"}, "-r", "__node:=other")
    async with PictureClient(console.url, node="/other") as client:
        assert (await client.more(2))[0].codec == JPEG
        # The topic of H.264 may be discovered after that of JPEG, which has another reason until then.
        await eventually(lambda: "VP8" in (client.notice("source") or {"reason": ""})["reason"])
        assert (client.notice("source") or {})["codec"] == "jpeg"
    bridge.end()
    emulator.process.end()


async def test_jpeg_is_shown_where_the_message_package_is_missing(
    graph: ConsoleGraph, console_without_foxglove: ConsoleProcess
):
    process = console_without_foxglove.process
    await eventually(lambda: "ros-" in process.text, "the log names the package to install")
    async with PictureClient(console_without_foxglove.url) as client:
        assert (await client.more(1))[0].codec == JPEG
        source = client.notice("source") or {}
        assert "foxglove_msgs is not installed" in source["reason"]


async def test_a_bridge_that_is_killed_and_started_again_is_shown_again(
    graph: ConsoleGraph, emulator: EmulatorProcess, bridge: Process, console: ConsoleProcess
):
    """The last test of the file: it kills the bridge of the others."""
    async with PictureClient(console.url) as client:
        await client.more(2)
        bridge.popen.kill()
        bridge.popen.wait()
        count = len(client.pictures)
        graph.bridge(emulator, {"prompt": "a calm sea"})
        await eventually(lambda: any(one.is_key for one in client.pictures[count:]))
        await client.more(2)
