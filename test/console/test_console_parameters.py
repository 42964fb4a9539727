"""The parameters of the console, and their table in the documentation."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from odyssey_ros.console.console_parameters import SETTINGS, ConsoleParameters
from odyssey_ros.console.server.access_sessions import LIFETIME_S, MAX_SESSIONS
from odyssey_ros.console.server.console_server import MAX_CONNECTIONS
from odyssey_ros.console.server.login_attempts import MAX_FAILURES, WINDOW_S
from odyssey_ros.console.server.server_secrets import MAX_TOKEN, MIN_TOKEN
from odyssey_ros.console.server.state_socket import MAX_PAGES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "console.md").read_text(encoding="utf-8")


def test_the_values_have_the_names_of_the_settings():
    assert [field.name for field in fields(ConsoleParameters)] == [setting.name for setting in SETTINGS]


def test_the_table_has_all_parameters_with_their_defaults():
    section = PAGE.partition("## Parameters of the console")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", section, re.MULTILINE)
    assert rows == [
        (setting.name, {"": '""', (): "[]"}.get(setting.default, str(setting.default)))
        for setting in SETTINGS
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"| connections | {MAX_CONNECTIONS};",
        f"{MAX_SESSIONS}, of {LIFETIME_S / 3600:g} hours each",
        f"| {MAX_FAILURES} in {WINDOW_S:g} s |",
        f"one word of {MIN_TOKEN} to {MAX_TOKEN} characters",
        f"| {MAX_PAGES} each |",
    ],
)
def test_the_page_has_the_limits(text):
    assert text in PAGE
