"""Episodes made on a Ray cluster, of which a node and then the driver are killed, and the renewal of URLs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hostile_service import response
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.cluster_tasks import ClusterTasks
from odyssey_ros.dataset.engines.process_engine import ProcessEngine
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.episode_task import DownloadOptions, EpisodeWork
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.manifest import read_manifest
from odyssey_ros.dataset.progress import EpisodeProgress, LogProgress
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.service import RemoteStream
from waiting import DEFAULT_TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hostile_service import Request
    from lost_submissions import LossyAccount
    from ray_cluster import RayCluster

    MakeVideo = Callable[..., Path]

LOG = b'{"time_ms": 0, "type": "start", "prompt": "a cat"}\n{"time_ms": 9e3, "type": "end"}\n'
SECRET = "signature-of-a-presigned-url"


@dataclass
class Gate:
    """Holds videos of an account back, in the middle, until they may pass."""

    account: LossyAccount
    passing: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, request: Request) -> Iterator[bytes]:
        parts = b"".join(self.account.answer(request))
        if ".mp4" not in request.path:
            yield parts
            return
        name = request.path.partition("?")[0].removeprefix("/files/")
        yield parts[: len(parts) // 2]
        with self.changed:
            self.held.add(name)
            self.changed.wait_for(lambda: name in self.passing)
            self.held.discard(name)
        yield parts[len(parts) // 2 :]

    def let_pass(self, names: Iterable[str]) -> None:
        with self.changed:
            self.passing.update(names)
            self.changed.notify_all()


def _command(*options: str) -> Sequence[str]:
    names = [f"r{number:02}" for number in range(12)]
    return ["recordings", *names, "--images", "jpeg", *options]


def _start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "odyssey_ros.dataset", *_command(*options)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finished() -> list[Path]:
    return list(Path("cluster/episodes").glob("[!.]*"))


def test_a_node_and_then_the_driver_are_killed(
    account: LossyAccount, make_video: MakeVideo, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The result equals, byte for byte, that of an undisturbed run of this machine."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    for number in range(12):
        video = make_video(300 if number < 9 else 12).read_bytes()  # those that are in work at first
        account.add_recording(f"r{number:02}", video, LOG, frame_count=None)
        account.details[f"r{number:02}"]["video_url"] += f"?signature={SECRET}"
    assert main(_command("-o", "local")) == 0
    gate = Gate(account)
    account.service.answer = gate.answer

    driver = _start("-o", "cluster", "--engine", "ray", "--address", cluster.address)
    try:
        wait_until(lambda: len(gate.held) == 3, "a download on each node")
        # A node dies while it writes a bag.
        gate.let_pass(f"{number}.mp4" for number in range(10))
        writer = wait_until(lambda: cluster.writer_elsewhere(tmp_path / "cluster" / "episodes"))
        cluster.kill_node(writer)
        assert list(Path("cluster/episodes").glob(".*"))
        cluster.add_node()
        # Its episode is made by another node. Then the driver dies while two tasks download.
        wait_until(lambda: len(_finished()) == 10 and len(gate.held) == 2, "the end of ten episodes")
    finally:
        driver.kill()
        output = "".join(driver.communicate())
    wait_until(lambda: not cluster.runs_tasks("make_episode"), "the end of the tasks of a dead driver")
    assert not Path("cluster/manifest.jsonl").exists()
    for bag in _finished():
        assert {"metadata.yaml", "episode.json"} < {path.name for path in bag.iterdir()}

    gate.let_pass(account.files)
    again = _start("-o", "cluster", "--engine", "ray", "--address", cluster.address)
    out, log = again.communicate(timeout=DEFAULT_TIMEOUT_S)
    assert (again.returncode, out) == (0, "12 episodes in cluster, 0 failed\n"), log
    assert Path("cluster/manifest.jsonl").read_bytes() == Path("local/manifest.jsonl").read_bytes()
    assert main(["verify", "cluster"]) == 0
    assert sorted(path.name for path in Path("cluster/episodes").iterdir()) == [
        entry.episode for entry in read_manifest(Path("local/manifest.jsonl"))
    ]
    for kind in ("episodes/*/*", "work/1-of-1/*"):
        assert {path.relative_to("cluster") for path in Path("cluster").glob(kind)} == {
            path.relative_to("local") for path in Path("local").glob(kind)
        }
    for text in (output, out, log, *cluster.logs()):
        assert SECRET not in text
        assert "ody_local" not in text


@dataclass
class Source:
    """Renews URLs: the last one is the answer to all further requests."""

    urls: list[str]
    calls: int = 0

    async def renew(self, stream: RemoteStream) -> RemoteStream:
        self.calls += 1
        return replace(stream, video_url=self.urls[min(self.calls, len(self.urls)) - 1])


async def _no_wait(_: float) -> None:
    pass


@pytest.fixture
def engine() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(1)
    yield engine
    engine.close()


async def _made(engine: ProcessEngine, source: Any, url: str, folder: Path) -> Any:
    (folder / "episodes").mkdir()
    (folder / "work").mkdir()
    stream = RemoteStream("s", f"{url}?old", None)
    work = EpisodeWork("a", stream, EpisodeFolders(folder, folder / "work"), BagLayout(ImageEncoding.H264))
    tasks = ClusterTasks(engine, DownloadOptions(retries=0), RetryPolicy(retries=2, sleep=_no_wait))
    assert await tasks.at_once() == 2
    return await tasks.make(source, work, EpisodeProgress(LogProgress(), "a"))


async def test_the_driver_renews_urls_that_have_expired(
    account: LossyAccount, make_video: MakeVideo, engine: ProcessEngine, tmp_path: Path
) -> None:
    url = account.add_file("video", make_video().read_bytes())

    def answer(request: Request) -> Iterable[bytes]:
        return [response(403)] if request.path.endswith("?old") else account.answer(request)

    account.service.answer = answer
    source = Source([f"{url}?old", f"{url}?new"])
    entry = await _made(engine, source, url, tmp_path)
    assert (entry.frames, source.calls) == (12, 2)


async def test_urls_that_stay_expired_end_the_episode(
    account: LossyAccount, engine: ProcessEngine, tmp_path: Path
) -> None:
    account.service.answer = lambda _: [response(410)]
    source = Source([account.url("video")])
    with pytest.raises(EpisodeError, match="the URL has expired or is refused") as caught:
        await _made(engine, source, account.url("video"), tmp_path)
    assert (caught.value.code, source.calls) == (ErrorCode.DOWNLOAD_FAILED, 2)
    assert SECRET not in str(caught.value)
