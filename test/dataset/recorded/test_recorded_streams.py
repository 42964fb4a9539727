"""Which pictures belong to which stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.recorded.file_scan import FileScan, LabelColumns, PictureColumns, ScanTask
from odyssey_ros.dataset.recorded.recorded_pictures import COMPRESSED_VIDEO, IMAGE, PictureKind
from odyssey_ros.dataset.recorded.recorded_streams import preferred_kind, streams_of

TOPIC = "/a/frame_info"
VIDEO = "/a/image_raw/foxglove"


def _scan(
    labels: dict[int, str],
    pictures: list[int],
    bag: int = 0,
    name: str = "f",
    type_name: str = COMPRESSED_VIDEO,
    kind: PictureKind = PictureKind.H264,
    losses: dict[Loss, int] | None = None,
) -> FileScan:
    """Return the scan of a file whose labels have stamps and streams; numbers rise with the stamps."""
    streams = tuple(sorted(set(labels.values())))
    stamps = np.array(sorted(labels), np.int64)
    first = {stream: min(at for at, of in labels.items() if of == stream) for stream in streams}
    indexes = np.array([at - first[labels[at]] for at in sorted(labels)], np.int64)
    zeros = np.zeros(len(stamps), np.int64)
    numbers = np.array([streams.index(labels[at]) for at in sorted(labels)], np.int64)
    found = np.array(pictures, np.int64)
    return FileScan(
        ScanTask(Path(name), bag, name, Path()),
        100,
        name,
        {TOPIC: "", VIDEO: ""},
        {TOPIC: LabelColumns(stamps, indexes, indexes, zeros, numbers)} if labels else {},
        {VIDEO: PictureColumns(type_name, found, np.full(len(found), kind, np.uint8))} if pictures else {},
        (),
        ("a fox",),
        streams,
        is_calibrated=False,
        losses=losses or {},
    )


def test_pictures_without_a_label_belong_to_the_stream_before_them() -> None:
    """10 to 12 are of one, 20 to 22 of two, and the frames at 15 and 16 are outside of a stream."""
    labels = dict.fromkeys((10, 11, 12), "one") | dict.fromkeys((20, 21, 22), "two") | {15: "", 16: ""}
    scan = _scan(labels, [9, 10, 12, 13, 15, 17, 20, 21, 22, 23, 24])
    found = streams_of([scan], [TOPIC])
    assert sorted(found) == ["one", "two"]
    one = found["one"][0].stream(PictureKind.H264)
    assert one.losses == {Loss.LABELS_WITHOUT_PICTURE: 1, Loss.PICTURES_WITHOUT_LABEL: 2}
    assert found["two"][0].stream(PictureKind.H264).losses == {Loss.PICTURES_WITHOUT_LABEL: 2}


def test_labels_and_pictures_in_other_files_of_the_same_bag() -> None:
    labels, pictures = _scan({10: "one", 11: "one"}, [], name="a"), _scan({}, [10, 11], name="b")
    (stream,) = streams_of([labels, pictures], [TOPIC])["one"]
    assert stream.counts == {PictureKind.H264: 2}
    assert [str(file.path) for file in stream.stream(PictureKind.H264).files] == ["b"]
    other_bag = _scan({}, [10, 11], bag=1, name="c")
    (stream,) = streams_of([labels, other_bag], [TOPIC])["one"]
    assert stream.counts == {}


def test_a_copy_of_a_file_counts_once() -> None:
    scans = [_scan({10: "one"}, [10], bag=bag) for bag in (0, 1)]
    (found,) = streams_of(scans, [TOPIC])["one"]
    assert len(found.stream(PictureKind.H264).sources) == 1


def test_a_missing_end_concerns_the_last_stream_only() -> None:
    scan = _scan({10: "one", 20: "two"}, [10, 20], losses={Loss.CUT_OFF_BAGS: 1, Loss.DAMAGED_CHUNKS: 2})
    found = streams_of([scan], [TOPIC])
    assert found["one"][0].stream(PictureKind.H264).losses == {Loss.DAMAGED_CHUNKS: 2}
    assert found["two"][0].stream(PictureKind.H264).losses == {Loss.CUT_OFF_BAGS: 1, Loss.DAMAGED_CHUNKS: 2}


def test_the_preferred_kind_is_not_taken_when_it_lacks_frames() -> None:
    order = (PictureKind.H264, PictureKind.RAW, PictureKind.JPEG)
    assert preferred_kind({PictureKind.RAW: 100, PictureKind.H264: 95}, order) is PictureKind.H264
    assert preferred_kind({PictureKind.RAW: 100, PictureKind.H264: 50}, order) is PictureKind.RAW
    assert preferred_kind({PictureKind.OTHER: 100}, order) is None
    assert preferred_kind({}, order) is None


def test_other_types_of_pictures() -> None:
    scan = _scan({10: "one"}, [10], type_name=IMAGE, kind=PictureKind.RAW)
    (found,) = streams_of([scan], [TOPIC])["one"]
    assert found.counts == {PictureKind.RAW: 1}
