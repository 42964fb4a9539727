"""Small video files for tests, and live streams of a client."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from altered_bags import AlteredDataset
from lost_submissions import SCRIPT, LossyAccount
from odyssey_ros.dataset import collect_command
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.emulator import Emulator, EmulatorConfig
from ray_cluster import RayCluster, running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from odyssey_ros.client import Odyssey
    from odyssey_ros.client.types import DecodedFrame

MakeVideo = Callable[..., Path]


def _picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a moving gradient, with the index in binary as blocks of 16 pixels along the upper edge."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = (columns + 5 * index) % 256
    picture[..., 1] = (rows + 3 * index) % 256
    picture[..., 2] = 128
    for bit in range(10):
        picture[:16, bit * 16 : bit * 16 + 16] = 255 if index >> bit & 1 else 0
    return picture


@pytest.fixture
def counter_of() -> Callable[[NDArray[np.uint8]], int]:
    """Returns the number in a picture of `make_video`."""

    def read(picture: NDArray[np.uint8]) -> int:
        return sum(int(picture[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 127) << bit for bit in range(10))

    return read


class LiveStreams:
    """Live streams of a client. A prompt follows only after frames of the previous one have arrived."""

    def __init__(self, client: Odyssey) -> None:
        self._client = client
        self._frames: asyncio.Queue[tuple[str | None, int]] = asyncio.Queue()

    async def connect(self) -> None:
        await self._client.connect(on_decoded_frame=self._came)

    async def record(self, *prompts: str, portrait: bool = False) -> str:
        """Stream some frames of each prompt; return the id of the recording."""
        stream_id = ""
        for prompt in prompts:
            if stream_id:
                await self._client.interact(prompt)
            else:
                stream_id = await self._client.start_stream(prompt, portrait=portrait)
            _, first = await self._next_of(stream_id)
            while (await self._next_of(stream_id))[1] < first + 3:
                pass
        await self._client.end_stream()
        return stream_id

    async def _next_of(self, stream_id: str) -> tuple[str | None, int]:
        while (frame := await self._frames.get())[0] != stream_id:
            pass
        return frame

    def _came(self, frame: DecodedFrame) -> None:
        self._frames.put_nowait((frame.stream_id, frame.index))


@pytest.fixture
def live_streams() -> type[LiveStreams]:
    """Makes recordings: `live_streams(client)`."""
    return LiveStreams


EMULATED_SCRIPT = """
portrait: false
script:
  - {timestamp_ms: 0, start: {prompt: "a fox"}}
  - {timestamp_ms: 100, interact: {prompt: "it “rains”"}}
  - {timestamp_ms: 250, end: {}}
"""


@pytest.fixture(scope="session")
def emulated_datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Datasets of one episode with 5 frames, one for each encoding; the command makes them once in a run.

    The downloads are kept. Tests alter copies.
    """
    folder = tmp_path_factory.mktemp("datasets")
    (folder / "walk.yaml").write_text(EMULATED_SCRIPT, encoding="utf-8")
    names = ("jpeg", "raw", "h264")

    async def make() -> None:
        async with Emulator(EmulatorConfig()) as emulator:
            variables = {
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "ODYSSEY_API_URL": emulator.url,
                "ODYSSEY_API_KEY": "ody_local",
            }
            processes = [
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "odyssey_ros.dataset", "simulate", "walk.yaml", "-o", images),
                    *("--images", images, "--poll", "0.1", "--keep-downloads"),
                    cwd=folder,
                    env={**os.environ, **variables},
                )
                for images in names
            ]
            ended = await asyncio.wait_for(asyncio.gather(*(each.wait() for each in processes)), 300)
            assert ended == [0, 0, 0]

    asyncio.run(make())
    return {images: folder / images for images in names}


@pytest.fixture
def altered(emulated_datasets: dict[str, Path], tmp_path: Path) -> Callable[..., AlteredDataset]:
    """Makes copies of the datasets: `altered()` of the JPEG pictures, `altered("raw")`, `altered("h264")`."""
    numbers = itertools.count()

    def copy(images: str = "jpeg", *, downloads: bool = False) -> AlteredDataset:
        dataset = AlteredDataset(emulated_datasets[images], tmp_path / f"{images}{next(numbers)}")
        if not downloads:
            shutil.rmtree(dataset.folder / "work")
        return dataset

    return copy


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> MakeVideo:
    """Makes a video of numbered pictures; each video is made once in a test run."""
    made: dict[Any, Path] = {}

    def make(
        frames: int = 12,
        *,
        size: tuple[int, int] = (320, 192),
        fps: int = 20,
        codec: str = "libx264",
        suffix: str = "mp4",
        first_ms: int = 0,
        **options: str,
    ) -> Path:
        key = (frames, size, fps, codec, suffix, first_ms, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("video") / f"video.{suffix}"
            with av.open(str(made[key]), "w") as container:
                stream = container.add_stream(codec, rate=fps)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                stream.options = {"g": "5", "bf": "0", **options} if codec == "libx264" else dict(options)
                for index in range(frames):
                    frame = av.VideoFrame.from_ndarray(_picture(index, *size), format="rgb24")
                    frame.time_base = Fraction(1, 1000)
                    frame.pts = first_ms + index * 1000 // fps
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        return made[key]

    return make


@pytest.fixture
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command waits for nothing, and repeats each request once."""

    async def at_once(seconds: float) -> None:
        pass

    monkeypatch.setattr(collect_command, "STANDARD", RetryPolicy(retries=1, sleep=at_once))


@pytest.fixture
def account(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_waits: None
) -> Iterator[LossyAccount]:
    """An account for the command in this process, and the script file `walk.yaml` in the current folder."""
    account = LossyAccount(make_video)
    with account.service.running() as service:
        monkeypatch.setenv("ODYSSEY_API_URL", service.url)
        monkeypatch.setenv("ODYSSEY_API_KEY", "ody_local")
        monkeypatch.chdir(tmp_path)
        Path("walk.yaml").write_text(SCRIPT)
        yield account


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """Runs a Ray cluster of three nodes."""
    with running_cluster() as cluster:
        yield cluster
