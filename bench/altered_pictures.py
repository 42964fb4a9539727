"""Faults that the emulator's recordings do not have, made in the pictures and the labels of an episode."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from finding_cases import FPS

from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.reading.stored_episode import LabelledPicture
from odyssey_ros.dataset.reading.stored_pictures import decoded_pictures

if TYPE_CHECKING:
    from finding_cases import Case, Fault
    from numpy.typing import NDArray

    from odyssey_ros.dataset.reading.message_reader import ImageMessage
    from odyssey_ros.dataset.reading.stored_episode import FrameLabels, StoredEpisode

MIN_VISIBLE: Final = 4.0
"""Luma by which a 20th of a torn or damaged picture must differ from the right one, in the mean."""

_TRIES: Final = 8


def altered_pictures(case: Case, episode: StoredEpisode) -> tuple[list[LabelledPicture], list[Fault]]:
    """Return the pictures of an episode with the faults of its case, and the faults that are there.

    A tear or a damage that nobody could see is left out of the faults.
    """
    rng = random.Random(case.seed)
    stored = list(episode.frames())
    labels = [each.labels for each in stored]
    images = [each.image for each in stored]
    faults = list(case.faults)
    pictures = _decoded(case.images, images)
    for fault in case.faults:
        if fault.variant == "damage":
            after = _damaged(images, pictures, _position(labels, fault.first), rng)
            if after is None:
                faults.remove(fault)
            else:
                pictures = after
                faults[faults.index(fault)] = replace(fault, last=_end_of_damage(labels, pictures, fault))
    for fault in case.faults:
        if fault.variant == "tear" and not _tear(
            pictures, _position(labels, fault.first), _position(labels, fault.last), rng
        ):
            faults.remove(fault)
    for fault in case.faults:
        if fault.variant == "video_jump":
            seconds = rng.choice((-10.0, -1.0, 1.0, 5.0, 10.0))
            at = _position([each.labels for each in stored], fault.first)
            shift_ns = max(round(seconds * 1e9), -labels[at].media_time_ns)
            labels[at:] = [replace(each, media_time_ns=each.media_time_ns + shift_ns) for each in labels[at:]]
    dropped = {
        slot
        for fault in case.faults
        if fault.variant == "dropped"
        for slot in range(fault.first, fault.last + 1)
    }
    slots = [round(each.labels.media_time_ns * FPS / 1e9) for each in stored]
    kept = [number for number, slot in enumerate(slots) if slot not in dropped and number < len(pictures)]
    return (
        [
            LabelledPicture(replace(labels[number], position=position), pictures[number])
            for position, number in enumerate(kept)
        ],
        [_positions(fault, [slots[number] for number in kept]) for fault in faults],
    )


def _positions(fault: Fault, slots: list[int]) -> Fault:
    """Return the fault with positions in the bag instead of slots; of missing frames, the frames around."""
    inside = [position for position, slot in enumerate(slots) if fault.first <= slot <= fault.last]
    if inside:
        return replace(fault, first=inside[0], last=inside[-1])
    after = sum(slot < fault.first for slot in slots)
    return replace(fault, first=max(after - 1, 0), last=min(after, len(slots) - 1))


def _position(labels: list[FrameLabels], slot: int) -> int:
    return next(
        (each.position for each in labels if round(each.media_time_ns * FPS / 1e9) >= slot), len(labels) - 1
    )


def _end_of_damage(labels: list[FrameLabels], pictures: list[av.VideoFrame], fault: Fault) -> int:
    """Return the slot of the last picture before the next key frame."""
    last = _position(labels, fault.first)
    while last + 1 < len(pictures) and not pictures[last + 1].key_frame:
        last += 1
    return round(labels[last].media_time_ns * FPS / 1e9)


def _decoded(kind: str, images: list[ImageMessage]) -> list[av.VideoFrame]:
    return [frame for _, frame in decoded_pictures(kind, iter(enumerate(images)))]


def _damaged(
    images: list[ImageMessage], right: list[av.VideoFrame], position: int, rng: random.Random
) -> list[av.VideoFrame] | None:
    """Damage an encoded picture so that it is visible; None if that did not succeed."""
    original = images[position]
    for _ in range(_TRIES):
        data = bytearray(bytes(original.data))
        begin = rng.randint(len(data) // 4, len(data) * 3 // 4)
        if rng.random() < 0.5:
            data[begin : begin + 64] = rng.randbytes(len(data[begin : begin + 64]))
        else:
            del data[begin:]
        images[position] = replace(original, data=bytes(data))
        try:
            found = _decoded("h264", images)
        except EpisodeError:
            continue
        if len(found) == len(right) and _visible(_luma(found[position]), _luma(right[position])):
            return found
    images[position] = original
    return None


def _tear(pictures: list[av.VideoFrame], first: int, last: int, rng: random.Random) -> bool:
    """Replace the lower part of pictures by that of an earlier picture, if the difference is visible."""
    for _ in range(_TRIES):
        old = first - rng.randint(2, min(first, 20))
        torn = []
        for position in range(first, last + 1):
            # A copy, because the array of a frame that is rgb24 already is a view of its pixels.
            whole, other = (pictures[each].to_ndarray(format="rgb24").copy() for each in (position, old))
            row = rng.randint(whole.shape[0] // 8, whole.shape[0] * 7 // 8)
            if rng.random() < 0.5:
                whole[row:] = other[row:]
            else:
                whole[:row] = other[:row]
            torn.append(av.VideoFrame.from_ndarray(whole, format="rgb24").reformat(format="yuv420p"))
        if all(
            _visible(_luma(each), _luma(pictures[position]))
            for position, each in enumerate(torn, start=first)
        ):
            pictures[first : last + 1] = torn
            return True
    return False


def _luma(frame: av.VideoFrame) -> NDArray[np.int16]:
    return frame.to_ndarray(format="gray").astype(np.int16)


def _visible(a: NDArray[np.int16], b: NDArray[np.int16]) -> bool:
    """Return whether a 20th of the blocks differ by `MIN_VISIBLE` in the mean."""
    rows, columns = a.shape[0] // 32 * 32, a.shape[1] // 32 * 32
    difference = np.abs(a - b)[:rows, :columns].reshape(rows // 32, 32, columns // 32, 32).mean(axis=(1, 3))
    return bool((difference >= MIN_VISIBLE).mean() >= 0.05)
