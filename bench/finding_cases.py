"""Episodes with known faults, for `finding_quality.py`.

The streams are those of the emulator, on a clock that does not wait. Freezes, black pictures and stalls are
its faults `video_freeze`, `video_black` and `video_stall`. Prompts without effect, prompts that are not
logged and replayed pictures are made by a changed scene or recorder. `altered_pictures.py` makes torn,
damaged and dropped pictures and jumps of the media time when the bag is read.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import EventKind, parse_events
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, prompt_entry
from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.media.recorder import Recorder
from odyssey_ros.emulator.media.recording import Artifact, Recording, StreamEvent
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.canvas import Planes
from odyssey_ros.emulator.scene.captions import CAPTION_HEIGHT
from odyssey_ros.emulator.scene.scenes import Scene, World
from odyssey_ros.emulator.stream import UNDISTURBED, Disturbance, Stream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FPS: Final = 20
_BITRATE: Final = 2_500_000
_SECONDS: Final = 1e9

_PLACES: Final = (
    "a fox in a forest", "a sailing boat on the ocean", "snowy mountains", "a neon city", "dunes in a desert",
    "a planet in space", "a robot in a kitchen", "a car on a highway", "a whale under the sea", "a castle",
    "a quiet library with a robot arm", "a rocket near the moon", "a horse on a farm", "traffic in a tunnel",
    "a rooftop market", "a camel near a pyramid",
)  # fmt: skip
_MOODS: Final = ("", " at night", " at dawn", " at sunset", " at noon", " in the rain", " in the snow")
_CHANGES: Final = (
    "it rains", "it snows", "night falls", "the sun rises", "the sun sets", "fog comes", "a dragon appears",
    "a storm begins", "it becomes day", "a red balloon appears", "it turns golden", "everything turns blue",
    "the scene moves to a city", "the scene moves to the sea", "now a desert", "inside a room",
    "in outer space", "the driver takes the highway", "a forest grows", "the rain stops",
    "the robot waves", "nothing special",
)  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """A prompt of a stream: the number of the frame from which it holds, and what is wrong with it."""

    slot: int
    text: str
    effect: bool = True
    logged: bool = True


@dataclass(frozen=True)
class Fault:
    """A fault: its kind in `finding_quality.py`, and the slots of the first and the last frame concerned."""

    kind: str
    first: int
    last: int
    variant: str


@dataclass(frozen=True)
class Case:
    """An episode to be made."""

    name: str
    portrait: bool
    images: str
    frames: int
    start: str
    prompts: tuple[Prompt, ...] = ()
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    captions: bool = False
    image: bool = False


# Variant, finding that it should give, shortest and longest number of frames.
_VARIANTS: Final = (
    ("video_freeze", "frozen", 8, 30),
    ("video_freeze", "frozen", 8, 16),
    ("video_black", "black", 1, 20),
    ("video_black", "black", 1, 4),
    ("short_freeze", "repeated", 1, 3),
    ("replay", "repeated", 3, 8),
    ("video_stall", "missing", 2, 12),
    ("dropped", "missing", 1, 4),
    ("tear", "torn", 1, 1),
    ("tear", "torn", 1, 3),
    ("damage", "torn", 1, 1),
    ("damage", "torn", 1, 1),
    ("video_jump", "time_jump", 1, 1),
)


def make_cases(seed: int, count: int, *, captions: bool = False) -> list[Case]:
    """Return the episodes of a seed; 30 % of them have neither a fault nor a faulty prompt."""
    return [_case(random.Random(f"{seed}:{number}"), number, captions=captions) for number in range(count)]


def _case(rng: random.Random, number: int, *, captions: bool) -> Case:
    frames = rng.randint(60, 120)
    faulty = number % 10 >= 3
    taken: list[tuple[int, int]] = []

    def place(length: int, margin: int = 8) -> int | None:
        for _ in range(40):
            first = rng.randint(10, frames - length - 10)
            if all(first + length + margin <= start or first >= end + margin for start, end in taken):
                taken.append((first, first + length))
                return first
        return None

    prompts: list[Prompt] = []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
        slot = place(1, 16)
        if slot is None:
            break
        prompts.append(Prompt(slot, rng.choice(_CHANGES)))
    prompts.sort(key=lambda each: each.slot)
    faults: list[Fault] = []
    if faulty:
        if prompts and rng.random() < 0.6:
            index = rng.randrange(len(prompts))
            prompts[index] = replace(prompts[index], **rng.choice(({"effect": False}, {"logged": False})))
        if prompts and rng.random() < 0.2:
            # The text of the prompt before is repeated: the emulator still changes the scene.
            index = rng.randrange(len(prompts))
            before = prompts[index - 1].text if index else ""
            if before:
                prompts[index] = replace(prompts[index], text=before)
        for _ in range(rng.choice((1, 2, 2)) if rng.random() < 0.85 else 0):
            variant, kind, shortest, longest = rng.choice(_VARIANTS)
            length = rng.randint(shortest, longest)
            first = place(length, 10)
            if first is not None:
                faults.append(Fault(kind, first, first + length - 1, variant))
    start = rng.choice(_PLACES) + rng.choice(_MOODS)
    if prompts and rng.random() < 0.1:
        prompts[0] = replace(prompts[0], text=start)
    images = rng.choice(("h264", "h264", "jpeg"))
    if any(fault.variant == "damage" for fault in faults):
        images = "h264"
    return Case(
        f"e{number:03d}", rng.random() < 0.4, images, frames, start, tuple(prompts),
        tuple(sorted(faults, key=lambda each: each.first)), rng.randrange(1 << 30), captions,
        image=rng.random() < 0.1,
    )  # fmt: skip


def _image(seed: int) -> NDArray[np.uint8]:
    """Return a picture from which a stream may start: rectangles of random colours on a gradient."""
    rng = np.random.default_rng(seed)
    picture = np.linspace(rng.uniform(0, 255, (1, 3)), rng.uniform(0, 255, (1, 3)), 352)
    picture = np.broadcast_to(picture, (352, 640, 3)).astype(np.uint8)
    for _ in range(30):
        top, left = rng.integers(0, 300), rng.integers(0, 560)
        picture[top : top + rng.integers(10, 90), left : left + rng.integers(10, 120)] = rng.integers(
            0, 256, 3
        )
    return picture


class _Scene(Scene):
    """A scene whose prompts may have no effect, and which can show an earlier time; without captions."""

    def __init__(self, case: Case) -> None:
        width, height = (704, 1280) if case.portrait else (1280, 704)
        super().__init__(case.start, width, height, _image(case.seed) if case.image else None)
        self._case = case
        self._calls = 0

    def prepare(self, prompt: str) -> World:
        planned = self._case.prompts[self._calls]
        self._calls += 1
        if planned.effect:
            return super().prepare(prompt)
        return replace(self._paint_caption(prompt), painting=self._current.painting)

    def _paint_caption(self, prompt: str) -> World:
        return self._paint(prompt, prompted=False)

    def render(self, stream_time_ms: int, counter: int) -> av.VideoFrame:
        slot = round(stream_time_ms * FPS / 1000)
        for fault in self._case.faults:
            length = fault.last - fault.first + 1
            if fault.variant == "replay" and fault.first <= slot:
                # The frames from `first` on show what the `length` frames before showed; then it goes on.
                stream_time_ms -= length * 1000 // FPS
                counter -= length
        frame = super().render(stream_time_ms, counter)
        if self._case.captions:
            return frame
        height = frame.height - CAPTION_HEIGHT
        cropped = av.VideoFrame(frame.width, height, "yuv420p")
        Planes.of_frame(cropped).paste(Planes.of_frame(frame).crop(0, 0, frame.width, height))
        return cropped


def make_scene(case: Case) -> Scene:
    """Return the scene of a case as it is before its first frame."""
    return _Scene(case)


class _Recorder(Recorder):
    """A recorder that omits some prompts from the events log."""

    omitted: frozenset[int] = frozenset()
    _interactions = 0

    def add_event(self, event: StreamEvent) -> None:
        if event.type == "interact":
            self._interactions += 1
            if self._interactions - 1 in self.omitted:
                return
        super().add_event(event)


class _Clock:
    """The clock of a stream: time passes with the frames, and waits for the prompt of the next frame."""

    def __init__(self, slots_with_prompts: set[int]) -> None:
        self._slots = slots_with_prompts
        self._planned: list[float] = []
        self._now = 0.0

    def frame_begins(self, slot: int) -> None:
        after = self._now = (slot + 1) / FPS
        # Read after the frame, then before the commands of the next frame, then after each command.
        self._planned = [after, after - 60.0] if slot + 1 in self._slots else []

    def __call__(self) -> float:
        return self._planned.pop(0) if self._planned else self._now


async def _record(case: Case, folder: Path) -> Path:
    """Run a stream of the emulator; return the folder of its recording."""
    loop = asyncio.get_running_loop()
    width, height = (704, 1280) if case.portrait else (1280, 704)
    started_at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    recording = Recording(
        stream_id=case.name, owner="bench", width=width, height=height, started_at=started_at
    )
    recorder = _Recorder(folder, recording, FPS, bitrate=_BITRATE)
    recorder.omitted = frozenset(index for index, each in enumerate(case.prompts) if not each.logged)
    recorder.add_event(StreamEvent(0, "start", prompt=case.start, applied_prompt=applied_prompt(case.start)))
    slots = {each.slot: each for each in case.prompts}
    clock = _Clock({*slots, case.frames})
    slot = -1

    def disturbance() -> Disturbance:
        nonlocal slot
        slot += 1
        clock.frame_begins(slot)
        if (prompt := slots.get(slot + 1)) is not None:
            asyncio.run_coroutine_threadsafe(stream.interact(prompt.text, applied_prompt(prompt.text)), loop)
        if slot + 1 == case.frames:
            asyncio.run_coroutine_threadsafe(stream.end("client", started_at), loop)
        variants = {fault.variant for fault in case.faults if fault.first <= slot <= fault.last}
        if not variants:
            return UNDISTURBED
        return Disturbance(
            frozen=bool(variants & {"video_freeze", "short_freeze"}),
            black="video_black" in variants,
            stalled="video_stall" in variants,
        )

    stream = Stream(
        lambda: make_scene(case), VideoEncoder("h264", FPS, _BITRATE), FPS, lambda: 0.0, recorder=recorder,
        disturbance=disturbance, monotonic=clock,
    )  # fmt: skip
    await stream.start()
    await asyncio.wait_for(stream.finished(), 300)
    return folder


def make_episode(case: Case, folder: Path) -> StoredEpisode:
    """Run the stream of a case, and write its bag into a dataset's folder."""
    recording = asyncio.run(_record(case, folder / f"{case.name}.recording"))
    log = parse_events((recording / Artifact.EVENTS.value).read_bytes())
    episode = Episode(case.name, recording / Artifact.VIDEO.value, log, 1_700_000_000_000_000_000)
    summary = write_bag(folder / case.name, case.name, episode, BagLayout(images=ImageEncoding(case.images)))
    width, height = next(iter(summary.sizes))
    entry = ManifestEntry(
        case.name,
        case.name,
        (FileEntry(f"{case.name}/{summary.file}", summary.size, summary.crc32),),
        case.name,
        case.images,
        summary.frames,
        width,
        height,
        summary.start_time_ns,
        summary.duration_ns,
        tuple(
            prompt_entry(event.stream_time_ns, event.prompt, event.frame_index)
            for event in log.events
            if event.kind is not EventKind.ENDED
        ),
        {"frame_count": summary.frames},
        None,
        {},
        {loss.value: count for loss, count in summary.losses.items()},
    )
    return StoredEpisode(folder, entry)
