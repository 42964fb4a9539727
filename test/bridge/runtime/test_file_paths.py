"""Paths in parameters."""

from __future__ import annotations

import pwd

from odyssey_ros.bridge.runtime.file_paths import expand_path


def test_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/robot")
    assert expand_path("~") == "/home/robot"
    assert expand_path("~/a/b.txt") == "/home/robot/a/b.txt"
    root = pwd.getpwuid(0)
    assert expand_path(f"~{root.pw_name}/key") == f"{root.pw_dir}/key"


def test_everything_else_stays():
    for text in ("", "/a/~/b", "a~", "~no_such_user/b", "2026-06-01T10:30:00.mp4"):
        assert expand_path(text) == text
