"""Errors of episodes carry the codes of the client's vocabulary."""

from __future__ import annotations

import errno
import pickle

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import DatasetError, EpisodeError, disk_error
from odyssey_ros.dataset.losses import IncompleteDataError
from odyssey_ros.dataset.videos.pass_through import PassThroughError


def test_the_text_of_an_episode_error_starts_with_its_code() -> None:
    error = EpisodeError(ErrorCode.VIDEO_BROKEN, "picture 3 is damaged")
    assert str(error) == "VIDEO_BROKEN: picture 3 is damaged"
    assert error.message == "picture 3 is damaged"
    assert not error.retryable
    assert isinstance(error, DatasetError)


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        (errno.ENOSPC, "No space left on device", "DISK_FULL: no room to write x: No space left on device"),
        (errno.EDQUOT, "Disk quota exceeded", "DISK_FULL: no room to write x: Disk quota exceeded"),
        (errno.EFBIG, "File too large", "DISK_FULL: no room to write x: File too large"),
        (errno.EIO, "Input/output error", "DISK_FAILED: cannot write x: Input/output error"),
    ],
)
def test_a_full_disk_has_a_code_of_its_own(number: int, text: str, expected: str) -> None:
    assert str(disk_error(OSError(number, text), "x")) == expected


def test_an_error_without_a_text_is_named_by_its_class() -> None:
    assert str(disk_error(TimeoutError(), "x")) == "DISK_FAILED: cannot write x: TimeoutError"


@pytest.mark.parametrize(
    "error",
    [
        EpisodeError(ErrorCode.VIDEO_BROKEN, "picture 3", retryable=True),
        IncompleteDataError({"clamped_times": 2}),
        PassThroughError("a video with B frames"),
    ],
)
def test_errors_can_be_sent_to_another_process(error: EpisodeError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.args, vars(copy)) == (str(error), error.args, vars(error))
