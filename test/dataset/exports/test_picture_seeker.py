"""Single pictures of MP4 files: the right one from any start, with little decoding, or an error."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Any

import av
import pytest

from exported_dataset_numbers import HEIGHT, WIDTH, number_of, numbered_picture
from odyssey_ros.dataset.errors import ExportedDatasetError, ExportedVideoError
from odyssey_ros.dataset.exports import picture_seeker
from odyssey_ros.dataset.exports.picture_seeker import PictureSeeker
from scheduling import same_scheduling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FPS = 10


def write(path: Path, codec: str = "libx264", count: int = 60, **options: str) -> Path:
    with same_scheduling(), av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = options
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def seen(seeker: PictureSeeker, number: int) -> int:
    return number_of(seeker.at(number / FPS).to_ndarray(format="rgb24"))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The stamps of all pictures that are decoded."""
    stamps: list[int] = []
    pictures: Callable[..., Iterator[Any]] = picture_seeker._pictures

    def counted(*arguments: Any) -> Iterator[Any]:
        for frame in pictures(*arguments):
            stamps.append(frame.pts)
            yield frame

    monkeypatch.setattr(picture_seeker, "_pictures", counted)
    return stamps


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"g": "2", "bf": "0"}),
        ("libx264", {"g": "100", "bf": "0"}),
        ("libx264", {"g": "12", "bf": "3", "b-pyramid": "normal"}),
        ("libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
        ("libsvtav1", {"g": "2"}),
    ],
    ids=["group_2", "one_key_frame", "b_frames", "open_groups", "av1"],
)
def test_each_picture_in_any_order(codec: str, options: dict[str, str], tmp_path: Path) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no encoder {codec}")
    seeker = PictureSeeker(write(tmp_path / "a.mp4", codec, **options), FPS)
    for number in [*range(60), *range(59, -1, -1), *random.Random(2).choices(range(60), k=60)]:
        assert seen(seeker, number) == number
    seeker.close()


def test_the_times_of_the_file_may_be_inexact(tmp_path: Path) -> None:
    seeker = PictureSeeker(write(tmp_path / "a.mp4"), FPS)
    for number in (0, 7, 30):
        for offset in (-0.2, 0.2):
            time_s = max(0.0, (number + offset) / FPS)
            assert number_of(seeker.at(time_s).to_ndarray(format="rgb24")) == number


def test_decoding_continues_where_that_is_less_work(tmp_path: Path, decoded: list[int]) -> None:
    path = write(tmp_path / "a.mp4", g="20", bf="0", sc_threshold="0")
    for numbers, count in [
        ((0, 1, 2, 2, 3), 4),  # in order, and twice the same one
        ((15, 19), 20),  # not farther ahead than the key frame is back
        ((1, 45), 2 + 6),  # from the key frame of the other group
        ((21, 39, 40), 2 + 20 + 1),
        ((5, 4), 6 + 5),  # back
    ]:
        decoded.clear()
        seeker = PictureSeeker(path, FPS)
        assert [seen(seeker, number) for number in numbers] == list(numbers)
        assert len(decoded) == count, numbers


@pytest.mark.parametrize("time_s", [6.0, 3.05, 1e6])
def test_a_time_without_a_picture(tmp_path: Path, time_s: float) -> None:
    seeker = PictureSeeker(write(tmp_path / "a.mp4"), FPS)
    for _ in range(2):
        with pytest.raises(ExportedVideoError, match=rf"a\.mp4 has no picture at {time_s:.4f} s"):
            seeker.at(time_s)
        assert seen(seeker, 59) == 59


def test_a_damaged_picture(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", g="20", bf="0", sc_threshold="0")
    with av.open(str(path)) as container:
        packet = list(container.demux(video=0))[30]
        position, size = packet.pos, packet.size
    assert position is not None
    with path.open("r+b") as file:
        file.seek(position + 4)
        file.write(b"\xff" * (size - 4))
    seeker = PictureSeeker(path, FPS)
    for number in (29, 41):
        assert seen(seeker, number) == number
        with pytest.raises(ExportedVideoError, match=r"a\.mp4 "):
            seeker.at(30 / FPS)


def test_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sizes = struct.pack(">I4sIII", 20, b"stsz", 0, 1, 3_000_000)
    for content, reason in [
        (b"", "cannot be read"),
        (b"#EXTM3U\nfile:///etc/passwd", "cannot be read"),
        (struct.pack(">I4s", 8 + len(sizes), b"moov") + sizes, "3000000 frames and samples; at most"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ExportedVideoError, match=reason):
            PictureSeeker(path, FPS)
    with pytest.raises(ExportedDatasetError, match="it is a folder"):
        PictureSeeker(tmp_path, FPS)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000)
        container.mux(stream.encode(None))
    with pytest.raises(ExportedVideoError, match=r"a\.mp4 "):
        PictureSeeker(path, FPS)
