"""The examples of docs/scale.md: the commands of Slurm and Kubernetes, run by a shell with each index."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from odyssey_ros.dataset.command_line import parser

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a script of a shell with the command replaced, and parses the arguments that the command got."""
    program = tmp_path / "odyssey-dataset"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def run(command: list[str], variable: str, index: int) -> str:
        ended = subprocess.run(
            command, env={**os.environ, variable: str(index)}, capture_output=True, text=True, check=True
        )
        arguments = parser().parse_args(ended.stdout.splitlines())
        assert (arguments.command, str(arguments.output), arguments.jobs) == ("simulate", "/shared/walks", 1)
        return str(arguments.shard)

    return run


def test_the_indexed_job_runs_each_shard_once(shards) -> None:
    (text,) = _blocks("yaml")
    job = yaml.safe_load(text)
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (job["apiVersion"], job["kind"], spec["completionMode"]) == ("batch/v1", "Job", "Indexed")
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == container["name"]
    assert pod["restartPolicy"] == "Never"  # which a podFailurePolicy requires
    assert [mount["name"] for mount in container["volumeMounts"]] == [each["name"] for each in pod["volumes"]]
    command = [*container["command"], *container["args"]]
    completions = spec["completions"]
    found = [shards(command, "JOB_COMPLETION_INDEX", index) for index in range(completions)]
    assert found == [f"{number}/{completions}" for number in range(1, completions + 1)]


def test_the_slurm_array_runs_each_shard_once(shards, tmp_path: Path) -> None:
    script = tmp_path / "array.sh"
    script.write_text(next(block for block in _blocks("bash") if "SBATCH" in block))
    first, last = map(int, re.findall(r"--array=(\d+)-(\d+)", script.read_text())[0])
    indexes = range(first, last + 1)
    found = [shards(["/bin/bash", str(script)], "SLURM_ARRAY_TASK_ID", index) for index in indexes]
    assert found == [f"{number}/{last}" for number in indexes]


def test_the_commands_for_ray_are_valid() -> None:
    (block,) = (block for block in _blocks("bash") if "--engine ray" in block)
    commands = [line.split()[1:] for line in block.splitlines() if line.startswith("odyssey-dataset")]
    assert [parser().parse_args(command).engine for command in commands] == ["ray"] * len(commands)
    assert len(commands) == 2
