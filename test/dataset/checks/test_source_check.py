"""Bags compared with the kept files of the service."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from altered_bags import AlteredDataset, BagRecord, of_topic
from odyssey_ros.dataset.manifest import write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Altered = Callable[..., AlteredDataset]

TOPICS = {"jpeg": "image_raw/compressed", "raw": "image_raw", "h264": "image_raw/foxglove"}


def _download(dataset: AlteredDataset, suffix: str) -> Path:
    (path,) = dataset.folder.glob(f"work/1-of-1/{dataset.entry.episode}/*{suffix}")
    return path


@pytest.mark.parametrize("images", TOPICS)
def test_an_unaltered_bag(images: str, altered: Altered) -> None:
    dataset = altered(images, downloads=True)
    findings = dataset.findings()
    assert (findings.fault_lines(), findings.notes) == ([], [])


@pytest.mark.parametrize(("images", "reason"), [("jpeg", "PSNR"), ("raw", "the pixels differ")])
def test_a_picture_that_was_replaced_by_another_one(images: str, reason: str, altered: Altered) -> None:
    """The picture is valid: only the video shows that it is that of another frame."""

    def replace_picture(records: list[BagRecord]) -> None:
        pictures = of_topic(records, TOPICS[images])
        pictures[1].change(data=pictures[3].value().data)

    without = altered(images)
    without.change_messages(replace_picture)
    assert without.faults() == []
    dataset = altered(images, downloads=True)
    dataset.change_messages(replace_picture)
    (fault,) = dataset.faults()
    assert fault.startswith(
        f"/odyssey/{TOPICS[images]}: frame 1: the picture is not that of the video: {reason}"
    )


def test_a_picture_with_one_other_pixel(altered: Altered) -> None:
    dataset = altered("raw", downloads=True)

    def change(records: list[BagRecord]) -> None:
        record = of_topic(records, "image_raw")[2]
        data = np.array(record.value().data)
        data[12345] ^= 1
        record.change(data=data)

    dataset.change_messages(change)
    assert dataset.faults() == [
        "/odyssey/image_raw: frame 2: the picture is not that of the video: the pixels differ"
    ]


def test_a_small_part_of_a_picture_was_changed(altered: Altered) -> None:
    dataset = altered(downloads=True)

    def erase(records: list[BagRecord]) -> None:
        record = of_topic(records, "image_raw/compressed")[2]
        pixels = simplejpeg.decode_jpeg(record.value().data.tobytes())
        pixels[400:432, 600:632] ^= 0x40
        record.change(data=np.frombuffer(simplejpeg.encode_jpeg(pixels, 90, "RGB", "420"), np.uint8))

    dataset.change_messages(erase)
    (fault,) = dataset.faults()
    assert re.search(r"frame 2: the picture is not that of the video: PSNR [\d.]+ dB in a part of it$", fault)


@pytest.mark.parametrize("images", TOPICS)
def test_losses_that_are_not_those_of_the_video(images: str, altered: Altered) -> None:
    dataset = altered(images, downloads=True)
    dataset.change_entry(losses={"lost_references": 1, "guessed_start": 1})
    assert dataset.faults() == ["the loss lost_references is 0 in the video, but the manifest has 1"]
    dataset.change_entry(losses={"not_counted": 1})
    assert dataset.faults() == []


def test_jpeg_pictures_of_unknown_quality(altered: Altered) -> None:
    dataset = altered(downloads=True)
    (dataset.folder / "dataset.json").unlink()
    findings = dataset.findings()
    assert findings.faults == 0
    (note,) = findings.notes
    assert note.endswith("the images were not compared with the video: dataset.json has no jpeg_quality")


def test_another_encoder_of_the_same_picture_is_right(altered: Altered) -> None:
    """Another version of libjpeg may round differently."""
    dataset = altered(downloads=True)

    def encode_again(records: list[BagRecord]) -> None:
        record = of_topic(records, "image_raw/compressed")[2]
        pixels = simplejpeg.decode_jpeg(record.value().data.tobytes())
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling="4:2:0")
        record.change(data=np.frombuffer(file.getvalue(), np.uint8))

    dataset.change_messages(encode_again)
    assert dataset.faults() == []


def test_other_h264_data(altered: Altered) -> None:
    dataset = altered("h264", downloads=True)

    def change(records: list[BagRecord]) -> None:
        record = of_topic(records, "image_raw/foxglove")[2]
        # An access unit delimiter changes no picture.
        record.change(data=np.frombuffer(b"\0\0\0\1\x09\xf0" + record.value().data.tobytes(), np.uint8))

    dataset.change_messages(change)
    assert dataset.faults() == [
        "/odyssey/image_raw/foxglove: frame 2: the picture is not that of the video: the H.264 data differs"
    ]


def test_times_that_are_not_those_of_the_video(altered: Altered) -> None:
    """The labels fit each other, but the frame was shown at another time."""
    dataset = altered(downloads=True)

    def delay(records: list[BagRecord]) -> None:
        for topic in ("image_raw/compressed", "camera_info", "frame_info"):
            record = of_topic(records, topic)[4]
            record.log_time_ns += 1_000_000
            record.change(
                header__stamp__nanosec=record.log_time_ns % 10**9,
                header__stamp__sec=record.log_time_ns // 10**9,
            )
        of_topic(records, "frame_info")[4].change(media_time__nanosec=201_000_000)

    dataset.change_messages(delay)
    media, stamp = dataset.faults()
    place = "/odyssey/image_raw/compressed: frame 4: the"
    assert media == f"{place} media time is 201000000 ns, but in the video 200000000 ns"
    assert stamp.startswith(
        f"{place} stamp is 201000000 ns after the start of the stream, but the time in the"
    )


def test_a_bag_that_is_shorter_than_the_video(altered: Altered) -> None:
    dataset = altered(downloads=True)

    def remove(records: list[BagRecord]) -> None:
        for topic in ("image_raw/compressed", "camera_info", "frame_info"):
            records.remove(of_topic(records, topic)[4])

    dataset.change_messages(remove)
    dataset.change_entry(frames=4, sizes=())
    assert dataset.faults() == ["the video has more frames than the bag, which has 4"]


@pytest.mark.parametrize("suffix", [".mp4", ".events.jsonl"])
def test_downloads_that_were_changed(suffix: str, altered: Altered) -> None:
    dataset = altered(downloads=True)
    path = _download(dataset, suffix)
    path.write_bytes(path.read_bytes() + b"\n")
    (fault,) = dataset.faults()
    assert fault.startswith(f"{path.name}: its SHA-256 is ")


def test_prompts_that_are_not_those_of_the_log(altered: Altered) -> None:
    """Manifest and bag agree with each other, but not with the log."""
    dataset = altered(downloads=True)

    def change(records: list[BagRecord]) -> None:
        for record in (of_topic(records, "events")[1], *of_topic(records, "frame_info")[2:]):
            record.change(prompt="it rains")

    dataset.change_messages(change)
    first, second = dataset.entry.prompts
    dataset.change_entry(prompts=(first, {**second, "prompt": "it rains"}))
    (fault,) = dataset.faults()
    assert fault.startswith("prompt 1 of the events log is 'it “rains”, ")
    assert fault.endswith("at 100000000 ns, but the manifest has 'it rains' at 100000000 ns")


def test_the_log_gives_the_frame_of_a_prompt(altered: Altered) -> None:
    """With `frame_index` in the log, the second prompt begins one frame later than its time."""
    dataset = altered(downloads=True)
    path = _download(dataset, ".events.jsonl")
    text = path.read_text().replace('"timestamp_ms": 100', '"frame_index": 3, "timestamp_ms": 100')
    assert "frame_index" in text
    path.write_text(text)
    first = dataset.entry.prompts[0]["prompt"]
    dataset.change_message("frame_info", 2, prompt=first)
    entry: Any = dataset.entry
    digest = hashlib.sha256(text.encode()).hexdigest()
    dataset.change_entry(events={**entry.events, "sha256": digest, "size": len(text.encode())})
    assert dataset.faults() == []
    (dataset.folder / "work").rename(dataset.folder / "elsewhere")
    assert len(dataset.faults()) == 1
    with_number = (entry.prompts[0], {**entry.prompts[1], "frame_index": 3})
    dataset.change_entry(prompts=with_number)
    assert dataset.faults() == []


def test_the_quality_comes_from_the_settings(altered: Altered) -> None:
    dataset = altered(downloads=True)
    settings = dataset.folder / "dataset.json"
    settings.write_text(settings.read_text().replace('"jpeg_quality": 90', '"jpeg_quality": 5'))
    assert "PSNR" in dataset.faults()[0]
    settings.unlink()
    assert dataset.faults() == []
    write_manifest(dataset.folder / "manifest.jsonl", [replace(dataset.entry, video={"sha256": "0"})])
    assert "its SHA-256 is" in " ".join(dataset.faults())


def test_the_log_tells_what_was_sent(altered: Altered) -> None:
    """The applied prompts are rewritten, so only the log shows that another script was sent."""
    dataset = altered(downloads=True)
    provenance: Any = dict(dataset.entry.provenance)
    start, interact, end = provenance["script"]
    other = {**interact, "interact": {"prompt": "it snows"}}
    dataset.change_entry(provenance={**provenance, "script": [start, other, end]})
    assert dataset.faults() == ["prompt 1 was sent as 'it “rains”', but the script has 'it snows'"]
