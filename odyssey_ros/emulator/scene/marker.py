"""The machine-readable strip of a frame: the number of the frame, its stream time and its prompt.

The strip consists of 2 rows of 44 black or white blocks of 16 x 16 pixels in the lower left corner of the
frame. Every block is one macroblock of VP8 or H.264 and survives lossy coding. The strip fits both frame
sizes of the service (1280 x 704 and 704 x 1280).

    bit    0    1   ...  43
    row 0  1    0   42 bits of payload, most significant first
    row 1  0    1   42 bits of payload

Payload (84 bits): counter 24, stream time in ms 28, prompt id 16, CRC-16 of those 68. The four bits at the
left are references for white and black, so that reading does not depend on range, brightness or contrast.
"""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MARKER_HEIGHT", "MARKER_WIDTH", "Marker", "draw_marker", "prompt_digest", "read_marker"]

_BLOCK = 16
_ROWS = 2
_COLUMNS = 44
MARKER_HEIGHT = _ROWS * _BLOCK
MARKER_WIDTH = _COLUMNS * _BLOCK

_COUNTER_BITS = 24
_TIME_BITS = 28
_PROMPT_BITS = 16
_CRC_BITS = 16
_PAYLOAD_BITS = _COUNTER_BITS + _TIME_BITS + _PROMPT_BITS + _CRC_BITS

_LUMA_BLACK = 16
_LUMA_WHITE = 235
_MIN_CONTRAST = 60
_SYNC = np.array([[1, 0], [0, 1]], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Marker:
    """The contents of a frame's marker.

    Attributes:
        counter: number of the frame within its stream, from 0; modulo 2**24.
        stream_time_ms: time since the start of the stream, in milliseconds; modulo 2**28 (74 hours).
        prompt_id: `prompt_digest` of the prompt that the frame shows.
    """

    counter: int
    stream_time_ms: int
    prompt_id: int


def prompt_digest(prompt: str) -> int:
    """Return the 16-bit id of `prompt` that a marker carries."""
    return zlib.crc32(prompt.encode("utf-8", "surrogatepass")) & 0xFFFF


def draw_marker(luma: NDArray[np.uint8], marker: Marker) -> None:
    """Draw `marker` into a luma plane, in place.

    The caller sets the chroma of the strip; neutral chroma (128) makes the strip black and white.

    Args:
        luma: H x W limited-range luma, H >= 32 and W >= 704, both multiples of 16 for best coding.
        marker: the marker; fields are taken modulo their size.

    Raises:
        ValueError: the plane is too small.
    """
    height, width = luma.shape
    if height < MARKER_HEIGHT or width < MARKER_WIDTH:
        raise ValueError(
            f"a marker needs {MARKER_WIDTH} x {MARKER_HEIGHT} pixels, the plane has {width} x {height}"
        )
    bits = np.empty((_ROWS, _COLUMNS), dtype=np.uint8)
    bits[:, :2] = _SYNC
    bits[:, 2:] = _payload_bits(marker).reshape(_ROWS, _COLUMNS - 2)
    levels = bits * np.uint8(_LUMA_WHITE - _LUMA_BLACK) + np.uint8(_LUMA_BLACK)
    luma[-MARKER_HEIGHT:, :MARKER_WIDTH] = levels.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)


def read_marker(image: NDArray[np.uint8]) -> Marker | None:
    """Read the marker of a full-size frame.

    Args:
        image: H x W x 3 (RGB or BGR) or H x W (mono) uint8; may have been coded with losses, but not resized.

    Returns:
        The marker, or None when the image has no readable marker.
    """
    if image.ndim not in (2, 3) or image.shape[0] < MARKER_HEIGHT or image.shape[1] < MARKER_WIDTH:
        return None
    strip = image[-MARKER_HEIGHT:, :MARKER_WIDTH]
    if strip.ndim == 3:
        # In both RGB and BGR, the middle channel is green, which is closest to luma.
        strip = strip[..., min(1, strip.shape[2] - 1)]
    blocks = strip.reshape(_ROWS, _BLOCK, _COLUMNS, _BLOCK)
    # Only the middle of a block is used, because coding artefacts spread across its edges.
    levels = blocks[:, 4:12, :, 4:12].mean(axis=(1, 3), dtype=np.float32)
    white = min(levels[0, 0], levels[1, 1])
    black = max(levels[0, 1], levels[1, 0])
    if white - black < _MIN_CONTRAST:
        return None
    bits = (levels > (white + black) / 2).astype(np.uint8)
    payload = int.from_bytes(np.packbits(bits[:, 2:].ravel()).tobytes(), "big") >> (-_PAYLOAD_BITS % 8)
    crc = payload & ((1 << _CRC_BITS) - 1)
    message = payload >> _CRC_BITS
    if crc != _crc(message):
        return None
    prompt_id = message & ((1 << _PROMPT_BITS) - 1)
    message >>= _PROMPT_BITS
    stream_time_ms = message & ((1 << _TIME_BITS) - 1)
    return Marker(message >> _TIME_BITS, stream_time_ms, prompt_id)


def _payload_bits(marker: Marker) -> NDArray[np.uint8]:
    message = marker.counter & ((1 << _COUNTER_BITS) - 1)
    message = message << _TIME_BITS | marker.stream_time_ms & ((1 << _TIME_BITS) - 1)
    message = message << _PROMPT_BITS | marker.prompt_id & ((1 << _PROMPT_BITS) - 1)
    payload = message << _CRC_BITS | _crc(message)
    size = (_PAYLOAD_BITS + 7) // 8
    padded = payload << (size * 8 - _PAYLOAD_BITS)
    return np.unpackbits(np.frombuffer(padded.to_bytes(size, "big"), dtype=np.uint8))[:_PAYLOAD_BITS]


def _crc(message: int) -> int:
    return binascii.crc_hqx(message.to_bytes(9, "big"), 0xFFFF)
