"""Access to files that the graph names: nothing outside of the allowed folders is read, replaced or told."""

from __future__ import annotations

import os
import threading
from collections import Counter

import pytest

from odyssey_ros.bridge.runtime.allowed_folders import AllowedFolders
from odyssey_ros.client import ErrorCode, OdysseyArgumentError
from odyssey_ros.client.regular_file import FileFault, RegularFileError
from waiting import wait_until


@pytest.fixture
def allowed(tmp_path):
    (tmp_path / "allowed" / "below").mkdir(parents=True)
    (tmp_path / "allowed" / "below" / "file").write_bytes(b"allowed")
    (tmp_path / "private").write_bytes(b"private")
    return tmp_path / "allowed"


def folders(*paths):
    return AllowedFolders([str(path) for path in paths], "folders", "do something else")


def refused(access, path):
    with pytest.raises(OdysseyArgumentError) as caught:
        access(str(path))
    assert caught.value.code is ErrorCode.PATH_NOT_ALLOWED
    return str(caught.value)


def reading(one):
    return lambda path: one.read(path, 1000)


def placing(one):
    def place(path):
        with one.place_for(path):
            pass

    return place


def test_a_file_in_a_folder(allowed):
    for one in (folders(allowed), folders(f"/{allowed}/"), folders("/nowhere", allowed / "below")):
        assert one.read(str(allowed / "below" / "file"), 1000) == b"allowed"
    with pytest.raises(RegularFileError) as caught:
        folders(allowed).read(str(allowed / "below" / "file"), 6)
    assert caught.value.fault is FileFault.TOO_LARGE


def test_the_folder_itself_may_be_a_link(allowed, tmp_path):
    (tmp_path / "link").symlink_to(allowed)
    assert folders(tmp_path / "link").read(str(tmp_path / "link" / "below" / "file"), 1000) == b"allowed"


@pytest.mark.parametrize("access", [reading, placing])
@pytest.mark.parametrize(
    "path",
    [
        "{top}/private",
        "{top}/allowed/../private",
        "{top}/allowed/below/../../private",
        "{top}/allowed",
        "{top}/allowed/",
        "{top}/allowed/..",
        "{top}/allowedprivate",
        "{top}/none",
        "/dev/ptmx",
        "/",
        "allowed/below/file",
        "~/file",
        "",
        "{top}/allowed/a\0b",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_path_outside_is_refused_with_one_text(allowed, tmp_path, access, path):
    text = refused(access(folders(allowed)), path.format(top=tmp_path))
    assert text == (
        "the path is not in a folder that this node allows: do something else, or start the node with the "
        "folder in the parameter folders"
    )


@pytest.mark.parametrize("access", [reading, placing])
def test_without_folders_everything_is_refused(allowed, access):
    refused(access(folders()), allowed / "below" / "file")


@pytest.mark.parametrize("access", [reading, placing])
def test_a_link_that_leads_out_is_refused(allowed, tmp_path, access):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"private")
    (allowed / "out").symlink_to(tmp_path / "outside")
    refused(access(folders(allowed)), allowed / "out" / "file")
    (allowed / "file").symlink_to(tmp_path / "private")
    if access is reading:
        refused(access(folders(allowed)), allowed / "file")


def test_a_link_within_the_folder_may_be_read(allowed):
    (allowed / "link").symlink_to("below/file")
    assert folders(allowed).read(str(allowed / "link"), 1000) == b"allowed"


def test_a_folder_that_is_exchanged_all_the_time_never_leads_out(allowed, tmp_path):
    """An attacker with access to the folder swaps a folder and a link while the file is read."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"private")
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            (allowed / "below").rename(allowed / "away")
            (tmp_path / "link").rename(allowed / "below")
            (allowed / "below").rename(tmp_path / "link")
            (allowed / "away").rename(allowed / "below")

    outcomes = Counter()

    def both_were_seen():
        try:
            assert folders(allowed).read(str(allowed / "below" / "file"), 1000) == b"allowed"
            outcomes["read"] += 1
        except (OdysseyArgumentError, RegularFileError):
            outcomes["refused"] += 1
        return min(outcomes["read"], outcomes["refused"]) >= 300

    attacker = threading.Thread(target=swap)
    attacker.start()
    try:
        wait_until(both_were_seen, lambda: f"many of both outcomes: {outcomes}", pause=lambda: None)
    finally:
        stop.set()
        attacker.join()


def test_a_file_can_be_replaced(allowed):
    with folders(allowed).place_for(str(allowed / "below" / "new")) as place:
        place.write_bytes(b"new")
    assert (allowed / "below" / "new").read_bytes() == b"new"
    with folders(allowed).place_for(str(allowed / "top")) as place:
        place.write_bytes(b"top")
    assert (allowed / "top").read_bytes() == b"top"


def test_the_place_stays_in_the_folder_that_was_checked(allowed, tmp_path):
    (tmp_path / "outside").mkdir()
    with folders(allowed).place_for(str(allowed / "below" / "new")) as place:
        (allowed / "below").rename(allowed / "away")
        (allowed / "below").symlink_to(tmp_path / "outside")
        place.write_bytes(b"new")
    assert not list((tmp_path / "outside").iterdir())
    assert (allowed / "away" / "new").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_a_regular_file_can_be_replaced(allowed, tmp_path, kind):
    target = allowed / "target"
    if kind == "link":
        target.symlink_to(tmp_path / "private")
    elif kind == "fifo":
        os.mkfifo(target)
    else:
        target.mkdir()
    with pytest.raises(RegularFileError, match="not a regular file"):
        placing(folders(allowed))(str(target))
    with pytest.raises(RegularFileError, match="No such file"):
        placing(folders(allowed))(str(allowed / "none" / "file"))
