"""The card: front matter that the Hugging Face hub reads, and what the data is and lacks."""

from __future__ import annotations

from dataclasses import replace

import yaml

from odyssey_ros.dataset.exports.lerobot_card import CardContent, card

CONTENT = CardContent(
    episodes=2,
    frames=90,
    tasks=3,
    rate=30,
    width=1280,
    height=704,
    gop=None,
    split="",
    notes={},
    losses={},
    left_out=None,
    flagged=0,
    version="1.2.3",
)


def test_front_matter() -> None:
    _, front, text = card(CONTENT).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "task_categories": ["text-to-video"],
        "tags": ["LeRobot", "world-model", "synthetic", "ros2"],
        "configs": [{"config_name": "default", "data_files": "data/*/*.parquet"}],
    }
    assert text.startswith("\n# ")


def test_what_the_card_says() -> None:
    text = card(CONTENT)
    assert "2 episodes with 90 frames (3.0 s) at 30 Hz, 1280x704 pixels, with 3 distinct prompts" in text
    assert "no actions and no robot state" in text
    assert "copied without decoding" in text
    assert "odyssey_ros 1.2.3" in text
    assert "split" not in text
    assert text.endswith("## Remarks\n\nNone.\n")


def test_encoded_video_and_splits() -> None:
    text = card(replace(CONTENT, gop=2, split="val"))
    assert "encoded again as H.264, with a key frame in every 2 frames" in text
    assert "This is the split `val`" in text


def test_remarks() -> None:
    text = card(replace(CONTENT, notes={"repeated_frames": 7}, losses={"guessed_times": 2}))
    assert "- 7 frames fill gaps of the streams" in text
    assert "- Losses of the source: `guessed_times`: 2." in text


def test_episodes_with_findings() -> None:
    assert "findings" not in card(CONTENT)
    text = card(replace(CONTENT, left_out=0))
    assert "findings of `odyssey-dataset report` were left out (`--exclude-flagged`): 0." in text
    assert "after their export" not in text
    text = card(replace(CONTENT, left_out=3, flagged=1))
    assert "(`--exclude-flagged`): 3. Findings about 1 of the exported episodes were made after" in text
