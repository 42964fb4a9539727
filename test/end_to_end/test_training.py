"""The examples that read exported datasets: those of docs/training_formats.md, and demo/training.py."""

from __future__ import annotations

import re
import sys

import pytest

from exported_dataset_files import write_dataset
from lerobot_python import TOP, lerobot_python, run_python

SUPPORT = TOP / "test" / "support"
PROMPTS = [["a fox"] * 5 + ["rain"] * 5, ["snow"] * 6]


def example(word):
    """Return the program of the section `Reading` that contains a word."""
    section = (TOP / "docs" / "training_formats.md").read_text().partition("\n## Reading\n")[2]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return next(block for block in blocks if word in block)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the examples name the folder without a path
    return write_dataset(tmp_path / "walks-lerobot", PROMPTS)


def test_the_example_for_numpy(folder, tmp_path):
    (tmp_path / "example.py").write_text(example("dataset.episodes"))
    lines = run_python(sys.executable, tmp_path / "example.py").splitlines()
    assert lines == [
        f"{episode} {frame} {frame / 10} {prompt}"
        for episode, prompts in enumerate(PROMPTS)
        for frame, prompt in enumerate(prompts)
    ]


def test_the_demo_without_pytorch(folder):
    arguments = (SUPPORT / "without_packages.py", "torch,lerobot", TOP / "demo" / "training.py", folder)
    first, *steps = run_python(sys.executable, *arguments, "--steps", 2).splitlines()
    assert first == "ExportedDataset: 16 frames at 10 Hz"
    assert [line.partition(", prompts")[0] for line in steps] == [
        "step 0: pictures (8, 3, 48, 64)",
        "step 1: pictures (8, 3, 48, 64)",
    ]
    assert all(prompt in "".join(steps) for prompt in ("a fox", "rain", "snow"))


@pytest.mark.parametrize(("absent", "reader"), [("none", "LeRobotDataset"), ("lerobot", "ExportedDataset")])
def test_the_loop_of_pytorch_with_and_without_lerobot(folder, tmp_path, absent, reader):
    """Each frame comes once. The environment of `lerobot` has PyTorch, and lacks packages of this one."""
    interpreter = lerobot_python()
    loop = example("DataLoader").replace("\nfor batch", "\nseen = []\nfor batch")
    check = "    seen += zip(prompts, (p.shape[1:] == (48, 64) for p in pictures))\n"
    check += "print(type(dataset).__name__)\n"
    check += "print(*sorted(f'{prompt}:{shape}' for prompt, shape in seen), sep=';')\n"
    (tmp_path / "example.py").write_text(loop + check)
    output = run_python(interpreter, SUPPORT / "without_packages.py", absent, tmp_path / "example.py")
    assert output.splitlines() == [
        reader,
        ";".join(sorted(f"{prompt}:True" for prompts in PROMPTS for prompt in prompts)),
    ]
    arguments = (SUPPORT / "without_packages.py", absent, TOP / "demo" / "training.py", folder, "--steps", 2)
    first, *steps = run_python(interpreter, *arguments).splitlines()
    assert first == f"{reader}: 16 frames at 10 Hz"
    assert all(re.match(r"step \d: loss 0\.\d+, pictures \(8, 3, 48, 64\), prompts", line) for line in steps)
