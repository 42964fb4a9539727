"""Benchmark of decoding recordings and writing bags, against a plain implementation in the same run.

Usage: PYTHONPATH=. python bench/dataset_bench.py [--seconds 10] [--turns 3]

The emulator records the video. In the plain implementation OpenCV reads the file, and rosbags serializes and
writes message by message. Every measurement is a separate process, pinned to one core, and ends when the
bag is synced to the disk. The ways alternate, and the best turn of each counts, so that other load affects
all of them.

    cpu ms/fr   CPU time of the process per frame, system time included
    fps/core    frames per second of CPU time
    x real      wall time on one core, relative to the frame rate of the video
    shares      of decoding, of converting (to RGB or JPEG), and of the rest, which is writing
    peak        maximum memory of the process; it does not depend on the length of the video

The figures are printed and written to bench_output/dataset.json.
"""

from __future__ import annotations

# Only the plain implementation loads OpenCV, so that the memory of the others does not include it.
# ruff: noqa: PLC0415
import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import numpy as np

from odyssey_ros.client import Odyssey
from odyssey_ros.client.job_polling import poll_until_terminal
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.durable import sync_folder
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.messages import typestore
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter
from odyssey_ros.dataset.videos.video import Video
from odyssey_ros.emulator import Emulator, EmulatorConfig

WAYS = ("plain raw", "ours raw", "plain jpeg", "ours jpeg", "ours h264", "copy")
OUTPUT = Path("bench_output")


@dataclass(frozen=True)
class Figures:
    """One measurement.

    Attributes:
        way: Implementation and encoding.
        frames: Number of frames of the video.
        cpu_s: CPU time in seconds.
        wall_s: Wall time in seconds.
        decode_s: CPU time of decoding alone, in seconds.
        convert_s: CPU time of converting alone, in seconds.
        bag_bytes: Size of the written bag, in bytes.
        peak_bytes: Maximum memory of the process, in bytes.
    """

    way: str
    frames: int
    cpu_s: float
    wall_s: float
    decode_s: float
    convert_s: float
    bag_bytes: int
    peak_bytes: int


async def record(path: Path, seconds: int) -> None:
    """Let the emulator generate a video and save it."""
    prompts = ["a lighthouse in a storm", "the storm passes", "a whale surfaces", "night falls"]
    script = [{"timestamp_ms": 0, "start": {"prompt": prompts[0]}}]
    for at, prompt in enumerate(prompts[1:], start=1):
        script.append({"timestamp_ms": at * seconds * 250, "interact": {"prompt": prompt}})
    script.append({"timestamp_ms": seconds * 1000, "end": {}})
    async with (
        Emulator(EmulatorConfig()) as emulator,
        Odyssey("ody_local", api_url=emulator.url) as client,
        httpx.AsyncClient() as http,
    ):
        job_id = (await client.simulate(script=script, portrait=False)).job_id
        job = await poll_until_terminal(
            lambda: client.get_simulate_status(job_id), lambda _: None, period_s=lambda: 0.2
        )
        content = (await http.get(job.streams[0].video_url)).content
    await asyncio.to_thread(path.write_bytes, content)


def ours(video: Path, bag: Path, images: ImageEncoding) -> None:
    """Write a bag in the same way as the dataset command."""
    log = EventLog((Event(EventKind.STARTED, 0, "a lighthouse in a storm"),))
    write_bag(bag, "bag", Episode("stream", video, log, 1_700_000_000_000_000_000), BagLayout(images))


def plain(video: Path, bag: Path, images: ImageEncoding) -> None:
    """Write the same messages with OpenCV and rosbags, in the simplest way."""
    import cv2
    from rosbags.rosbag2 import StoragePlugin, Writer

    types = typestore().types
    image_type = "sensor_msgs/msg/" + ("Image" if images is ImageEncoding.RAW else "CompressedImage")
    info_type, camera_type = "odyssey_ros/msg/FrameInfo", "sensor_msgs/msg/CameraInfo"
    time_of, header_of = types["builtin_interfaces/msg/Time"], types["std_msgs/msg/Header"]
    capture = cv2.VideoCapture(str(video))
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = [
            (writer.add_connection(f"/{at}", name, typestore=typestore()), name)
            for at, name in enumerate((image_type, info_type, camera_type))
        ]
        index = 0
        while True:
            good, picture = capture.read()
            if not good:
                break
            stamp = 1_700_000_000_000_000_000 + index * 50_000_000
            header = header_of(time_of(*divmod(stamp, 10**9)), "odyssey_optical_frame")
            height, width = picture.shape[:2]
            if images is ImageEncoding.RAW:
                rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                image = types[image_type](header, height, width, "rgb8", 0, width * 3, rgb.reshape(-1))
            else:
                _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
                image = types[image_type](header, "jpeg", jpeg.reshape(-1))
            media_time = types["builtin_interfaces/msg/Duration"](*divmod(index * 50_000_000, 10**9))
            info = types[info_type](header, "stream", index, media_time, "a lighthouse in a storm")
            zeros = (np.zeros(0), np.zeros(9), np.zeros(9), np.zeros(12))
            region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            camera = types[camera_type](header, height, width, "", *zeros, 0, 0, region)
            for (connection, name), message in zip(topics, (image, info, camera), strict=True):
                writer.write(connection, stamp, typestore().serialize_cdr(message, name))
            index += 1
    capture.release()
    sync(bag)


def copy(video: Path, bag: Path) -> None:
    """Copy the video file 20 times, to measure the limit of the disk and the system."""
    bag.mkdir()
    for at in range(20):
        with video.open("rb") as source, (bag / str(at)).open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    sync(bag)


def sync(folder: Path) -> None:
    """Sync all files of a folder to the disk, as `write_bag` does."""
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    sync_folder(folder)


def decode(video: Path, way: str) -> tuple[int, float, float]:
    """Return the number of frames, and the CPU seconds of decoding and of converting alone."""
    start = time.process_time()
    if way.startswith("plain"):
        import cv2

        capture = cv2.VideoCapture(str(video))
        frames = 0
        while capture.grab():
            frames += 1
        decoding = time.process_time() - start
        capture = cv2.VideoCapture(str(video))
        start = time.process_time()
        while (read := capture.read())[0]:
            if way.endswith("jpeg"):
                cv2.imencode(".jpg", read[1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            else:
                cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        return frames, decoding, time.process_time() - start - decoding
    with Video(video) as file:
        frames = sum(1 for _ in file.pictures())
        decoding = time.process_time() - start
        if way == "ours h264":
            return frames, 0.0, 0.0
        convert = JpegEncoder(90).encode if way == "ours jpeg" else Rgb8Converter().convert
        start = time.process_time()
        for picture in file.pictures():
            convert(picture.frame)
        return frames, decoding, time.process_time() - start - decoding


def measure(way: str, video: Path, folder: Path) -> Figures:
    """Measure one way in this process, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    frames, decode_s, convert_s = (0, 0.0, 0.0) if way == "copy" else decode(video, way)
    bag = folder / "bag"
    implementation, _, images = way.partition(" ")
    os.sync()
    cpu, wall = time.process_time(), time.perf_counter()
    if implementation == "copy":
        copy(video, bag)
    else:
        (ours if implementation == "ours" else plain)(video, bag, ImageEncoding(images))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    size = sum(path.stat().st_size for path in bag.iterdir())
    shutil.rmtree(bag)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Figures(way, frames, cpu, wall, decode_s, convert_s, size, peak)


def measure_apart(way: str, video: Path, folder: Path) -> Figures:
    """Measure one way in a separate process."""
    command = [sys.executable, __file__, "--measure", way, str(video), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{way}: {done.stderr}")
    return Figures(**json.loads(done.stdout))


def row(figures: Figures, rate: float) -> str:
    """Return one line of the table."""
    megabytes = figures.bag_bytes / 1e6
    if figures.way == "copy":
        return f"  {'copy (the disk)':<14}{'':>42}{megabytes / figures.wall_s:>12.0f}"
    per_frame = figures.cpu_s / figures.frames
    convert_share = figures.convert_s / figures.cpu_s
    decode_share = figures.decode_s / figures.cpu_s
    rest = max(0.0, 1 - decode_share - convert_share)
    per_second = megabytes / figures.wall_s
    return (
        f"  {figures.way:<14}{per_frame * 1e3:>9.2f}{1 / per_frame:>10.0f}"
        f"{figures.frames / figures.wall_s / rate:>8.1f}x{megabytes:>9.0f} MB{per_second:>7.0f}"
        f"{decode_share:>10.0%}{convert_share:>9.0%}{rest:>8.0%}{figures.peak_bytes / 1e6:>9.0f}"
    )


def compare(seconds: int, turns: int) -> dict[str, object]:
    """Measure all ways and print the table."""
    best: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(dir=OUTPUT) as name:
        folder = Path(name)
        video = folder / "video.mp4"
        asyncio.run(record(video, seconds))
        for _ in range(turns):
            for way in WAYS:
                figures = measure_apart(way, video, folder)
                if way not in best or figures.cpu_s < best[way].cpu_s:
                    best[way] = figures
        mbits = video.stat().st_size * 8 / seconds / 1e6
        rate = best["ours raw"].frames / seconds
    print(f"  {seconds} s of 1280x704 at {rate:g} fps, H.264, {mbits:.1f} Mbit/s; best of {turns}")
    columns = "cpu ms/fr  fps/core   x real      bag      MB/s    decode  convert  write  peak MB"
    print(f"  {'':<14}{columns}")
    for way in WAYS:
        print(row(best[way], rate))
    ratios = {
        images: round(best[f"plain {images}"].cpu_s / best[f"ours {images}"].cpu_s, 2)
        for images in ("raw", "jpeg")
    }
    ratios["h264 against plain jpeg"] = round(best["plain jpeg"].cpu_s / best["ours h264"].cpu_s, 1)
    listed = ", ".join(f"{name} {ratio}" for name, ratio in ratios.items())
    print(f"  speed relative to the plain implementation: {listed}")
    return {
        "seconds": seconds,
        "rate": rate,
        "figures": [asdict(figures) for figures in best.values()],
        "ratios": ratios,
    }


def main() -> int:
    """Measure all ways, print the table and write the figures."""
    parser = argparse.ArgumentParser(description="Benchmark of decoding recordings and writing bags.")
    parser.add_argument(
        "--seconds", type=int, default=10, help="length of the video in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--turns", type=int, default=3, help="number of measurements of each way (default: %(default)s)"
    )
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "VIDEO", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, video, folder = arguments.measure
        print(json.dumps(asdict(measure(way, Path(video), Path(folder)))))
        return 0
    OUTPUT.mkdir(exist_ok=True)
    figures = compare(arguments.seconds, arguments.turns)
    (OUTPUT / "dataset.json").write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
