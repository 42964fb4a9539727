"""What the page shows of an episode: its part of the report, thumbnails, and the distances of its frames.

A record is kept as a file, so that a report that is made again reads only the bags that are new or changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.dataset.report.report_file import ReportFile, ReportFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odyssey_ros.dataset.report.report_file import EpisodeReport

MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of a record; with thumbnails of 200 frames it has about a megabyte."""

_VERSION: Final = 1
"""Increased whenever the code makes other records of the same bag."""

_MAX_NUMBER: Final = 1e13
_JPEG_URI: Final = "data:image/jpeg;base64,"
_BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


class RecordError(Exception):
    """The bytes are no record of an episode."""


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """An episode in the report.

    Attributes:
        name: Name of the episode.
        report: Its part of the report.
        strip: Positions of the frames that stand for the prompts, in order.
        thumbnails: JPEG pictures as `data:` URIs, by the positions of the frames: those of `strip`, and the
            frames of findings.
        distances: Media time of a frame in seconds, and the distance to the frame before it in milliseconds;
            see `frame_distances`.
    """

    name: str
    report: EpisodeReport
    strip: tuple[int, ...] = ()
    thumbnails: Mapping[int, str] = field(default_factory=dict)
    distances: tuple[tuple[float, float], ...] = ()

    def without_thumbnails(self) -> EpisodeRecord:
        """Return the record without thumbnails, to be kept in memory."""
        return replace(self, thumbnails={})

    def to_json(self, thresholds: Mapping[str, float]) -> bytes:
        """Return the record as a file.

        Args:
            thresholds: The thresholds with which the findings were made.
        """
        report = json.loads(ReportFile(thresholds, {self.name: self.report}).to_json())
        content = {
            "version": _VERSION,
            "report": report,
            "strip": self.strip,
            "thumbnails": {str(position): uri for position, uri in sorted(self.thumbnails.items())},
            "distances": self.distances,
        }
        return json.dumps(content).encode("ascii")


def read_record(data: bytes, name: str, crc32: str, thresholds: Mapping[str, float]) -> EpisodeRecord | None:
    """Return the record in a file; None if it is not that of this episode with these thresholds.

    Args:
        data: The bytes that `to_json` returned, perhaps of another version of this package.
        name: Name of the episode.
        crc32: CRC-32 of its MCAP file, as in the manifest.
        thresholds: The thresholds in use.

    Raises:
        RecordError: It is no record.
    """
    try:
        content = json.loads(data)
        if content["version"] != _VERSION:
            return None
        file = ReportFile.from_json(json.dumps(content["report"]).encode("ascii"))
        report = file.episodes.get(name)
        if report is None or report.crc32 != crc32 or file.thresholds != thresholds:
            return None
        return EpisodeRecord(
            name=name,
            report=report,
            strip=tuple(map(int, content["strip"])),
            thumbnails={int(position): _uri(uri) for position, uri in content["thumbnails"].items()},
            distances=tuple((_bounded(time), _bounded(distance)) for time, distance in content["distances"]),
        )
    except ReportFileError as error:
        raise RecordError("it is no record of an episode") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise RecordError("it is no record of an episode") from error


def _uri(value: Any) -> str:
    if not (isinstance(value, str) and value.startswith(_JPEG_URI)):
        raise TypeError("not a JPEG picture")
    if not _BASE64.issuperset(value[len(_JPEG_URI) :]):
        raise ValueError("not Base64")
    return value


def _bounded(value: Any) -> float:
    found = float(value)
    if not abs(found) <= _MAX_NUMBER:  # also for what is no number
        raise ValueError("not a time")
    return found
