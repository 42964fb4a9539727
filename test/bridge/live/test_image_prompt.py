"""Images in every encoding, and streams that start from them."""

from __future__ import annotations

import os
import resource
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odyssey_ros.msg import FrameInfo, StreamEvent, StreamStatus
from odyssey_ros.srv import EndStream, StartStream
from sensor_msgs.msg import Image
from std_msgs.msg import String

from odyssey_ros.bridge.live.cv_bridge_conversion import CvBridgeConversion, probe_fault
from odyssey_ros.bridge.live.image_prompt import LAYOUTS, ImagePrompt
from odyssey_ros.client import OdysseyImageError

KEY = "ody_test_key"
RED, GREEN, BLUE, GREY = (200, 30, 40), (20, 180, 60), (40, 50, 220), (128, 128, 128)
WIDTH, HEIGHT = 64, 48


def quarters(width=WIDTH, height=HEIGHT):
    """An image whose quarters are red, green, blue and grey."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[: height // 2, width // 2 :] = GREEN
    picture[height // 2 :, : width // 2] = BLUE
    picture[height // 2 :, width // 2 :] = GREY
    return picture


def grey(picture):
    return np.round(picture @ (0.299, 0.587, 0.114)).astype(np.uint8)


def yuv(picture):
    """BT.601, limited range."""
    r, g, b = (picture[..., channel].astype(float) / 255 for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = (16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402)
    return tuple(np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in planes)


def mosaic(picture, pattern):
    rows = np.zeros(picture.shape[:2], np.uint8)
    for place, letter in enumerate(pattern):
        y, x = divmod(place, 2)
        rows[y::2, x::2] = picture[y::2, x::2, "rgb".index(letter)]
    return rows


def rows_of(encoding, picture):
    """Return the bytes of an image, row by row, as an array of uint8 or uint16."""
    alpha = np.full((*picture.shape[:2], 1), 77, np.uint8)
    y, u, v = yuv(picture)
    if encoding.startswith("bayer"):
        rows = mosaic(picture, encoding[6:10])
    elif encoding in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2"):
        chroma = np.stack([u[:, ::2], v[:, ::2]], axis=2).reshape(y.shape)
        order = (chroma, y) if encoding in ("uyvy", "yuv422") else (y, chroma)
        rows = np.stack(order, axis=2).reshape(len(y), -1)
    elif encoding == "nv21":
        rows = np.concatenate([y, np.stack([v, u], axis=2)[::2, ::2].reshape(len(y) // 2, -1)])
    elif encoding == "nv24":
        rows = np.concatenate([y, np.stack([u, v], axis=2).reshape(2 * len(y), -1)])
    elif encoding.startswith("mono"):
        rows = grey(picture)
    else:
        channels = picture if encoding.startswith("rgb") else picture[..., ::-1]
        if encoding[3] == "a":
            channels = np.concatenate([channels, alpha], axis=2)
        rows = channels.reshape(len(picture), -1)
    return rows.astype(np.uint16) * 257 if encoding.endswith("16") else rows


def message_of(encoding, picture, *, padding=0, big=False, last_row_short=False):
    rows = rows_of(encoding, picture)
    if rows.dtype == np.uint16:
        rows = rows.astype(">u2" if big else "<u2").view(np.uint8).reshape(len(rows), -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=213)
    data = padded.tobytes()
    height, width = picture.shape[:2]
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=big,
        step=padded.shape[1],
        data=data[: len(data) - padding] if last_row_short else data,
    )


def assert_alike(rgb, picture, encoding):
    expected = picture
    if encoding.startswith("mono"):
        expected = np.repeat(grey(picture)[..., None], 3, axis=2)
    assert rgb.dtype == np.uint8
    assert rgb.shape == picture.shape
    # Colours mix at the edges, where chroma or whole pixels are interpolated.
    height, width = picture.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            patch = rgb[y - 4 : y + 4, x - 4 : x + 4].astype(int)
            assert np.abs(patch - expected[y, x]).max() <= 4, (encoding, x, y, patch[0, 0], expected[y, x])


@pytest.mark.parametrize("encoding", sorted(LAYOUTS))
@pytest.mark.parametrize("padding", [0, 24])
def test_every_encoding(encoding, padding):
    picture = quarters()
    assert_alike(ImagePrompt.parse(message_of(encoding, picture, padding=padding)).load(), picture, encoding)


@pytest.mark.parametrize("encoding", sorted(name for name in LAYOUTS if name.endswith("16")))
def test_big_endian(encoding):
    picture = quarters()
    message = message_of(encoding, picture, big=True, padding=6)
    assert_alike(ImagePrompt.parse(message).load(), picture, encoding)


@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "uyvy", "nv21", "nv24"])
def test_the_last_row_may_lack_its_padding(encoding):
    picture = quarters()
    message = message_of(encoding, picture, padding=10, last_row_short=True)
    assert_alike(ImagePrompt.parse(message).load(), picture, encoding)


def test_16_bits_keep_the_upper_8():
    data = bytes([0xFF, 0x12, 0, 0xAB, 0x80, 0xFF])
    message = Image(height=1, width=3, encoding="mono16", step=6, data=data)
    levels = ImagePrompt.parse(message).load()[0, :, 0].astype(int)
    assert np.abs(levels - (0x12, 0xAB, 0xFF)).max() <= 1


@pytest.mark.parametrize("with_cv_bridge", [False, True])
@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "uyvy"])
def test_the_padding_of_a_last_row_is_not_made_up(encoding, with_cv_bridge):
    """One row of any `step` is valid without its padding; filling the padding took 4 GB."""
    picture = np.full((1, 32, 3), GREY, np.uint8)
    message = message_of(encoding, picture)
    message.step = 2**32 - 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rgb = ImagePrompt.parse(message).load(Recorder() if with_cv_bridge else None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert rgb.shape == (1, 32, 3)


def test_odd_sizes():
    for width, height in ((1, 1), (3, 5), (33, 17)):
        for encoding in ("rgb8", "bgra8", "mono8", "mono16", "rgb16"):
            picture = np.full((height, width, 3), GREY, np.uint8)
            rgb = ImagePrompt.parse(message_of(encoding, picture)).load()
            assert np.abs(rgb.astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"data": b""}, "empty"),
        ({"step": 191}, "step is 191, but a row has 192 bytes"),
        ({"height": 49}, "data has 9216 bytes, but the image needs 9408"),
        ({"width": 100_000, "height": 100_000}, "too many pixels"),
        ({"width": 2**32 - 1, "height": 2**32 - 1, "step": 2**32 - 1}, "too many pixels"),
        ({"width": 2_200_000, "height": 1, "step": 6_600_000}, "unusable shape: 2200000x1"),
        ({"width": 1, "height": 1_000}, "unusable shape: 1x1000"),
        ({"height": 2, "step": 2**32 - 1}, "data has 9216 bytes, but the image needs"),
        ({"encoding": "yuyv", "width": 63}, "cannot have the size 63x48"),
        ({"encoding": "bayer_rggb8", "height": 47}, "cannot have the size 64x47"),
        ({"encoding": "nv21", "height": 47}, "cannot have the size 64x47"),
    ],
)
def test_invalid_images(changes, reason):
    message = message_of("rgb8", quarters())
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(OdysseyImageError, match=reason):
        ImagePrompt.parse(message)


@pytest.mark.parametrize("encoding", ["", "32FC1", "foo8", "8UC3", "16UC1", "jpeg", "rgb9"])
def test_unsupported_encodings(encoding):
    message = Image(height=1, width=1, encoding=encoding, step=4, data=bytes(4))
    with pytest.raises(OdysseyImageError, match="is not supported: use one of") as raised:
        ImagePrompt.parse(message)
    assert raised.value.code == "UNSUPPORTED_ENCODING"


class Recorder:
    """Stores what cv_bridge is asked to convert, and declines."""

    def __init__(self):
        self.messages = []

    def rgb(self, message):
        self.messages.append(message)


@pytest.mark.parametrize("encoding", sorted(LAYOUTS))
@pytest.mark.parametrize("big", [False, True])
def test_cv_bridge_gets_the_encodings_that_it_knows_without_padding(encoding, big):
    picture, recorder = quarters(), Recorder()
    message = message_of(encoding, picture, padding=10, big=big, last_row_short=True)
    assert_alike(ImagePrompt.parse(message).load(recorder), picture, encoding)
    if encoding.startswith("nv2"):
        assert not recorder.messages
        return
    [asked] = recorder.messages
    name = {"uyvy": "yuv422", "yuyv": "yuv422_yuy2"}.get(encoding, encoding)
    assert asked == message_of(name, picture, big=sys.byteorder == "big")


def test_the_image_of_cv_bridge_is_used():
    class Grey:
        def rgb(self, message):
            return np.full((message.height, message.width, 3), GREY, np.uint8)

    assert (ImagePrompt.parse(message_of("rgb8", quarters())).load(Grey()) == GREY).all()


@pytest.mark.parametrize("encoding", sorted(name for name, layout in LAYOUTS.items() if layout.cv_bridge))
@pytest.mark.parametrize(("padding", "big"), [(0, False), (8, False), (24, False), (8, True)])
def test_images_equal_those_of_cv_bridge(encoding, padding, big):
    pytest.importorskip("cv_bridge")
    if (fault := probe_fault()) is not None:
        pytest.skip(f"the cv_bridge of this machine cannot be used: {fault}")
    reports = []
    picture = quarters()
    prompt = ImagePrompt.parse(message_of(encoding, picture, padding=padding, big=big))
    theirs, ours = prompt.load(CvBridgeConversion(reports.append)), prompt.load()
    assert not reports
    assert_alike(theirs, picture, encoding)
    assert np.abs(theirs.astype(int) - ours)[4:-4:8, 4:-4:8].max() <= 4


@settings(max_examples=400, deadline=None)
@given(
    encoding=st.sampled_from([*LAYOUTS, "32FC1", ""]),
    width=st.integers(0, 40),
    height=st.integers(0, 40),
    step=st.integers(0, 350),
    size=st.integers(0, 20_000),
    big=st.booleans(),
)
def test_any_message_is_converted_or_refused(encoding, width, height, step, size, big):
    message = Image(
        height=height, width=width, encoding=encoding, step=step, is_bigendian=big, data=bytes(size)
    )
    try:
        rgb = ImagePrompt.parse(message).load()
    except OdysseyImageError:
        return
    assert rgb.shape == (height, width, 3)


# -- on a graph ----------------------------------------------------------------------------------------------


def upper_left(message):
    """Return the mean colour of the upper left quarter, away from the caption and the marker."""
    pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
    return pixels[200:330, 100:500].reshape(-1, 3).mean(axis=0)


def picture_of(stream_id, labels, images):
    """Return an image of a stream by its labels; either message may have been missed."""
    headers = [one.header for one in labels if one.stream_id == stream_id]
    return next((one for one in images if one.header in headers), None)


def is_like(message, colour):
    return np.abs(upper_left(message) - colour).max() < 40


@pytest.fixture
def camera(probe, wait_until):
    """Publishes images to a bridge that has refused one, which proves that it receives the topic."""

    def start(events):
        publisher = probe.publisher(Image, "/odyssey/image_prompt")
        publisher.publish(Image(height=1, width=1, encoding="32FC1", step=4, data=bytes(4)))
        wait_until(lambda: any(e.error_code == "UNSUPPORTED_ENCODING" for e in events), "the refusal")
        return publisher

    return start


def test_the_next_stream_starts_from_the_image(start_bridge, camera, probe, wait_until):
    images, events, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.events(), probe.statuses()
    labels = probe.listen(FrameInfo, "/odyssey/frame_info", 5)
    process = start_bridge()
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    pictures, prompts = camera(events), probe.publisher(String, "/odyssey/prompt")

    pictures.publish(Image(height=2, width=1, encoding="rgb8", step=3, data=bytes(3)))
    refusal = wait_until(lambda: next((e for e in events if e.error_code == "BAD_IMAGE"), None), "a refusal")
    assert refusal.message == "~/image_prompt: data has 3 bytes, but the image needs 6"
    assert not refusal.fatal

    pictures.publish(message_of("bgr8", np.full((90, 160, 3), BLUE, np.uint8)))  # replaced before it is used
    pictures.publish(message_of("bgr8", np.full((90, 160, 3), RED, np.uint8)))
    probe.wait_for_taking()
    assert not images
    prompts.publish(String(data="the sea"))
    wait_until(lambda: images, "a picture")
    assert is_like(images[0], RED), upper_left(images[0])

    assert probe.call(EndStream, "/odyssey/end_stream").success
    wait_until(lambda: not statuses[-1].streaming, "the end")
    started = probe.call(StartStream, "/odyssey/start_stream", StartStream.Request(prompt="the sea"))
    image = wait_until(lambda: picture_of(started.stream_id, labels, images), "a picture")
    assert not is_like(image, RED)  # the image was for one stream
    assert [e.type for e in events if e.type == StreamEvent.ERROR] == [StreamEvent.ERROR] * 2
    assert "Traceback" not in process.text


def test_a_resumed_stream_starts_from_its_image(start_bridge, camera, emulator, probe, wait_until):
    images, events, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.events(), probe.statuses()
    labels = probe.listen(FrameInfo, "/odyssey/frame_info", 5)
    start_bridge()
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    camera(events).publish(message_of("rgb8", np.full((90, 160, 3), RED, np.uint8)))
    probe.wait_for_taking()
    probe.publisher(String, "/odyssey/prompt").publish(String(data="the sea"))
    wait_until(lambda: images, "a picture")
    emulator.fault(fault="stream_end")
    started = wait_until(
        lambda: (found := [e.stream_id for e in events if e.type == StreamEvent.STARTED])[1:] and found,
        "another stream",
    )
    image = wait_until(lambda: picture_of(started[1], labels, images), "a picture")
    assert is_like(image, RED)


def test_unreadable_images_and_a_cv_bridge_that_crashes_cost_no_prompt(
    start_bridge, camera, probe, wait_until, tmp_path
):
    (tmp_path / "cv_bridge").mkdir()
    (tmp_path / "cv_bridge" / "__init__.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    )
    images, events, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.events(), probe.statuses()
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    process = start_bridge(PYTHONPATH=path)
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    pictures, prompts = camera(events), probe.publisher(String, "/odyssey/prompt")
    pictures.publish(message_of("rgb8", np.full((90, 160, 3), RED, np.uint8), padding=8))
    probe.wait_for_taking()
    pictures.publish(Image(height=1, width=1, encoding="foo8", step=1, data=bytes(1)))
    wait_until(lambda: any("'foo8'" in e.message for e in events), "the refusal")
    prompts.publish(String(data="the sea"))
    wait_until(lambda: images, "a picture")
    assert is_like(images[0], RED), upper_left(images[0])  # the refused image replaces nothing
    errors = [e.error_code for e in events if e.type == StreamEvent.ERROR]
    assert errors == ["UNSUPPORTED_ENCODING"] * 2
    process.stop()  # the whole output: it arrives after the messages
    assert process.text.count("converted without cv_bridge: it crashes (SIGSEGV)") == 1


def test_a_streamer_that_cannot_start_from_images(start_emulator, start_node, camera, probe, wait_until):
    service = start_emulator("--fps", "10", "--no-image-to-video")
    images, events, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.events(), probe.statuses()
    start_node("bridge", {"api_url": service.url}, environment={"ODYSSEY_API_KEY": KEY})
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    assert not statuses[-1].capabilities.image_to_video
    camera(events).publish(message_of("rgb8", quarters()))
    probe.wait_for_taking()
    prompts = probe.publisher(String, "/odyssey/prompt")
    prompts.publish(String(data="the sea"))
    wait_until(lambda: any(e.error_code == "NO_IMAGE_TO_VIDEO" for e in events), "the refusal")
    assert not images
    prompts.publish(String(data="the sea"))  # the image was dropped
    wait_until(lambda: images, "a picture")
    errors = [e.error_code for e in events if e.type == StreamEvent.ERROR]
    assert errors == ["UNSUPPORTED_ENCODING", "NO_IMAGE_TO_VIDEO"]
