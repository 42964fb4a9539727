"""Exported clips, loaded by Hugging Face `datasets` as VideoFolder, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from decoded_files import pictures_in
from odyssey_ros.dataset import cli
from odyssey_ros.dataset.exports import clips_command
from stored_episodes import TasksHere, add_episode

if TYPE_CHECKING:
    from collections.abc import Callable

LOADER = Path(__file__).parents[2] / "support" / "load_videofolder.py"
PROMPTS = {
    "test-run": [(0, "a fox"), (4, "it “rains”\n\n  hard 🌧"), (6, ""), (9, "a fox"), (20, "ends here\u3000")],
    "val_walk": [(0, "2026-11-28"), (10, '{"a": "b\\n"}'), (15, "long " * 2000)],
    "zebra": [(0, "a zebra")],
}


def interpreter() -> str:
    """Return an interpreter that has `datasets`."""
    if find_spec("datasets"):
        return sys.executable
    other = os.environ.get("ODYSSEY_LEROBOT_PYTHON")
    if not other:
        pytest.skip("`datasets` is not installed, and ODYSSEY_LEROBOT_PYTHON names no interpreter with it")
    return other


def loaded(cache: Path, *folders: Path) -> list[dict[str, list[dict[str, Any]]]]:
    """Load datasets in another process that cannot reach the network; return the rows of each split."""
    program = [interpreter(), str(LOADER), str(cache / "cache")]
    unreachable = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")
    variables = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache / "home"), **unreachable}
    done = subprocess.run(
        [*program, *map(str, folders)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, list[dict[str, Any]]]] = json.loads(done.stdout)
    return found


def test_each_row_has_its_file_its_prompt_and_its_frames(
    make_video: Callable[..., Path],
    tmp_path: Path,
    counter_of: Callable[[Any], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of episodes whose names contain words that `datasets` takes for splits."""
    monkeypatch.setattr(clips_command, "selected_engine", lambda _: nullcontext(TasksHere()))
    for name, prompts in PROMPTS.items():
        add_episode(tmp_path / "data", name, make_video(24), prompts)
    command = ["export", "clips", str(tmp_path / "data"), "-o"]
    one, split = tmp_path / "training-data", tmp_path / "test-data"
    assert cli.main([*command, str(one)]) == 0
    assert cli.main([*command, str(split), "--gop", "2", "--split", "train=0.3,test=0.7"]) == 0
    folders = [one / "videos", one, split, split / "train" / "videos", split / "test"]
    everything, whole, splits, *parts = loaded(tmp_path, *folders)
    assert everything == whole
    assert [list(found) for found in (everything, splits, *parts)] == [
        ["train"], ["train", "test"], ["train"], ["train"]
    ]  # fmt: skip
    assert [splits["train"], splits["test"]] == [part["train"] for part in parts]

    expected = [
        (name, prompt, first, end - 1)
        for name, prompts in sorted(PROMPTS.items())
        for (first, prompt), (end, _) in zip(prompts, [*prompts[1:], (24, "")], strict=True)
        if prompt
    ]
    for rows in (everything["train"], [*splits["train"], *splits["test"]]):
        assert sorted(
            (row["episode"], row["text"], row["first_frame"], row["last_frame"]) for row in rows
        ) == sorted(expected)
        for row in rows:
            shown = [counter_of(picture) for picture in pictures_in(Path(row["video"]))]
            assert shown == list(range(row["first_frame"], row["last_frame"] + 1))
            assert (row["frames"], row["fps"]) == (len(shown), 20)
            caption = Path(row["video"]).parents[1] / "metas" / f"{Path(row['video']).stem}.txt"
            assert caption.read_bytes() == row["text"].encode()
    assert {Path(row["video"]).parent for row in everything["train"]} == {one / "videos"}
    assert not {row["episode"] for row in splits["train"]} & {row["episode"] for row in splits["test"]}
