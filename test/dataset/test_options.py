"""Options parsed into typed values."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros import client
from odyssey_ros.dataset import options
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (options.shard, "2/4", Shard(2, 4)),
        (options.time_ns, "1970-01-01T00:00:01Z", 10**9),
        (options.time_ns, " 1970-01-02 ", 86400 * 10**9),
        (options.count, "0", 0),
        (options.positive, "1000", 1000),
        (options.quality, "100", 100),
        (options.seconds, "0.01", 0.01),
        (options.path, "2026-06-01T10:30:00", Path("2026-06-01T10:30:00")),
        (options.path, "~", Path.home()),
    ],
)
def test_valid_texts(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (options.shard, "5/4", "a shard is i/n"),
        (options.shard, "\u0661/\u0662", "a shard is i/n"),
        (options.seconds, "1_0", "from 0.01 to 3600"),
        (options.time_ns, "yesterday", "is not an ISO 8601 time"),
        (options.count, "-1", "a number from 0"),
        (options.count, "²", "a number from 0"),
        (options.positive, "0", "a whole number from 1 to 1000"),
        (options.positive, "1001", "a whole number from 1 to 1000"),
        (options.positive, "29.97", "a whole number from 1 to 1000 is needed, not '29.97'"),
        (options.positive, "9" * 5000, "a whole number from 1 to 1000"),
        (options.quality, "101", "a whole number from 1 to 100"),
        (options.seconds, "soon", "from 0.01 to 3600"),
        (options.seconds, "nan", "from 0.01 to 3600"),
        (options.seconds, "3601", "from 0.01 to 3600"),
        (options.path, "~no-such-user/x", "~no-such-user has no home folder; .* write ./~no-such-user/x"),
    ],
)
def test_invalid_texts(parse: Callable[[str], object], text: str, reason: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        parse(text)


def _arguments(**values: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"api_url": "http://127.0.0.1:9", "api_key_file": None, "allow_insecure": False, **values}
    )


def test_the_key_of_the_file_comes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, str]] = []
    monkeypatch.setattr(client, "Odyssey", lambda key, api_url, **_: used.append((key, api_url)))
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_environment")
    (tmp_path / "key").write_text("ody_file\n")
    (tmp_path / "key").chmod(0o600)
    options.service_of(_arguments(api_key_file=tmp_path / "key"))
    options.service_of(_arguments())
    assert used == [("ody_file", "http://127.0.0.1:9"), ("", "http://127.0.0.1:9")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "the API key cannot be read from .*key: No such file"),
        (b"\xff", "the API key cannot be read from .*key: it is not text"),
        (b" \n", "key holds no API key: it is empty"),
    ],
)
def test_key_files_that_are_refused(content: bytes | None, text: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(PlanError, match=text):
        options.service_of(_arguments(api_key_file=path))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_file_that_others_can_read(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("ody_secret\n")
    path.chmod(mode)
    with pytest.raises(PlanError, match=f"it can be read by others: chmod 600 {path}") as error:
        options.service_of(_arguments(api_key_file=path))
    assert "ody_secret" not in str(error.value)


def test_a_pipe_as_a_key_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(PlanError, match="not a regular file"):
        options.service_of(_arguments(api_key_file=tmp_path / "key"))


def test_without_a_key_and_with_an_invalid_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODYSSEY_API_KEY", raising=False)
    with pytest.raises(PlanError, match="set ODYSSEY_API_KEY, or pass a file"):
        options.service_of(_arguments())
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_local")
    with pytest.raises(PlanError, match="The API URL must be an http"):
        options.service_of(_arguments(api_url="service"))


def test_an_insecure_address_needs_the_option(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_key_of_the_test")
    with pytest.raises(PlanError, match="use https or wss, or set allow_insecure"):
        options.service_of(_arguments(api_url="http://dataset.example"))
    options.service_of(_arguments(api_url="http://dataset.example", allow_insecure=True))
    assert "INSECURE: The API (http://dataset.example) is not encrypted" in caplog.text
    parser = argparse.ArgumentParser()
    options.add_allow_insecure(parser)
    assert parser.parse_args(["--allow-insecure"]).allow_insecure
    assert not parser.parse_args([]).allow_insecure
