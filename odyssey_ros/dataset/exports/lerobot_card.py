"""The card of an exported LeRobotDataset, `README.md`: what the data is, how it was made, what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CardContent:
    """What the card says.

    Attributes:
        episodes: Number of episodes.
        frames: Number of frames.
        tasks: Number of distinct prompts.
        rate: Frames per second.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
        gop: Distance between key frames, or None if the H.264 of the service was copied.
        split: Name of the split that the dataset is; empty without splits.
        notes: Frames by kind of note, summed over the episodes.
        losses: Losses of the episodes, summed.
        left_out: Number of episodes that were left out because of findings; None if findings do not matter.
        flagged: Number of episodes of the dataset about which findings were made later.
        version: Version of this package.
    """

    episodes: int
    frames: int
    tasks: int
    rate: int
    width: int
    height: int
    gop: int | None
    split: str
    notes: Mapping[str, int]
    losses: Mapping[str, int]
    left_out: int | None
    flagged: int
    version: str


_NOTES = {
    "repeated_frames": "frames fill gaps of the streams: they repeat the frame before",
    "left_out_frames": "frames of the streams were left out, because another one fell into the same period",
    "frames_without_prompt": "frames have no known prompt: their task is the empty text",
}


def card(content: CardContent) -> str:
    """Return the text of the card, Markdown with YAML front matter."""
    split = f" This is the split `{content.split}`; episodes were assigned by name." if content.split else ""
    video = (
        "The video is the H.264 of the service, copied without decoding. Key frames are where the service "
        "put them, so random access may decode many frames."
        if content.gop is None
        else f"The video was encoded again as H.264, with a key frame in every {content.gop} frames."
    )
    found = [f"- {count} {_NOTES.get(name, name)}." for name, count in sorted(content.notes.items())]
    found += [f"- Losses of the source: `{name}`: {count}." for name, count in sorted(content.losses.items())]
    remarks = "\n".join(found) or "None."
    seconds = content.frames / content.rate
    return f"""---
task_categories:
- text-to-video
tags:
- LeRobot
- world-model
- synthetic
- ros2
configs:
- config_name: default
  data_files: data/*/*.parquet
---

# Streams of an Odyssey world model

{content.episodes} episodes with {content.frames} frames ({seconds:.1f} s) at {content.rate} Hz, \
{content.width}x{content.height} pixels, with {content.tasks} distinct prompts, as a LeRobotDataset \
v3.0.{split}

## What the data is

Each episode is one stream of an [Odyssey](https://odyssey.ml) world model. Its pictures were generated: no \
camera recorded them. `task` is the prompt that was in force at the frame, as the service applied it. It may \
change within an episode.

## What the data is not

**The dataset holds no actions and no robot state.** A stream has none, and none were invented. A policy \
cannot be trained on it as it is. A way to actions is to label the frames with an inverse dynamics model, as \
GR00T-Dreams does.

## How it was made

`odyssey-dataset export lerobot` of odyssey_ros {content.version} wrote it from rosbag2 bags. \
{video}{_findings(content)}

`timestamp` is `frame_index` divided by the frame rate. `meta/odyssey_frames` has the true times of each \
frame: `stamp_ns` (nanoseconds since 1970), `media_time_ns` (since the first frame of the stream), and \
`stream_frame_index`, its number in the stream. `meta/odyssey.json` lists the stream, the checksum of the \
bag and the losses of each episode. The statistics of the pictures were computed from sampled frames.

## Remarks

{remarks}
"""


def _findings(content: CardContent) -> str:
    if content.left_out is None:
        return ""
    text = (
        " Episodes with findings of `odyssey-dataset report` were left out (`--exclude-flagged`): "
        f"{content.left_out}."
    )
    if content.flagged:
        text += (
            f" Findings about {content.flagged} of the exported episodes were made after their export; they "
            "were not removed."
        )
    return text
