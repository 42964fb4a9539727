"""The command line of `odyssey-dataset`, parsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.dataset.bag_layout import ImageEncoding
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.shards import Shard


def test_defaults() -> None:
    arguments = parser().parse_args(["simulate", "a.yaml", "b.yaml", "-o", "out"])
    assert arguments.command == "simulate"
    assert arguments.files == [Path("a.yaml"), Path("b.yaml")]
    assert (arguments.portrait, arguments.dry_run, arguments.retries, arguments.poll) == (True, False, 2, 5.0)
    assert (arguments.output, arguments.shard) == (Path("out"), Shard())
    assert (arguments.images, arguments.jpeg_quality) == (ImageEncoding.JPEG, 90)
    assert (arguments.namespace, arguments.frame_id) == ("/odyssey", "odyssey_optical_frame")
    assert (arguments.jobs, arguments.downloads, arguments.decoders) == (5, 4, 2)
    assert (arguments.api_url, arguments.api_key_file) == (None, None)


def test_options_of_each_subcommand() -> None:
    recordings = parser().parse_args(
        ["recordings", "--since", "1970-01-01T00:00:01Z", "--images", "raw", "--shard", "2/3", "-o", "out"]
    )
    assert (recordings.command, recordings.ids, recordings.since) == ("recordings", [], 10**9)
    assert (recordings.images, recordings.shard, recordings.until) == (ImageEncoding.RAW, Shard(2, 3), None)
    jobs = parser().parse_args(["jobs", "j1", "j2", "-o", "out", "-v", "--jobs", "1"])
    assert (jobs.command, jobs.ids, jobs.verbose, jobs.jobs) == ("jobs", ["j1", "j2"], True, 1)
    merge = parser().parse_args(["merge", "all", "part1", "part2"])
    assert (merge.command, merge.output, merge.verbose) == ("merge", Path("all"), False)
    assert merge.sources == [Path("part1"), Path("part2")]
    verify = parser().parse_args(["verify", "all"])
    assert (verify.command, verify.deep, verify.decoders) == ("verify", False, 2)
    deep = parser().parse_args(["verify", "--deep", "--decoders", "4", "all"])
    assert (deep.output, deep.deep, deep.decoders) == (Path("all"), True, 4)
    assert not parser().parse_args(["simulate", "a.yaml", "-o", "out", "--landscape"]).portrait


def test_every_path_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    home = Path("/home/someone")
    simulate = parser().parse_args(["simulate", "~/a.yaml", "--output=~/out", "--api-key-file=~/key"])
    assert (simulate.files, simulate.output, simulate.api_key_file) == (
        [home / "a.yaml"],
        home / "out",
        home / "key",
    )
    merge = parser().parse_args(["merge", "~/all", "~/part"])
    assert (merge.output, merge.sources) == (home / "all", [home / "part"])
    assert parser().parse_args(["verify", "~/all"]).output == home / "all"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "required: COMMAND"),
        (["simulate", "-o", "out"], "required: FILE"),
        (["recordings", "x"], "required: -o/--output"),
        (["jobs", "-o", "out"], "required: JOB_ID"),
        (["dance"], "invalid choice: 'dance'"),
        (["simulate", "a.yaml", "-o", "out", "--portrait", "--landscape"], "not allowed with"),
    ],
)
def test_invalid_command_lines(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(arguments)
    assert caught.value.code == 2
    assert text in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("command", ["simulate", "recordings", "jobs", "merge", "verify", "report"])
def test_the_help_is_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    assert "usage: odyssey-dataset" in capsys.readouterr().out
