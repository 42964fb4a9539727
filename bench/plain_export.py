"""Copies or encodes a video N times with PyAV, in the simplest way: `plain_export.py WAY VIDEO FOLDER N`.

The settings of the encoder are those of the export (`exports/video_writer.py`) with `--gop 2`.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av

RATE = 30
OPTIONS = {"preset": "veryfast", "crf": "18", "sc_threshold": "0"}


def copy(video: Path, target: Path) -> None:
    """Copy the packets."""
    with av.open(str(video)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


def encode(video: Path, target: Path) -> None:
    """Decode and encode the frames, each with one thread."""
    with av.open(str(video)) as source, av.open(str(target), "w") as output:
        decoder = source.streams.video[0]
        decoder.thread_count = 1
        stream = output.add_stream("libx264", rate=RATE, options=OPTIONS)
        stream.width, stream.height = decoder.width, decoder.height
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 2
        stream.max_b_frames = 0
        stream.thread_count = 1
        for number, frame in enumerate(source.decode(video=0)):
            frame.pts = number
            frame.time_base = Fraction(1, RATE)
            frame.pict_type = av.video.frame.PictureType.NONE
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def main() -> int:
    """Do it as often as asked."""
    way, video, folder, count = sys.argv[1:]
    for number in range(int(count)):
        {"copy": copy, "encode": encode}[way](Path(video), Path(folder) / f"{number}.mp4")
    return 0


if __name__ == "__main__":
    sys.exit(main())
