"""Losses of an episode: what was ignored, repaired or guessed while it was made.

A loss does not stop an episode. It is counted, shown once for each episode and once at the end of a run, and
stored in the manifest. `--strict` makes an episode with a loss fail.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class IncompleteDataError(EpisodeError):
    """An episode has losses, and the run is strict.

    Attributes:
        losses: The losses, as in the manifest.
    """

    def __init__(self, losses: Mapping[str, int]) -> None:
        super().__init__(
            ErrorCode.INCOMPLETE_DATA,
            f"{described(losses)}; run the command without --strict to accept the episode",
        )
        self.losses = losses


class Loss(str, Enum):
    """A kind of loss. Its value is the key in the manifest.

    Attributes:
        text: What happened, as a text that follows the count.
    """

    text: str

    def __new__(cls, value: str, text: str) -> Loss:
        """Return a member; `text` is its attribute."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    # Of the events log.
    UNREADABLE_LOG = "unreadable_log", "the events log is empty, or it is not JSON, such as an error page"
    CUT_OFF_LOG = "cut_off_log", "the end of the events log is missing"
    IGNORED_LOG_ENTRIES = (
        "ignored_log_entries",
        "entries of the events log were not understood, or exceed a limit",
    )
    DUPLICATE_LOG_ENTRIES = "duplicate_log_entries", "entries of the events log were there more than once"
    REORDERED_LOG_ENTRIES = "reordered_log_entries", "entries of the events log were not in order of time"
    AMBIGUOUS_LOG_ENTRIES = (
        "ambiguous_log_entries",
        "entries of the events log have a name twice, and the last value was taken",
    )
    REPLACED_CHARACTERS = "replaced_characters", "characters of the events log could not be decoded"
    CLEANED_PROMPTS = (
        "cleaned_prompts",
        "prompts contained a secret, or characters that a label cannot hold, such as tabs",
    )
    GUESSED_KINDS = "guessed_kinds", "entries with a prompt have no kind, or one that is not known"
    GUESSED_FIRST_PROMPT = (
        "guessed_first_prompt",
        "the events log has no start, so the first frames have the first prompt that it contains",
    )
    SCRIPT_PROMPTS = "script_prompts", "prompts were taken from the script, because the events log has none"
    UNLOGGED_PROMPTS = "unlogged_prompts", "prompts of the script are missing in the events log"
    MISSING_PROMPTS = "missing_prompts", "the frames have no prompt, because there is no events log with one"

    # Of the script.
    UNCONVERTED_IMAGE = (
        "unconverted_image",
        "the colours of the script's image were not converted exactly: it is HDR, or its profile is damaged",
    )

    # Of the times.
    GUESSED_TIMES = (
        "guessed_times",
        "times of the events log have no certain unit or origin, or only the number of a frame",
    )
    CONTRADICTORY_FRAMES = (
        "contradictory_frames",
        "frame numbers of the events log do not fit its times",
    )
    CLAMPED_TIMES = "clamped_times", "times of the events log were negative and became 0"
    GUESSED_START = "guessed_start", "the start of the stream is unknown"

    # Of the video.
    FRAME_COUNT_DIFFERENCE = (
        "frame_count_difference",
        "frames more or less than the service says are in the video",
    )
    MISSING_PICTURES = "missing_pictures", "encoded pictures gave no decoded picture, without an error"
    UNDECODABLE_START = (
        "undecodable_start",
        "pictures at the start of the video depend on pictures that are not in the file",
    )
    DUPLICATE_STAMPS = "duplicate_stamps", "pictures have the presentation time of the picture before"
    LOST_REFERENCES = (
        "lost_references",
        "places of the video lack a picture on which later ones are based, so those may show wrong pixels",
    )
    IGNORED_TRACKS = "ignored_tracks", "further video tracks of the file were not read"
    GUESSED_VIDEO_START = (
        "guessed_video_start",
        "the times of the video begin anywhere (MPEG-TS), so its first picture counts as the stream's start",
    )
    IGNORED_TRANSPARENCY = "ignored_transparency", "the transparency of the video was ignored"
    UNCONVERTED_COLOURS = (
        "unconverted_colours",
        "pictures have HDR, wide-gamut or unusual colours, which were not converted to those of sRGB",
    )
    INTERLACED_PICTURES = "interlaced_pictures", "pictures are interlaced: they show two moments"
    NON_SQUARE_PIXELS = "non_square_pixels", "pictures have pixels that are not square"

    # Of a recorded bag.
    UNRECORDED_START = "unrecorded_start", "frames of the stream came before the first one in the recording"
    UNRECORDED_FRAMES = (
        "unrecorded_frames",
        "frames between others have no label in the recording: they were not published, or not recorded",
    )
    LABELS_WITHOUT_PICTURE = "labels_without_picture", "frames have a label but no picture in the recording"
    PICTURES_WITHOUT_LABEL = "pictures_without_label", "pictures have no label in the recording"
    PICTURES_BEFORE_KEY_FRAME = (
        "pictures_before_key_frame",
        "encoded pictures came before the first key frame, so they cannot be decoded",
    )
    PICTURES_AFTER_GAP = (
        "pictures_after_gap",
        "encoded pictures came between a missing picture and the next key frame, so they cannot be decoded",
    )
    UNREADABLE_PICTURES = "unreadable_pictures", "pictures of the recording are damaged or not supported"
    DUPLICATE_PICTURES = "duplicate_pictures", "pictures were recorded twice, and the first one was taken"
    CONTRADICTORY_LABELS = (
        "contradictory_labels",
        "labels of the recording have a number or a time that does not come after the one before",
    )
    UNRECORDED_EVENTS = (
        "unrecorded_events",
        "prompts have no event in the recording, so their times are those of their first frames",
    )
    PROMPTS_WITHOUT_FRAMES = "prompts_without_frames", "recorded prompts have no frame in the recording"
    UNREADABLE_MESSAGES = "unreadable_messages", "messages of the recording cannot be read"
    UNKNOWN_DEFINITIONS = (
        "unknown_definitions",
        "topics of the recording have a type with another definition, so they were not read",
    )
    CUT_OFF_BAGS = "cut_off_bags", "files of the recording have no end, because the recorder was killed"
    DAMAGED_CHUNKS = "damaged_chunks", "parts of the recording are damaged and were left out"
    MISSING_BAG_FILES = "missing_bag_files", "files that metadata.yaml of the recording names are missing"
    DROPPED_CALIBRATION = "dropped_calibration", "the calibration of a recorded camera_info was not kept"

    # Of earlier versions.
    NOT_COUNTED = (
        "not_counted",
        "the bag was made by a version that did not count losses: remove its folder to make it again",
    )

    def __str__(self) -> str:
        return str(self.value)


VIDEO_LOSSES: Final = (
    Loss.MISSING_PICTURES,
    Loss.UNDECODABLE_START,
    Loss.DUPLICATE_STAMPS,
    Loss.LOST_REFERENCES,
    Loss.IGNORED_TRACKS,
    Loss.GUESSED_VIDEO_START,
    Loss.IGNORED_TRANSPARENCY,
    Loss.UNCONVERTED_COLOURS,
    Loss.INTERLACED_PICTURES,
    Loss.NON_SQUARE_PIXELS,
)
"""The losses that the file of the video alone determines."""

UNRECORDED_LOSSES: Final = (
    Loss.UNRECORDED_START,
    Loss.UNRECORDED_FRAMES,
    Loss.LABELS_WITHOUT_PICTURE,
    Loss.PICTURES_BEFORE_KEY_FRAME,
    Loss.PICTURES_AFTER_GAP,
    Loss.UNREADABLE_PICTURES,
    Loss.CONTRADICTORY_LABELS,
)
"""The losses that leave gaps in the numbers of the frames of a recorded bag."""


def combined(*parts: Mapping[Loss, int]) -> dict[str, int]:
    """Return the sums for the manifest: only the kinds that occur, in the order of their names."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update({loss.value: count for loss, count in part.items()})
    return {name: total[name] for name in sorted(total) if total[name]}


def described(losses: Mapping[str, int]) -> str:
    """Return the losses of one episode as a text: each name with its count and its meaning."""
    return "; ".join(f"{name}: {count} ({_text(name)})" for name, count in sorted(losses.items()))


def summary(episodes: Iterable[Mapping[str, int]]) -> str | None:
    """Return one line about the losses of all episodes; None when there is no loss.

    Args:
        episodes: The losses of each episode; an episode without a loss has an empty mapping.
    """
    counts: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    total = affected = 0
    for losses in episodes:
        total += 1
        affected += bool(losses)
        counts.update(losses)
        occurrences.update(losses.keys())
    if not affected:
        return None
    kinds = (f"{name} {counts[name]} (episodes: {occurrences[name]})" for name in sorted(counts))
    return f"data was lost or guessed in {affected} of {total} episodes: {', '.join(kinds)}"


def _text(name: str) -> str:
    # A manifest of a newer version may have further kinds.
    return next((loss.text for loss in Loss if loss == name), "unknown to this version")
