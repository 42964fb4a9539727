"""The command in processes: sweeps, kills at random moments, and each picture compared with its labels."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from PIL import Image
from rosbags.highlevel import AnyReader

from odyssey_ros.client import Odyssey
from odyssey_ros.dataset import cli
from odyssey_ros.dataset.json_lines import split_lines
from odyssey_ros.dataset.manifest import crc32_of
from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

ROOT = Path(__file__).parents[2]

SWEEP = """
portrait: false
variables:
  animal: [a fox, a heron, an otter]
  weather: [rain, snow]
  speed: [slowly, fast]
script:
  - {timestamp_ms: 0, start: {prompt: "{animal} walks {speed} in {weather}"}}
  - {timestamp_ms: 200, interact: {prompt: "the {weather} stops"}}
  - {timestamp_ms: 450, end: {}}
"""


@dataclass
class Run:
    """A finished command."""

    status: int
    out: str
    log: str


class Shell:
    """Runs `odyssey-dataset` in separate processes, against the emulator."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self._env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ODYSSEY_API_URL": url,
            "ODYSSEY_API_KEY": "ody_local",
            "NO_COLOR": "1",
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await self.spawn(sys.executable, "-m", "odyssey_ros.dataset", *arguments)

    async def spawn(self, *command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=self._env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str) -> Run:
        return await self.finished(await self.start(*arguments))

    async def finished(self, process: asyncio.subprocess.Process) -> Run:
        out, log = await asyncio.wait_for(process.communicate(), 300)
        assert process.returncode is not None
        return Run(process.returncode, out.decode(), log.decode())


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorConfig(render_workers=2)) as running:
        yield running


@pytest.fixture
def shell(emulator: Emulator, tmp_path: Path) -> Shell:
    (tmp_path / "walk.yaml").write_text(SWEEP)
    return Shell(emulator.url, tmp_path)


async def _jobs(emulator: Emulator) -> int:
    async with Odyssey("ody_local", api_url=emulator.url) as client:
        return (await client.list_simulations()).total


def _entries(folder: Path, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in split_lines((folder / name).read_text())]


def _by_rosbags(bag: Path) -> Iterator[tuple[str, Any]]:
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            yield connection.topic, reader.deserialize(data, connection.msgtype)


def _by_mcap(bag: Path) -> Iterator[tuple[str, Any]]:
    with next(bag.glob("*.mcap")).open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
        for _, channel, _, message in reader.iter_decoded_messages():
            yield channel.topic, message


def _pictures(images: str, messages: list[Any]) -> list[Any]:
    if images == "raw":
        return [
            np.frombuffer(bytes(message.data), np.uint8)
            .reshape(message.height, message.step)[:, : message.width * 3]
            .reshape(message.height, message.width, 3)
            for message in messages
        ]
    if images == "jpeg":
        return [np.asarray(Image.open(io.BytesIO(bytes(message.data)))) for message in messages]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [frame for message in messages for frame in decoder.decode(av.Packet(bytes(message.data)))]
    return [frame.to_ndarray(format="rgb24") for frame in [*frames, *decoder.decode(None)]]


TOPICS = {"raw": "image_raw", "jpeg": "image_raw/compressed", "h264": "image_raw/foxglove"}


def _assert_labelled(
    bag: Path,
    images: str,
    script: list[dict[str, Any]],
    readers: Sequence[Callable[[Path], Iterator[tuple[str, Any]]]] = (_by_rosbags, _by_mcap),
) -> None:
    """Assert that the counter and the prompt in each picture equal those in frame_info."""
    for read in readers:
        found: dict[str, list[Any]] = {}
        for topic, message in read(bag):
            found.setdefault(topic.removeprefix("/odyssey/"), []).append(message)
        infos, pictures = found["frame_info"], _pictures(images, found[TOPICS[images]])
        assert len(infos) == len(pictures) == len(found["camera_info"]) == 9
        for at, (info, picture) in enumerate(zip(infos, pictures, strict=True)):
            marker = read_marker(picture)
            assert marker is not None
            assert marker.counter == info.frame_index == at
            media_time_ms = info.media_time.sec * 1000 + info.media_time.nanosec // 1_000_000
            assert marker.stream_time_ms == media_time_ms == at * 50
            action = script[0]["start"] if at < 4 else script[1]["interact"]
            assert info.prompt.startswith(action["prompt"])
            assert marker.prompt_id in {prompt_digest(info.prompt), prompt_digest(action["prompt"])}
        assert [event.type for event in found["events"]] == [1, 3, 2]


@pytest.mark.parametrize(("images", "count"), [("jpeg", 12), ("h264", 2)])
async def test_scripts_of_one_template(images: str, count: int, shell: Shell, emulator: Emulator) -> None:
    if count == 2:
        few = SWEEP.replace("[a fox, a heron, an otter]", "[a fox]").replace("[slowly, fast]", "[slowly]")
        (shell.folder / "walk.yaml").write_text(few)
    options = ["walk.yaml", "-o", "out", "--images", images, "--poll", "0.1"]
    dry = await shell.run("simulate", *options, "--dry-run")
    assert len(list(split_lines(dry.out))) == count
    assert not (shell.folder / "out").exists()
    without_folder = await shell.run("simulate", "walk.yaml", "--dry-run")
    assert (without_folder.status, without_folder.out) == (0, dry.out)
    run = await shell.run("simulate", *options)
    assert (run.status, run.out) == (0, f"{count} episodes in out, 0 failed\n"), run.log
    assert await _jobs(emulator) == count
    out = shell.folder / "out"
    entries = _entries(out)
    assert [entry["episode"] for entry in entries] == sorted(
        json.loads(line)["episode"] for line in split_lines(dry.out)
    )
    for entry in entries:
        await asyncio.to_thread(_assert_labelled, out / entry["bag"], images, entry["provenance"]["script"])
    verified = await shell.run("verify", "out")
    assert (verified.status, verified.log) == (0, f"{count} episodes checked, 0 faults\n")
    assert "ody_local" not in run.log
    assert "signature" not in run.log


async def test_words_that_yaml_reads_as_other_values_are_submitted_as_written(
    shell: Shell, emulator: Emulator
) -> None:
    """The first file has the texts that earlier versions submitted for the values of the second file."""
    script = SWEEP[SWEEP.index("script:") :].replace("{animal} walks {speed} in {weather}", "a street in {a}")
    script = "portrait: false\nvariables: {a: [%s]}\n" + script.replace("{weather}", "{a}")
    options = ["simulate", "walk.yaml", "-o", "out", "--poll", "0.1"]
    (shell.folder / "walk.yaml").write_text(script % '"False", SE, "7"')
    former = await shell.run(*options)
    assert (former.status, former.out) == (0, "3 episodes in out, 0 failed\n"), former.log
    assert "no longer in" not in former.log

    (shell.folder / "walk.yaml").write_text(script % "NO, SE, 007")
    dry = await shell.run(*options, "--dry-run")
    planned = [json.loads(line) for line in dry.out.split("\n") if line]
    assert [plan["script"][0]["start"]["prompt"] for plan in planned] == [
        f"a street in {name}" for name in ("NO", "SE", "007")
    ]
    run = await shell.run(*options)
    assert (run.status, run.out) == (0, "3 episodes in out, 0 failed\n"), run.log
    assert await _jobs(emulator) == 5
    entries = {entry["episode"]: entry for entry in _entries(shell.folder / "out")}
    assert len(entries) == 5
    assert (
        "2 of the episodes in the dataset were made from scripts that are no longer in walk.yaml" in run.log
    )
    for plan in planned:
        entry = entries[plan["episode"]]
        assert entry["provenance"]["script"] == plan["script"]
        assert entry["provenance"]["variables"] == plan["variables"]
        bag = shell.folder / "out" / entry["bag"]
        await asyncio.to_thread(_assert_labelled, bag, "jpeg", plan["script"], (_by_rosbags,))


async def test_a_run_continues_after_kills_at_random_moments(shell: Shell, emulator: Emulator) -> None:
    moments = random.Random(6)
    options = ["simulate", "walk.yaml", "-o", "out", "--poll", "0.1", "--images", "raw", "--jobs", "3"]
    out = shell.folder / "out"
    for _ in range(4):
        process = await shell.start(*options)
        log = shell.folder / "out" / "work" / "1-of-1" / "submissions.jsonl"
        size = log.stat().st_size if log.exists() else 0
        # The kill comes after the first submission: starting takes longer than everything else.
        while process.returncode is None and not (log.exists() and log.stat().st_size > size):
            await asyncio.sleep(0.005)
            if len(list(out.glob("episodes/[!.]*"))) + len(list(out.glob("episodes/.*"))) > 3:
                break
        await asyncio.sleep(moments.uniform(0, 1.0))  # the moment is what the test varies
        if process.returncode is None:
            process.kill()
        await process.communicate()
        for bag in out.glob("episodes/[!.]*"):
            assert (bag / "metadata.yaml").exists()
            assert (bag / "episode.json").exists()
    run = await shell.run(*options)
    assert (run.status, run.out) == (0, "12 episodes in out, 0 failed\n"), run.log
    assert await _jobs(emulator) == 12
    for entry in _entries(out):
        script = entry["provenance"]["script"]
        await asyncio.to_thread(_assert_labelled, out / entry["bag"], "raw", script, (_by_rosbags,))
    assert (await shell.run("verify", "out")).status == 0
    assert [path.name for path in (out / "episodes").glob(".*")] == []


async def test_an_interrupted_command_reports_how_to_continue(shell: Shell, emulator: Emulator) -> None:
    process = await shell.start("simulate", "walk.yaml", "-o", "out", "--poll", "0.1")
    await eventually(lambda: _jobs(emulator), "a job")
    process.send_signal(signal.SIGHUP)
    _, log = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 130
    assert log.decode().endswith("interrupted; run the same command again to continue\n")
    assert "Traceback" not in log.decode()


async def test_merged_shards_equal_a_single_run(shell: Shell, emulator: Emulator) -> None:
    script = [{"timestamp_ms": 0, "start": {"prompt": "dream"}}, {"timestamp_ms": 200, "end": {}}]
    async with Odyssey("ody_local", api_url=emulator.url) as client:
        job: Any = await client.simulate(scripts=[script] * 3)

        async def completed() -> bool:
            return str((await client.get_simulate_status(job.job_id)).status) == "completed"

        await eventually(completed, "the end of the job")
    common = ["jobs", job.job_id, "--images", "h264"]
    runs = await asyncio.gather(
        shell.run(*common, "-o", "whole"),
        *(shell.run(*common, "-o", f"part{part}", "--shard", f"{part}/2") for part in (1, 2)),
    )
    assert [run.out for run in runs] == [
        "3 episodes in whole, 0 failed\n",
        "2 episodes in part1, 0 failed\n",
        "1 episodes in part2, 0 failed\n",
    ]
    run = await shell.run("merge", "merged", "part1", "part2")
    assert (run.status, run.log) == (0, "3 episodes in merged/manifest.jsonl\n"), run.log
    assert (shell.folder / "merged" / "manifest.jsonl").read_bytes() == (
        shell.folder / "whole" / "manifest.jsonl"
    ).read_bytes()
    assert (await shell.run("verify", "merged")).status == 0
    settings = json.loads((shell.folder / "merged" / "dataset.json").read_text())
    assert settings == json.loads((shell.folder / "whole" / "dataset.json").read_text())
    unknown = await shell.run("jobs", "no-such-job", "-o", "out")
    assert (unknown.status, unknown.out) == (2, "")
    assert "job no-such-job: Simulation not found" in unknown.log


async def test_recordings_by_id_and_by_date(
    shell: Shell, emulator: Emulator, live_streams: Callable[[Odyssey], Any]
) -> None:
    async with Odyssey("ody_local", api_url=emulator.url) as client:
        streams = live_streams(client)
        await streams.connect()
        ids = [await streams.record("a cat") for _ in range(2)]
    by_date = await shell.run("recordings", "--since", "2020-01-01", "-o", "all", "--images", "h264")
    assert (by_date.status, by_date.out) == (0, "2 episodes in all, 0 failed\n"), by_date.log
    assert sorted(entry["stream_id"] for entry in _entries(shell.folder / "all")) == sorted(ids)
    for part in (1, 2):
        run = await shell.run(
            *(
                "recordings",
                "--since",
                "2020-01-01",
                "-o",
                "parts",
                "--shard",
                f"{part}/2",
                "--images",
                "h264",
            )
        )
        assert run.status == 0, run.log
    assert (await shell.run("merge", "parts")).status == 0
    assert _entries(shell.folder / "parts") == _entries(shell.folder / "all")
    named, none, unknown = await asyncio.gather(
        shell.run("recordings", *ids, "-o", "named", "--images", "h264"),
        shell.run("recordings", "--until", "2020-01-01", "-o", "none"),
        shell.run("recordings", "no-such-stream", "-o", "unknown"),
    )
    assert named.status == 0
    assert _entries(shell.folder / "named") == _entries(shell.folder / "all")
    # One recording per run: the manifest keeps the episodes of earlier runs while their bags exist.
    for stream_id in ids:
        assert (await shell.run("recordings", stream_id, "-o", "grown", "--images", "h264")).status == 0
    assert _entries(shell.folder / "grown") == _entries(shell.folder / "all")
    shutil.rmtree(shell.folder / "grown" / "episodes" / ids[0])
    await shell.run("recordings", ids[1], "-o", "grown", "--images", "h264")
    assert [entry["episode"] for entry in _entries(shell.folder / "grown")] == [ids[1]]
    assert none.out == "0 episodes in none, 0 failed\n"
    assert unknown.status == 1
    assert "NO_VIDEO: Recording not found" in unknown.log


async def test_a_reader_that_closes_the_pipe(shell: Shell) -> None:
    (shell.folder / "walk.yaml").write_text(f"repeats: 2000{SWEEP}")  # more than a pipe holds
    command = f"{sys.executable} -m odyssey_ros.dataset simulate walk.yaml -o out --dry-run | head -n 1"
    run = await shell.finished(await shell.spawn("bash", "-o", "pipefail", "-c", command))
    assert (run.status, len(run.out.splitlines()), run.log) == (0, 1, "")


async def test_a_loss_that_is_known_before_the_submission_is_not_paid_in_a_strict_run(
    shell: Shell, emulator: Emulator
) -> None:
    Image.new("RGB", (64, 64)).save(shell.folder / "bad.png", icc_profile=b"damaged")
    (shell.folder / "a.yaml").write_text(
        "script:\n- {timestamp_ms: 0, start: {prompt: a, image: bad.png}}\n- {timestamp_ms: 100, end: {}}\n"
    )
    run = await shell.run("simulate", "a.yaml", "-o", "out", "--strict")
    assert (run.status, "INCOMPLETE_DATA: unconverted_image: 1" in run.log) == (1, True), run.log
    assert await _jobs(emulator) == 0


def _to_former_layout(folder: Path) -> None:
    """Change a dataset to the file names and the metadata of the first version of the command."""
    lines = []
    for entry in _entries(folder):
        bag, name = folder / entry["bag"], entry["episode"]
        former = (bag / f"{name}_0.mcap").rename(bag / f"{name}.mcap")
        metadata = bag / "metadata.yaml"
        text = metadata.read_text().replace(f"{name}_0.mcap", former.name)
        metadata.write_text(text.replace("ros_distro: ''", "ros_distro: odyssey_ros"))
        entry["files"][0]["path"] = former.relative_to(folder).as_posix()
        entry["files"][1] |= {"size": metadata.stat().st_size, "crc32": crc32_of(metadata)}
        lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
        (bag / "episode.json").write_text(lines[-1])
    (folder / "manifest.jsonl").write_text("".join(lines))


ONE = re.sub(r"\[([^],]+),[^]]*\]", r"[\1]", SWEEP, count=3)  # one value of each variable


async def test_a_dataset_with_the_former_file_names_is_read_continued_and_merged(
    shell: Shell, emulator: Emulator
) -> None:
    (shell.folder / "walk.yaml").write_text(ONE)
    options = ["walk.yaml", "-o", "out", "--poll", "0.1"]
    assert (await shell.run("simulate", *options)).out == "1 episodes in out, 0 failed\n"
    out = shell.folder / "out"
    _to_former_layout(out)
    [former] = _entries(out)
    verified = await shell.run("verify", "out")
    assert (verified.status, verified.log) == (0, "1 episodes checked, 0 faults\n")

    (shell.folder / "walk.yaml").write_text(ONE.replace("[rain]", "[rain, snow]"))
    run = await shell.run("simulate", *options)
    assert (run.status, run.out) == (0, "2 episodes in out, 0 failed\n"), run.log
    assert await _jobs(emulator) == 2  # the former episode is not made again
    entries = _entries(out)
    assert former in entries
    for entry in entries:
        bag = out / entry["bag"]
        assert [file.name for file in bag.glob("*.mcap")] == [
            f"{entry['episode']}.mcap" if entry == former else f"{entry['episode']}_0.mcap"
        ]
        await asyncio.to_thread(_assert_labelled, bag, "jpeg", entry["provenance"]["script"])

    merged = await shell.run("merge", "all", "out")
    assert (merged.status, merged.log) == (0, "2 episodes in all/manifest.jsonl\n")
    assert _entries(shell.folder / "all") == entries
    verified = await shell.run("verify", "all")
    assert (verified.status, verified.log) == (0, "2 episodes checked, 0 faults\n")


@pytest.mark.parametrize("images", ["jpeg", "h264"])
async def test_relative_paths_with_a_colon(images: str, shell: Shell) -> None:
    (shell.folder / "10:30.yaml").write_text(ONE)
    out = "2026-06-01T10:30:00"
    options = ["10:30.yaml", "-o", out, "--images", images, "--poll", "0.1", "--keep-downloads"]
    run = await shell.run("simulate", *options)
    assert (run.status, run.out) == (0, f"1 episodes in {out}, 0 failed\n"), run.log
    assert (await shell.run("verify", out)).status == 0
    [entry] = _entries(shell.folder / out)
    bag = shell.folder / out / entry["bag"]
    await asyncio.to_thread(_assert_labelled, bag, images, entry["provenance"]["script"])


async def test_paths_in_the_home_folder(shell: Shell) -> None:
    home = shell.folder / "home"
    home.mkdir()
    (home / "walk.yaml").write_text(ONE)
    (home / "key").write_text("ody_local\n")
    (home / "key").chmod(0o600)
    program = ["env", f"HOME={home}", sys.executable, "-m", "odyssey_ros.dataset"]
    options = ["~/walk.yaml", "--output=~/out", "--api-key-file=~/key", "--poll", "0.1"]
    run = await shell.finished(await shell.spawn(*program, "simulate", *options))
    assert (run.status, run.out) == (0, f"1 episodes in {home}/out, 0 failed\n"), run.log
    verified = await shell.finished(await shell.spawn(*program, "verify", "~/out"))
    assert (verified.status, verified.log) == (0, "1 episodes checked, 0 faults\n")


async def test_ctrl_c_while_packages_are_loaded(shell: Shell) -> None:
    (shell.folder / "mcap").mkdir()
    (shell.folder / "mcap" / "__init__.py").write_text("raise KeyboardInterrupt")
    program = ["env", f"PYTHONPATH={shell.folder}:{ROOT}", sys.executable, "-m", "odyssey_ros.dataset"]
    run = await shell.finished(await shell.spawn(*program, "verify", "out"))
    assert (run.status, run.out, run.log) == (130, "", "interrupted\n")


def test_an_export_loads_neither_the_service_nor_the_report() -> None:
    program = """
import sys
from odyssey_ros.dataset import cli
from odyssey_ros.dataset.exports import lerobot_dataset
print({"aiortc", "asyncio", "httpx", "jwt", "websockets"} & set(sys.modules))
others = ("rosbags.typesys.stores.", "odyssey_ros.dataset.report.")
print([name for name in sys.modules if name.startswith(others)])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "set()\n[]\n"), done.stderr


@pytest.mark.parametrize("variable", ["PYTHONIOENCODING=ascii", "PYTHONIOENCODING=utf-8:strict"])
def test_output_with_characters_that_the_terminal_cannot_show(variable: str, tmp_path: Path) -> None:
    out = os.fsdecode("outé".encode() + b"\xff")
    (tmp_path / "manifest.jsonl").touch()
    program = ["env", variable, f"PYTHONPATH={ROOT}", sys.executable, "-m", "odyssey_ros.dataset"]
    done = subprocess.run(
        [*program, "report", ".", "-o", out], capture_output=True, timeout=100, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert b"\\udcff/index.html" in done.stdout
    assert (tmp_path / out / "index.html").is_file()


def test_closed_output(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").touch()
    program = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "odyssey_ros.dataset"]
    closed = ["sh", "-c", '"$@" >&- 2>&-', "sh", *program, "report", ".", "-o", "out"]
    done = subprocess.run(closed, timeout=100, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        *(["export", "lerobot", "."], ["export", "clips", "."], ["report", "."], ["bags", "run.mcap"]),
        ["simulate", "walk.yaml"],
    ],
)
def test_output_folders_whose_names_are_too_long(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a folder in one that the user may not read, its existence is unknown."""
    for name in ("manifest.jsonl", "run.mcap"):
        (tmp_path / name).touch()
    (tmp_path / "walk.yaml").write_text(ONE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODYSSEY_API_KEY", "ody_local")
    assert cli.main([*arguments, "-o", "a" * 300]) == 2
    assert "cannot be used: File name too long" in " ".join(capsys.readouterr().err.split())
