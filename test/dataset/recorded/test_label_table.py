"""The labels of a stream, merged and checked."""

from __future__ import annotations

import numpy as np

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.recorded.label_table import Label, LabelRows, label_table


def _rows(*rows: tuple[int, int, int, int], texts: tuple[str, ...] = ("a", "b")) -> LabelRows:
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return LabelRows(*columns, texts)


def test_labels_are_found_by_their_stamps() -> None:
    table, losses = label_table([_rows((100, 0, 0, 0), (150, 1, 50, 0), (201, 2, 100, 1))])
    assert losses == {}
    assert len(table) == 3
    assert table.of(150) == Label(150, 1, 50, "a")
    assert table.of(151) is None
    assert table.of(999) is None
    assert table.runs() == [Label(100, 0, 0, "a"), Label(201, 2, 100, "b")]


def test_two_recorders_and_files_in_any_order() -> None:
    """A prompt has the same text in both files, at other places."""
    one = _rows((150, 1, 50, 0), (100, 0, 0, 0))
    two = _rows((150, 1, 50, 1), (200, 2, 100, 1), texts=("b", "a"))
    table, losses = label_table([two, one])
    assert losses == {}
    assert [table.at(place).frame_index for place in range(3)] == [0, 1, 2]
    assert len(table.runs()) == 1


def test_missing_frames_and_labels_that_contradict_others() -> None:
    table, losses = label_table(
        [_rows((100, 5, 0, 0), (150, 7, 50, 0), (160, 7, 60, 0), (170, 8, 40, 0), (200, 9, 100, 0))]
    )
    assert [table.at(place).frame_index for place in range(len(table))] == [5, 7, 9]
    assert losses == {
        Loss.CONTRADICTORY_LABELS: 2,
        Loss.UNRECORDED_START: 5,
        Loss.UNRECORDED_FRAMES: 2,
    }


def test_no_labels() -> None:
    table, losses = label_table([_rows()])
    assert (len(table), table.runs(), losses) == (0, [], {})
