"""The check of a cluster's address: servers that answer, that do not, and texts that are no address."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.engines.cluster_address import check_reachable
from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Run a server that sends an answer to each client; None for one that stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                if answer is not None:
                    connection.recv(100)
                    connection.sendall(answer)
                with suppress(ConnectionResetError):
                    while connection.recv(100):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_grpc_server_is_accepted() -> None:
    with server(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00") as address:
        check_reachable(address)
    check_reachable("auto")


def test_tls_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with server(None) as address:
        check_reachable(address, timeout_s=0.1)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00"])
def test_another_server(answer: bytes) -> None:
    with server(answer) as address, pytest.raises(PlanError, match="another server than the head node"):
        check_reachable(address)


def test_a_silent_server_and_none() -> None:
    with server(None) as address, pytest.raises(PlanError, match=r"no Ray cluster at .* \(timed out\)"):
        check_reachable(address, timeout_s=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(PlanError, match=r"no Ray cluster at .* \(Connection refused\)"):
        check_reachable(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    "text", ["ray://host:10001", "host", "host:", "host:0", "h:99999", "h:1/a", "a b:1", ""]
)
def test_texts_that_are_no_address(text: str) -> None:
    with pytest.raises(PlanError, match="is HOST:PORT or auto"):
        check_reachable(text)
