"""Paths as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from odyssey_ros.dataset.paths import HomeFolderError, user_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/walks", "/home/someone/walks"),
        ("~", "/home/someone"),
        ("./~no-such-user/x", "~no-such-user/x"),
        ("a/~/b", "a/~/b"),
        ("2026-06-01T10:30:00", "2026-06-01T10:30:00"),
        ("", "."),
    ],
)
def test_the_home_folder(text: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert user_path(text) == Path(path)


def test_the_home_folder_of_another_user() -> None:
    assert user_path("~root/x") == Path("~root/x").expanduser() != Path("~root/x")


@pytest.mark.parametrize("text", ["~no-such-user", "~no-such-user/x"])
def test_a_user_without_a_home_folder(text: str) -> None:
    reason = f"{text}: ~no-such-user has no home folder; if this is a file name, write ./{text}"
    with pytest.raises(HomeFolderError) as caught:
        user_path(text)
    assert str(caught.value) == reason
