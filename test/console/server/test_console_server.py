"""A console process that listens on other addresses, over https, or cannot listen at all."""

from __future__ import annotations

import json
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from certificate_authority import CertificateAuthority
from console_graph import CONSOLE_READY
from ipv6 import needs_ipv6

if TYPE_CHECKING:
    from pathlib import Path

    from console_graph import ConsoleGraph

TOKEN = "0123456789abcdef-token"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with the token."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN)
    return path


def test_an_exposed_console_warns_and_serves_those_with_the_token(
    graph: ConsoleGraph, tmp_path: Path, token_file: Path
) -> None:
    authority = CertificateAuthority(tmp_path)
    console = graph.console(
        {
            "address": "0.0.0.0",
            "token_file": token_file,
            "certificate_file": authority.server_file("127.0.0.1"),
            "allowed_hosts": "['robot.example']",
        }
    )
    output = console.process.text
    assert "whoever has the token can see the video, prompt, submit jobs, spend the hours" in output
    assert "http:" not in output  # https is encrypted
    assert urlsplit(console.url).scheme == "https"
    url = f"https://127.0.0.1:{urlsplit(console.url).port}"
    trust = ssl.create_default_context(cafile=authority.file)
    with httpx.Client(base_url=url, verify=trust, trust_env=False, headers={"Origin": url}) as client:
        assert client.get("/api/session").status_code == 401
        assert client.post("/api/login", json={"token": "guess"}).status_code == 403
        answer = client.post("/api/login", json={"token": TOKEN})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-odyssey_console_")
        assert "Secure" in cookie
        page_token = client.get("/api/session").json()["page_token"]
        cookies = f"{cookie.partition(';')[0]}"
        address = f"{url.replace('https', 'wss')}/socket/state"
        with connect(address, origin=url, ssl=trust, additional_headers={"Cookie": cookies}) as state:
            state.send(json.dumps({"type": "hello", "token": page_token}))
            assert json.loads(state.recv(timeout=60))["type"] == "nodes"
        named = {"Host": "robot.example", "Origin": "https://robot.example"}
        assert client.get("/api/session", headers=named).status_code == 200
        foreign = {"Host": "other.example", "Origin": "https://other.example"}
        assert client.get("/api/session", headers=foreign).status_code == 421
    assert TOKEN not in console.process.text
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP/1.1 2" not in plain.recv(1000)


@needs_ipv6
def test_ipv6(graph: ConsoleGraph) -> None:
    console = graph.console({"address": "::1"})
    assert console.url.startswith("http://[::1]:")
    assert httpx.get(console.url, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (
            {"address": "0.0.0.0"},
            "0.0.0.0 can be reached from other machines, and there is no token: make one",
        ),
        ({"address": "192.0.2.77", "token_file": "{token}"}, "192.0.2.77 is no address of this machine"),
        ({"address": "127.0.0.1", "port": "{used}"}, "is in use, perhaps by another console: set port to"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(
    graph: ConsoleGraph, token_file: Path, parameters: dict[str, str], reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        values = {"token": token_file, "used": used.getsockname()[1]}
        process = graph.node("console", {name: text.format(**values) for name, text in parameters.items()})
        assert process.exit_status() == 1
    (line,) = process.output
    assert "Cannot serve the" in line
    assert reason in line
    assert CONSOLE_READY not in process.text
    assert TOKEN not in process.text
