"""Colours of the images of scripts that cannot be converted exactly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from PIL import Image

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.plan_notes import notes_on
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.scripts.script_images import image_note
from odyssey_ros.dataset.sources import SimulatedEpisode

if TYPE_CHECKING:
    from pathlib import Path


def test_an_image_whose_colours_are_not_exact_is_told_and_counted(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "bad.png", icc_profile=b"damaged")
    (tmp_path / "no.png").write_text("no image")
    scripts = [
        [
            {"timestamp_ms": 0, "start": {"prompt": "a", "image": f"{name}.png"}},
            {"timestamp_ms": 9, "end": {}},
        ]
        for name in ("good", "bad", "bad", "no")
    ]
    (tmp_path / "a.json").write_text(json.dumps({"scripts": scripts}))
    plans = read_plans([tmp_path / "a.json"])
    notes = [note for note in notes_on(plans) if "the image of" in note]
    assert len(notes) == 1
    assert notes[0].startswith(
        f"the image of {plans[1].name} (a.json: scripts[1]): its colour profile cannot"
    )
    jobs: Any = None
    losses = [SimulatedEpisode(plan, jobs).losses() for plan in plans]
    assert losses == [{}, {Loss.UNCONVERTED_IMAGE: 1}, {Loss.UNCONVERTED_IMAGE: 1}, {}]
    assert [bool(image_note(plan)) for plan in plans] == [False, True, True, False]
