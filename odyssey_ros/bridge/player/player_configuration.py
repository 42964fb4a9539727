"""Reads from the parameters what to play, which topics to wait for, and where to store files."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.bridge.frames.encoded_messages import MessageTypeError
from odyssey_ros.bridge.player.episode_library import (
    DatasetRequest,
    FileRequest,
    JobRequest,
    RecordingRequest,
)
from odyssey_ros.bridge.player.player_topics import OPTIONAL_TOPICS, TOPIC_NAMES
from odyssey_ros.bridge.runtime.managed_node import ConfigurationRefused
from odyssey_ros.client.regular_file import RegularFileError, require_regular_file

if TYPE_CHECKING:
    from odyssey_ros.bridge.player.episode_library import EpisodeRequest
    from odyssey_ros.bridge.player_parameters import PlayerParameters


def episode_request(parameters: PlayerParameters) -> EpisodeRequest:
    """Return the request for the episodes that the parameters name.

    Raises:
        ConfigurationRefused: The parameters name nothing, more than one thing, or something that is neither a
            regular file nor the folder of a dataset.
    """
    named = [name for name in ("stream_id", "job_id", "video_file", "dataset") if getattr(parameters, name)]
    if len(named) != 1:
        raise ConfigurationRefused(
            f"set exactly one of the parameters stream_id, job_id, video_file and dataset, not "
            f"{' and '.join(named) if named else 'none of them'}"
        )
    if parameters.stream_id:
        return RecordingRequest(parameters.stream_id)
    if parameters.job_id:
        return JobRequest(parameters.job_id, parameters.script_index)
    if parameters.dataset:
        folder = Path(parameters.dataset)
        _require_folder(folder)
        return DatasetRequest(folder, parameters.dataset_episode)
    video = Path(parameters.video_file)
    events = Path(parameters.events_file) if parameters.events_file else None
    for path in (video, events):
        if path is not None:
            _require_file(path)
    return FileRequest(video, events)


def _require_file(path: Path) -> None:
    try:
        require_regular_file(path)
    except RegularFileError as error:
        if error.missing:
            raise ConfigurationRefused(f"there is no file {path}") from None
        raise ConfigurationRefused(f"cannot read {path}: {error.reason}") from None


def _require_folder(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise ConfigurationRefused(f"there is no folder {path}") from None
    except OSError as error:
        raise ConfigurationRefused(f"cannot read {path}: {error.strerror}") from None
    if not is_folder:
        raise ConfigurationRefused(f"{path} is not a folder")


def required_topics(text: str) -> list[str]:
    """Return the names of a comma-separated list of topics; `~/` before a name is allowed.

    Raises:
        ConfigurationRefused: The player has no such topic, or the package of its messages is missing.
    """
    names = [name.strip().removeprefix("~/") for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in TOPIC_NAMES]
    if unknown:
        raise ConfigurationRefused(
            f"wait_for names {unknown[0]!r}, which is not one of: {', '.join(TOPIC_NAMES)}"
        )
    for name in names:
        if name in OPTIONAL_TOPICS:
            try:
                OPTIONAL_TOPICS[name].load()
            except MessageTypeError as error:
                raise ConfigurationRefused(f"wait_for names {name}, which is not offered: {error}") from None
    return names


def episode_folder(cache_dir: str) -> Path:
    """Return the folder for fetched files, and create it.

    Args:
        cache_dir: A folder; empty for a new temporary one.

    Raises:
        ConfigurationRefused: The folder cannot be created.
    """
    try:
        if not cache_dir:
            return Path(tempfile.mkdtemp(prefix="odyssey_player_"))
        folder = Path(cache_dir)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationRefused(f"cannot create a folder for the videos: {error.strerror}") from None
    return folder
