"""Limits on a session description (SDP), checked on its text before aiortc parses it."""

from __future__ import annotations

import logging
import re
from typing import Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.ice import parse_candidate

logger = logging.getLogger(__name__)

MAX_DESCRIPTION_BYTES: Final = 65_536
"""A browser's offer of video, audio and data channels has 8 kB."""

MAX_MEDIA_SECTIONS: Final = 8
"""Each section creates a transport with sockets, until they are bundled. The service needs two or three."""

MAX_CANDIDATES: Final = 100
"""Maximum number of candidates in one description. RFC 8445, 6.1.2.5, suggests 100 pairs of candidates."""

_MAX_LINES: Final = 1000
_MAX_CODECS: Final = 100  # of all sections; a browser offers about 60
_CANDIDATE: Final = "a=candidate:"
_MEDIA: Final = re.compile(r"m=(?:video|audio|application) ")


def usable_description(sdp: str) -> str:
    """Check the size of the other side's session description, and what it counts, for aiortc.

    Returns:
        The description without the candidates that `parse_candidate` refuses.

    Raises:
        OdysseyConnectionError: A limit is exceeded, or a section is neither video, audio nor data channels.
    """
    if len(sdp) > MAX_DESCRIPTION_BYTES or len(sdp.encode("utf-8", "replace")) > MAX_DESCRIPTION_BYTES:
        raise _refused(f"has more than {MAX_DESCRIPTION_BYTES} bytes")
    # Not only CR and LF end a line here, since aiortc splits a description in this way.
    lines = sdp.splitlines()
    if len(lines) > _MAX_LINES:
        raise _refused(f"has more than {_MAX_LINES} lines")
    sections = [line for line in lines if line.startswith("m=")]
    if len(sections) > MAX_MEDIA_SECTIONS:
        raise _refused(f"has {len(sections)} media sections; at most {MAX_MEDIA_SECTIONS} are accepted")
    if not all(_MEDIA.match(section) for section in sections):
        raise _refused("has a media section that is neither video, audio nor data channels")
    for what, prefix, most in (
        ("candidates", _CANDIDATE, MAX_CANDIDATES),
        ("codecs", "a=rtpmap:", _MAX_CODECS),
    ):
        count = sum(line.startswith(prefix) for line in lines)
        if count > most:
            raise _refused(f"has {count} {what}; at most {most} are accepted")
    usable = [line for line in lines if not _is_invalid_candidate(line)]
    if len(usable) < len(lines):
        logger.warning(
            "Ignoring %d malformed ICE candidates of a session description", len(lines) - len(usable)
        )
    return "".join(f"{line}\r\n" for line in usable)


def _is_invalid_candidate(line: str) -> bool:
    return line.startswith(_CANDIDATE) and parse_candidate(line.removeprefix("a="), None, None) is None


def _refused(reason: str) -> OdysseyConnectionError:
    return OdysseyConnectionError(f"The session description {reason}", code=ErrorCode.INVALID_RESPONSE)
