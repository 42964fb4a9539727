"""What the commands of the service refuse; what they do is in test_cli.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SWEEP = """
script:
  - {timestamp_ms: 0, start: {prompt: a fox}}
  - {timestamp_ms: 450, end: {}}
"""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["simulate", "bad.yaml", "-o", "out"], "bad.yaml: script[0] (interact at 5 ms): the first entry"),
        (
            ["simulate", "octal.yaml", "-o", "out"],
            "octal.yaml: line 1, column 10: repeats must be a whole number",
        ),
        (["simulate", "walk.yaml"], "name the dataset's folder with -o FOLDER, or add --dry-run"),
        (["simulate", "none.yaml", "-o", "out"], "none.yaml: cannot be read: No such file or directory"),
        (["simulate", "walk.yaml", "-o", "walk.yaml"], "walk.yaml cannot be used: "),
        (["simulate", "walk.yaml", "-o", "out", "--shard", "3/2"], "a shard is i/n with i from 1 to n"),
        (
            ["simulate", "walk.yaml", "-o", "out", "--jpeg-quality", "0"],
            "a whole number from 1 to 100 is needed",
        ),
        (["simulate", "walk.yaml", "-o", "out", "--jobs", "0"], "a whole number from 1 to 1000 is needed"),
        (["simulate", "walk.yaml", "-o", "out", "--poll", "never"], "a number of seconds from 0.01 to 3600"),
        (["simulate", "walk.yaml", "-o", "out", "--images", "png"], "invalid"),
        (["simulate", "walk.yaml", "-o", "out", "--api-key-file", "none"], "the API key cannot be read"),
        (["simulate", "walk.yaml", "-o", "out", "--api-key-file", "empty"], "empty holds no API key"),
        (["simulate", "walk.yaml", "-o", "out", "--api-url", "service"], "The API URL must be an http"),
        (["simulate", "walk.yaml", "-o", "out", "--api-url", "http://h.example"], "which is not encrypted"),
        (["recordings", "-o", "out"], "by --since and --until"),
        (["recordings", "x", "--since", "2020-01-01", "-o", "out"], "by --since and --until"),
        (["recordings", "--since", "yesterday", "-o", "out"], "is not an ISO 8601 time"),
        ([], "required"),
    ],
)
def test_invalid_arguments_and_files_are_reported(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "walk.yaml").write_text(SWEEP)
    (tmp_path / "bad.yaml").write_text(
        "[{timestamp_ms: 5, interact: {prompt: x}}, {timestamp_ms: 9, end: {}}]"
    )
    (tmp_path / "octal.yaml").write_text("repeats: 010\n" + SWEEP)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "empty").chmod(0o600)
    monkeypatch.setenv("ODYSSEY_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_local")
    try:
        status = main(arguments)
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_without_a_key_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk.yaml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ODYSSEY_API_KEY", raising=False)
    assert main(["simulate", "walk.yaml", "-o", "out"]) == 2
    assert "there is no API key: set ODYSSEY_API_KEY" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
