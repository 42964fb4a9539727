"""What the subscribers need of frames, and how reading starts. Needs no ROS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameDemand:
    """What the subscribers need.

    Attributes:
        pictures: Whether a topic of decoded pictures has a subscriber.
        packets: Whether a topic of encoded pictures has a subscriber.
        joined: How many subscribers have joined the topics of encoded pictures so far.
    """

    pictures: bool = True
    packets: bool = False
    joined: int = 0


@dataclass(frozen=True, slots=True)
class FrameStart:
    """Where and how reading starts.

    Attributes:
        first: Number of the first frame.
        pictures: Whether to decode from the first frame on. Decoding ends when nobody needs it any more.
        key_frame: Whether the first packet has to be a key frame. If that of the file is none, the pictures
            up to the next key frame of the file are encoded again.
    """

    first: int = 0
    pictures: bool = True
    key_frame: bool = False
