"""Options of the commands, parsed into typed values."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.key_file import KeyFileError, KeyFileFault, read_key_file
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.iso_time import parse_time_ns
from odyssey_ros.dataset.paths import HomeFolderError, user_path
from odyssey_ros.dataset.shards import Shard
from odyssey_ros.number_text import decimal_number

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.client import Odyssey

_MAX_DIGITS: Final = 20


def service_of(arguments: argparse.Namespace) -> Odyssey:
    """Return the client for `--api-url`, `--api-key-file` and `--allow-insecure`, or for the environment.

    Raises:
        PlanError: There is no key, or the URL is invalid, or insecure and not allowed.
    """
    key = _api_key(arguments.api_key_file)
    if not key and not os.environ.get("ODYSSEY_API_KEY"):
        raise PlanError(
            "there is no API key: set ODYSSEY_API_KEY, or pass a file that contains it (--api-key-file)"
        )
    from odyssey_ros.client import (  # noqa: PLC0415 -- commands without the service start faster
        Odyssey,
        OdysseyArgumentError,
    )

    try:
        return Odyssey(key, api_url=arguments.api_url, allow_insecure=arguments.allow_insecure)
    except OdysseyArgumentError as error:
        raise PlanError(str(error)) from error


def _api_key(path: Path | None) -> str:
    """Return the key in a file; empty without a file, so that the client uses the environment."""
    if path is None:
        return ""
    try:
        return read_key_file(path, private=True)
    except KeyFileError as error:
        if error.fault is KeyFileFault.EMPTY:
            raise PlanError(f"{path} holds no API key: it is empty") from error
        raise PlanError(f"the API key cannot be read from {path}: {error.reason}") from error


def add_allow_insecure(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the option `--allow-insecure`."""
    parser.add_argument(
        "--allow-insecure",
        action="store_true",
        help="allow http:// addresses of other machines, to which the key and tokens are sent in clear text",
    )


def path(text: str) -> Path:
    """Parse a path; `~` is the home folder."""
    try:
        return user_path(text)
    except HomeFolderError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def shard(text: str) -> Shard:
    """Parse a shard, `i/n`."""
    try:
        return Shard.parse(text)
    except PlanError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def claim(text: str) -> tuple[str, str]:
    """Parse an episode and its job, `EPISODE=JOB_ID`."""
    episode, _, job_id = text.partition("=")
    if not episode or not job_id:
        raise argparse.ArgumentTypeError(f"EPISODE=JOB_ID is needed, not {text!r}")
    return episode, job_id


def time_ns(text: str) -> int:
    """Parse an ISO 8601 time into nanoseconds since the epoch."""
    found = parse_time_ns(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO 8601 time, such as 2026-11-01T12:00Z")
    return found


def count(text: str) -> int:
    """Parse a number from 0."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"a number from 0 is needed, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Parse a number from 1 to 1000."""
    return _whole_number(text, 1000)


def quality(text: str) -> int:
    """Parse a number from 1 to 100."""
    return _whole_number(text, 100)


def _whole_number(text: str, largest: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    if not is_number or not 1 <= int(text) <= largest:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {largest} is needed, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Parse a duration from 10 ms to an hour, in seconds."""
    try:
        found = decimal_number(text)
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 3600:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0.01 to 3600 is needed, not {text!r}")
    return found
