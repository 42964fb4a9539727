"""The contents of `report/report.json`: what is known of each episode, and its findings."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.manifest import encoded
from odyssey_ros.dataset.report.finding import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT_FORMAT: Final = 1
"""Version of the format; a reader refuses others."""

REPORT_PATH: Final = "report/report.json"
"""The file, relative to the dataset's folder."""

MAX_REPORT_BYTES: Final = 1024 * 1024 * 1024
"""Maximum size of the file; an episode has about a kilobyte."""

_CRC_DIGITS: Final = frozenset("0123456789abcdef")


class ReportFileError(PlanError):
    """The report cannot be read. The text gives the reason."""


@dataclass(frozen=True, slots=True)
class PromptSpan:
    """Successive frames with one prompt.

    Attributes:
        prompt: The prompt, as the service applied it; empty if the frames have none.
        first: Position in the bag of the first frame.
        last: Position of the last frame.
        start_s: Media time of the first frame, in seconds.
        duration_s: Time until the next prompt; of the last prompt, until the end of the last frame.
    """

    prompt: str
    first: int
    last: int
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class EpisodeReport:
    """What the report says of one episode.

    Attributes:
        crc32: CRC-32 of the MCAP file, as in the manifest: eight hexadecimal digits, in lower case.
        frames: Number of frames in the bag.
        stream_id: Id of the recording.
        images: Encoding of the pictures: raw, jpeg or h264.
        sizes: Width and height of the pictures, in pixels; each size once.
        start_time_ns: Stamp of the first message, in nanoseconds since the epoch.
        duration_s: Time from the first frame to the end of the last one, in seconds.
        rate_hz: Frames per second: the inverse of the median distance of two frames; 0 if it is unknown.
        prompts: The prompts, in order.
        findings: The findings, in order of their frames.
        losses: The losses of the manifest.
        error: Why the bag could not be read; then `prompts` and `findings` are empty. Otherwise empty.
    """

    crc32: str
    frames: int
    stream_id: str
    images: str
    sizes: tuple[tuple[int, int], ...]
    start_time_ns: int
    duration_s: float
    rate_hz: float
    prompts: tuple[PromptSpan, ...] = ()
    findings: tuple[Finding, ...] = ()
    losses: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """The report of a dataset.

    Attributes:
        thresholds: The thresholds of the findings, by name.
        episodes: The episodes, by name.
    """

    thresholds: Mapping[str, float]
    episodes: Mapping[str, EpisodeReport]

    def to_json(self, totals: Mapping[str, Any] | None = None) -> bytes:
        """Return the contents of the file, UTF-8. Equal reports give equal bytes.

        Args:
            totals: Sums over the episodes, for the readers of the file; `from_json` ignores them.
        """
        content = {
            "format": REPORT_FORMAT,
            **({} if totals is None else {"totals": totals}),
            "thresholds": dict(sorted(self.thresholds.items())),
            "episodes": {name: _episode_json(each) for name, each in sorted(self.episodes.items())},
        }
        return encoded(json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def from_json(cls, data: bytes) -> ReportFile:
        """Parse what `to_json` returned.

        Raises:
            ReportFileError: It is no report, or one of another version.
        """
        try:
            content = json.loads(data.decode("utf-8"))
            fields = _object(
                {name: value for name, value in _map(content).items() if name != "totals"},
                "format",
                "thresholds",
                "episodes",
            )
            if fields["format"] != REPORT_FORMAT or isinstance(fields["format"], bool):
                raise ReportFileError(f"it has format {str(fields['format'])[:20]!r}, not {REPORT_FORMAT}")
            thresholds = {_text(name): _number(value) for name, value in _map(fields["thresholds"]).items()}
            episodes = {_text(name): _episode(value) for name, value in _map(fields["episodes"]).items()}
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError) as error:
            raise ReportFileError("it is no report of odyssey-dataset, or it is damaged") from error
        return cls(thresholds, episodes)


def read_report(folder: Path) -> ReportFile | None:
    """Read the report of a dataset's folder; None if there is none. Blocks.

    Raises:
        ReportFileError: The file cannot be read, or is no report.
    """
    path = folder / REPORT_PATH
    try:
        return ReportFile.from_json(read_regular_file(path, MAX_REPORT_BYTES))
    except RegularFileError as error:
        if error.missing:
            return None
        raise ReportFileError(f"{path}: {error.reason}") from error
    except ReportFileError as error:
        raise ReportFileError(f"{path}: {error}. Run `odyssey-dataset report {folder}` again") from error


def _episode_json(report: EpisodeReport) -> dict[str, Any]:
    content = asdict(report)
    content["losses"] = dict(sorted(report.losses.items()))
    content["findings"] = [
        {"kind": each.kind.value, "first": each.first, "last": each.last, "text": each.text}
        for each in report.findings
    ]
    return content


def _episode(value: object) -> EpisodeReport:
    fields = _object(value, *EpisodeReport.__dataclass_fields__)
    frames = _count(fields["frames"])
    crc32 = _text(fields["crc32"])
    if len(crc32) != 8 or not _CRC_DIGITS.issuperset(crc32):
        raise ValueError("no CRC-32")
    sizes = tuple((_count(width), _count(height)) for width, height in _list(fields["sizes"]))
    return EpisodeReport(
        crc32=crc32,
        frames=frames,
        stream_id=_text(fields["stream_id"]),
        images=_text(fields["images"]),
        sizes=sizes,
        start_time_ns=_count(fields["start_time_ns"]),
        duration_s=_number(fields["duration_s"]),
        rate_hz=_number(fields["rate_hz"]),
        prompts=tuple(_prompt(each, frames) for each in _list(fields["prompts"])),
        findings=tuple(_finding(each, frames) for each in _list(fields["findings"])),
        losses={_text(name): _count(count) for name, count in _map(fields["losses"]).items()},
        error=_text(fields["error"]),
    )


def _prompt(value: object, frames: int) -> PromptSpan:
    fields = _object(value, *PromptSpan.__dataclass_fields__)
    return PromptSpan(
        _text(fields["prompt"]),
        *_positions(fields, frames),
        _number(fields["start_s"]),
        _number(fields["duration_s"]),
    )


def _finding(value: object, frames: int) -> Finding:
    fields = _object(value, *Finding.__dataclass_fields__)
    return Finding(*_positions(fields, frames), FindingKind(fields["kind"]), _text(fields["text"]))


def _positions(fields: Mapping[str, object], frames: int) -> tuple[int, int]:
    first, last = _count(fields["first"]), _count(fields["last"])
    if not first <= last < max(frames, 1):  # the finding of an episode without frames is at 0
        raise ValueError("positions outside of the bag")
    return first, last


def _map(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _object(value: object, *names: str) -> Mapping[str, object]:
    fields = _map(value)
    if fields.keys() != set(names):
        raise ValueError("other names")
    return fields


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not an array")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a count")
    return value


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError("not a finite number")
    return float(value)
