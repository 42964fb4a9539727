"""Random streams for the comparison of live frames, recordings and the player: the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.marker import prompt_digest

_PIECES: Final = (
    *(
        "a fox",
        "the sea",
        "snow falls",
        "NO",
        "null",
        "007",
        '"quoted"',
        "it's",
        "back\\slash",
        "{brace: [1]}",
    ),
    *("line\u2028separator", "paragraph\u2029separator", "next\u0085line", "new\nline", "tab\there"),
    *("\u00a0space\u3000", "\U0001f98a", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2602\ufe0f"),
    *("\U0001f3f4\U000e0067\U000e007f", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627"),
    *("\u202eright to left\u202c", "\u200fmark", "e\u0301\u0323", "Z\u0351\u0346\u0342a\u034a"),
    *("\u96ea\u304c\u964d\u308b", "\U00020bb7", "\ufb01 ligature", "\u0130stanbul", "\u1e9e", "\x07bell"),
    *("\x1b[31mred\x1b[0m", "\ufeffmark", "<b>&amp;</b>", "%s %(x)s", ", end."),
)

SLOT_S: Final = 0.05
"""The frame period of the emulator."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of a stream.

    Attributes:
        at_s: When it is sent, in seconds after the start of the stream.
        text: As it is sent.
        by_topic: Whether it is sent on `~/prompt`, else by `~/interact`.
    """

    at_s: float
    text: str
    by_topic: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One stream.

    Attributes:
        number: Number of the plan.
        portrait: Whether the pictures are portraits.
        bypass: Whether prompts are applied as they are.
        duration_s: Length of the stream in seconds.
        prompts: The prompts in order; the first one starts the stream.
        faults: The faults of the emulator, in the form of its control endpoint.
        reconnects: Whether a fault ends the connection, so that a second stream follows.
        lossy: Whether media packets are lost.
        pauses: Numbers of frames of the player after which it is paused; it then steps twice, and resumes.
    """

    number: int
    portrait: bool
    bypass: bool
    duration_s: float
    prompts: tuple[Prompt, ...]
    faults: tuple[dict[str, object], ...] = ()
    reconnects: bool = False
    lossy: bool = False
    pauses: tuple[int, ...] = field(default=())

    def pictured(self, label: str) -> int | None:
        """Return the id in the marker of pictures that show the prompt of a label, if there is any."""
        for prompt in self.prompts:
            # A prompt on the topic that starts a stream after a reconnection is expanded.
            for bypass in {self.bypass, self.bypass and not self.reconnects}:
                if clean_text(applied_prompt(prompt.text, bypass_expansion=bypass), is_prompt=True) == label:
                    return prompt_digest(prompt.text)
        return None


def make_plans(seed: int, count: int) -> list[Plan]:
    """Return `count` plans. The plans with a size change, loss and a reconnection come in turn."""
    return [_make_plan(random.Random(f"{seed} {number}"), number) for number in range(count)]


def _make_plan(rng: random.Random, number: int) -> Plan:
    duration_s = rng.uniform(2.5, 4.0)
    count = rng.randint(2, 6)
    times = sorted(rng.uniform(0.05, duration_s) for _ in range(count - 1))
    prompts = tuple(
        Prompt(at_s, _text(rng, f"{number}.{index}"), rng.random() < 0.5)
        for index, at_s in enumerate([0.0, *times])
    )
    portrait = rng.random() < 0.5
    faults: list[dict[str, object]] = []
    kind = ("plain", "resize", "loss", "reconnect")[number % 4]
    begin = rng.uniform(0.3, duration_s / 2)
    if kind == "resize" or rng.random() < 0.2:
        width, height = (352, 640) if portrait else (640, 352)
        length = rng.uniform(0.2, 1.5)
        faults.append(_fault("video_resize", begin, duration=length, width=width, height=height))
    if kind == "loss":
        length, fraction = rng.uniform(0.2, 1.0), rng.uniform(0.02, 0.4)
        faults.append(_fault("packet_loss", begin, duration=length, fraction=fraction))
    if kind == "reconnect":
        faults.append(_fault(rng.choice(["peer_close", "socket_drop", "track_end"]), begin, count=1))
    pauses = tuple(sorted(rng.sample(range(3, 30), rng.randint(0, 2))))
    return Plan(
        number,
        portrait,
        rng.random() < 0.7,
        duration_s,
        prompts,
        tuple(faults),
        kind == "reconnect",
        kind == "loss",
        pauses,
    )


def _fault(name: str, after_s: float, **fields: object) -> dict[str, object]:
    return {"fault": name, "since": "started", "after": after_s, **fields}


def _text(rng: random.Random, name: str) -> str:
    # The name makes prompts differ, also after they are cleaned.
    pieces = [rng.choice(_PIECES) for _ in range(rng.randint(1, 5))]
    pieces.insert(rng.randint(0, len(pieces)), name)
    return rng.choice(("", " ")).join(pieces)
