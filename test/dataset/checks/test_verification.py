"""The command `verify --deep`: unaltered, altered, old and interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rosbags.highlevel import AnyReader

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.checks.verification import Verification
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.manifest import FileEntry, read_manifest, write_manifest
from odyssey_ros.dataset.shards import Shard
from odyssey_ros.dataset.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from altered_bags import AlteredDataset

    Altered = Callable[..., AlteredDataset]

ROOT = Path(__file__).parents[3]
OLD = ROOT / "test" / "data" / "first_version"


def _verify(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    status = main(["verify", "--deep", str(folder), *options])
    return status, capsys.readouterr().err.splitlines()


def _many(dataset: AlteredDataset, count: int) -> list[str]:
    """Add hard links to the episode under other names, without their own entries, and return all names.

    They are episodes of one recording, as only several `recordings` and `jobs` may be.
    """
    entry = replace(dataset.entry, provenance={})
    (dataset.bag / "episode.json").unlink()
    entries = [entry]
    for number in range(1, count):
        bag = f"episodes/copy-{number:04}"
        shutil.copytree(dataset.bag, dataset.folder / bag, copy_function=os.link)
        files = tuple(
            FileEntry(f"{bag}/{Path(file.path).name}", file.size, file.crc32) for file in entry.files
        )
        entries.append(replace(entry, episode=f"copy-{number:04}", bag=bag, files=files))
    write_manifest(dataset.folder / "manifest.jsonl", entries)
    return sorted(one.episode for one in entries)


@pytest.mark.parametrize("images", ["raw", "jpeg", "h264"])
def test_an_unaltered_dataset(images: str, altered: Altered, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered(images, downloads=True)
    assert _verify(dataset.folder, capsys) == (0, ["1 episodes checked, 0 faults, 0 notes"])
    assert main(["verify", str(dataset.folder)]) == 0


def test_faults_are_lines(altered: Altered, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered()
    dataset.change_message("frame_info", 3, prompt="a [red]dog\x1b[31m")
    name = dataset.entry.episode
    status, lines = _verify(dataset.folder, capsys)
    assert status == 1
    assert lines[0].startswith(
        f"{name}: /odyssey/frame_info: frame 3: the prompt is 'a [red]dog\\x1b[31m', but 'it"
    )
    assert lines[1:] == ["1 episodes checked, 1 faults, 0 notes"]
    assert main(["verify", str(dataset.folder)]) == 0  # the files are those of the manifest


def test_several_at_once_are_told_in_order(altered: Altered, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered("h264")
    names = _many(dataset, 12)
    for decoders in ("1", "5"):
        status, lines = _verify(dataset.folder, capsys, "--decoders", decoders)
        assert status == 0
        assert lines == [
            *(
                f"note: {name}: the bag has no episode.json: the next run makes the episode again"
                for name in names
            ),
            "12 episodes checked, 0 faults, 12 notes",
        ]


def test_files_that_no_manifest_names(altered: Altered, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered()
    episodes = dataset.folder / "episodes"
    (episodes / "left").mkdir()
    (episodes / ".walk.partial").mkdir()
    (dataset.bag / "notes.txt").touch()
    name = dataset.entry.episode
    status, lines = _verify(dataset.folder, capsys)
    assert status == 0
    assert [line.removeprefix("note: dataset: 'episodes/") for line in lines] == [
        ".walk.partial' was left by a run that was ended: the next run removes it",
        "left' is in no manifest: run the command that makes it, or remove it",
        f"{name}/notes.txt' is not a file of its bag",
        "1 episodes checked, 0 faults, 3 notes",
    ]


def test_two_episodes_with_one_bag(altered: Altered, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered()
    entry = dataset.entry
    write_manifest(dataset.folder / "manifest.jsonl", [entry, replace(entry, episode="other")])
    status, lines = _verify(dataset.folder, capsys)
    assert status == 1
    assert f"dataset: manifest: 2 episodes have '{entry.bag}'" in lines


def test_unusable_folders(altered: Altered, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = altered()
    (dataset.folder / "dataset.json").write_text("{")
    status, lines = _verify(dataset.folder, capsys)
    assert status == 2
    assert lines[-1] == f"odyssey-dataset: {dataset.folder}/dataset.json: not valid JSON"
    (tmp_path / "empty").mkdir()
    assert _verify(tmp_path / "empty", capsys)[0] == 2


def test_a_manifest_whose_paths_leave_the_folder(
    altered: Altered, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = altered()
    write_manifest(
        dataset.folder / "manifest.jsonl",
        [replace(dataset.entry, files=(FileEntry("../../secret.mcap", 1, "0"),))],
    )
    status, lines = _verify(dataset.folder, capsys)
    assert status == 1
    assert lines[-2].endswith("manifest: the file '../../secret.mcap' is not in the folder of the bag")


async def test_an_interrupt_ends_the_check_at_once(altered: Altered) -> None:
    dataset = altered()
    count = 400
    _many(dataset, count)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "odyssey_ros.dataset", "verify", "--deep", str(dataset.folder)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    first = await asyncio.wait_for(process.stderr.readline(), 100)
    assert first.startswith(b"note: copy-0001: the bag has no episode.json")
    process.send_signal(signal.SIGINT)
    _, rest = await asyncio.wait_for(process.communicate(), 100)
    lines = rest.decode().splitlines()
    assert process.returncode == 130, rest
    assert lines[-1] == "interrupted"
    assert "Traceback" not in rest.decode()
    assert len(lines) < count - 20


def test_progress_on_a_terminal(altered: Altered) -> None:
    dataset = altered("h264")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "odyssey_ros.dataset", "verify", "--deep", str(dataset.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"},
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:  # Linux, when the other side is closed
            pass
    assert process.wait(100) == 0
    text = shown.decode()
    assert "0/1" in text
    assert f"{dataset.entry.episode}: 0 faults" in text
    assert "1 episodes checked, 0 faults, 0 notes" in text


def test_an_early_end_stops_the_threads(altered: Altered) -> None:
    dataset = altered()
    _many(dataset, 50)
    entries = read_manifest(dataset.folder / "manifest.jsonl")
    results = Verification(dataset.folder, entries, 3, None).run()
    assert next(results)[0] is None
    assert next(results)[0] == entries[0]
    results.close()


class TestFirstVersion:
    """A dataset of the first version: `<name>.mcap`, metadata of version 9, `making`, no losses."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        shutil.copytree(OLD, tmp_path / "old")
        return tmp_path / "old"

    def test_it_is_read(self, folder: Path) -> None:
        (entry,) = read_manifest(folder / "manifest.jsonl")
        assert (entry.frames, entry.losses) == (3, {"not_counted": 1})
        assert entry.provenance["script"][1]["interact"]["prompt"] == "it rains"
        with AnyReader([folder / entry.bag]) as reader:
            topics = [connection.topic for connection, _, _ in reader.messages()]
        assert len(topics) == 3 * 3 + 3
        layout = BagLayout(ImageEncoding.JPEG, jpeg_quality=2)
        with Workspace(folder, layout, Shard()) as workspace:
            assert workspace.finished(entry.episode) == entry

    def test_verify(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["verify", str(folder)]) == 0
        assert _verify(folder, capsys) == (0, ["1 episodes checked, 0 faults, 0 notes"])

    def test_faults_are_found(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (path,) = folder.glob("episodes/*/*.mcap")
        path.write_bytes(path.read_bytes().replace(b"it rains", b"it pours", 1))
        status, lines = _verify(folder, capsys)
        assert status == 1
        assert any("'it pours, " in line and "but the manifest has 'it rains, " in line for line in lines)

    def test_merge_with_a_dataset_of_this_version(
        self, folder: Path, altered: Altered, capsys: pytest.CaptureFixture[str]
    ) -> None:
        new = altered()
        (new.folder / "dataset.json").unlink()
        assert main(["merge", str(new.folder), str(folder)]) == 0
        status, lines = _verify(new.folder, capsys)
        assert (status, lines) == (0, ["2 episodes checked, 0 faults, 0 notes"])
        lines_of_manifest = (new.folder / "manifest.jsonl").read_text().split("\n")[:-1]
        assert ["making" in json.loads(line) for line in lines_of_manifest] == [False, False]
