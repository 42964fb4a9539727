"""Reads and edits session descriptions (SDP) as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import SessionDescription

if TYPE_CHECKING:
    from odyssey_ros.emulator.config import Codec

_MAX_DESCRIPTION_CHARACTERS = 200_000
_MAX_SECTIONS = 16
MAX_CANDIDATES = 256
"""Most candidates of a client; each is checked against each address of the service."""

_MIME_TYPES: dict[Codec, str] = {"h264": "video/H264", "vp8": "video/VP8"}

MALFORMED_DESCRIPTION = (
    AssertionError, AttributeError, IndexError, KeyError, RuntimeError, StopIteration, ValueError,
    InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip
"""The exceptions that aiortc raises for a malformed session description."""


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """One candidate of the service's peer, with the fields of an `ice_candidate` message."""

    candidate: str
    mid: str
    line_index: int


def mime_type(codec: Codec) -> str:
    """Return the codec's name in session descriptions."""
    return _MIME_TYPES[codec]


def check_size(sdp: str) -> None:
    """Check that a client's session description is of a usual size, before objects are made from it.

    Raises:
        ValueError: the description is too long, or has too many media sections or candidates.
    """
    if len(sdp) > _MAX_DESCRIPTION_CHARACTERS:
        raise ValueError(f"the description is longer than {_MAX_DESCRIPTION_CHARACTERS} characters")
    lines = sdp.splitlines()
    if sum(line.startswith("m=") for line in lines) > _MAX_SECTIONS:
        raise ValueError(f"the description has more than {_MAX_SECTIONS} media sections")
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_CANDIDATES:
        raise ValueError(f"the description has more than {MAX_CANDIDATES} candidates")


def negotiated_codec(sdp: str, preferred: Codec) -> Codec | None:
    """Return the codec to send to the author of `sdp`; None when there is no codec in common.

    Raises:
        ValueError: a bundle names a media section that does not exist, so that aiortc would lose the
            transport of the others. The parser raises all of `MALFORMED_DESCRIPTION`.
    """
    description = SessionDescription.parse(sdp)
    mids = {media.rtp.muxId for media in description.media}
    if any(mid not in mids for group in description.group for mid in group.items):
        raise ValueError("a bundle has an unknown media section")
    mime_types = {
        codec.mimeType.lower()
        for media in description.media
        if media.kind == "video"
        for codec in media.rtp.codecs
    }
    other: Codec = "vp8" if preferred == "h264" else "h264"
    return next((codec for codec in (preferred, other) if mime_type(codec).lower() in mime_types), None)


def split_candidates(sdp: str) -> tuple[str, list[LocalCandidate]]:
    """Remove the candidates from an offer, for sending them one by one (trickle ICE).

    Returns:
        The offer without candidates, and the candidates.
    """
    kept: list[str] = []
    found: list[tuple[str, int]] = []
    mids: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            mids.append("")
        elif line.startswith("a=mid:"):
            mids[-1] = line.removeprefix("a=mid:")
        if line.startswith("a=candidate:"):
            found.append((line.removeprefix("a="), len(mids) - 1))
        elif line != "a=end-of-candidates":
            kept.append(line)
    return _joined(kept), [LocalCandidate(text, mids[index], index) for text, index in found]


def without_mdns_candidates(sdp: str) -> str:
    """Remove `.local` candidates from a session description.

    Browsers hide their addresses behind mDNS names, which need multicast to resolve. The service does not
    need these candidates: the browser's connectivity checks arrive at the service's candidates, and aioice
    learns the browser's address from the checks.
    """
    lines = sdp.splitlines()
    kept = [line for line in lines if not (line.startswith("a=candidate:") and is_mdns(line))]
    if len(kept) != len(lines):
        # With this line and without a candidate, aioice would fail at once.
        kept = [line for line in kept if line != "a=end-of-candidates"]
    return _joined(kept)


def is_mdns(candidate: str) -> bool:
    """Return whether a candidate line names an mDNS host."""
    words = candidate.split()
    return len(words) > 4 and words[4].endswith(".local")


def with_wrong_fingerprint(sdp: str) -> str:
    """Replace the DTLS fingerprints, so that a client which checks them refuses the connection."""
    fingerprint = "a=fingerprint:sha-256 " + ":".join(["00"] * 32)
    lines: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("a=fingerprint:sha-"):
            continue
        if line.startswith("a=setup:"):
            lines.append(fingerprint)
        lines.append(line)
    return _joined(lines)


def with_fir(sdp: str, *, answered: str | None = None) -> str:
    """Announce FIR (RFC 5104) for each payload type that has PLI; aiortc announces PLI only.

    Args:
        sdp: a session description of this service.
        answered: the offer to which `sdp` is the answer; an answer has only what the offer has
            (RFC 4585, 4.2).
    """
    offered = None if answered is None else set(answered.splitlines())
    lines: list[str] = []
    for line in sdp.splitlines():
        lines.append(line)
        payload_type = line.removeprefix("a=rtcp-fb:").removesuffix(" nack pli")
        if line == f"a=rtcp-fb:{payload_type} nack pli":
            fir = f"a=rtcp-fb:{payload_type} ccm fir"
            if offered is None or fir in offered or "a=rtcp-fb:* ccm fir" in offered:
                lines.append(fir)
    return _joined(lines)


def _joined(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"
