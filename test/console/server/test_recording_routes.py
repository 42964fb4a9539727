"""The routes of recordings, with a console, a bridge, an emulator and a hostile node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from console_client import ConsoleClient
from console_content import make_recording
from hostile_recordings import HostileRecordings
from hostile_service import HostileService, response
from probe import Probe
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from console_graph import ConsoleGraph, ConsoleProcess
    from processes import EmulatorProcess, Process

PROMPTS = ("a calm sea", "a red desert")
NODE = {"node": "/odyssey"}


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that runs no stream."""
    return graph.bridge(emulator)


@pytest.fixture(scope="module")
def stream_id(emulator: EmulatorProcess) -> str:
    """A recording with two prompts."""
    return make_recording(emulator.url, PROMPTS)


@pytest.fixture(scope="module")
def http(console: ConsoleProcess, bridge: Process, stream_id: str) -> Iterator[httpx.Client]:
    """What a page sends; a page that watches the bridge is open."""
    with ConsoleClient(console.url, "/odyssey") as client:
        client.wait_for(lambda state: (state.get("status") or {}).get("connection") == 3, "a connection")
        yield client.http


@pytest.fixture(scope="module")
def liar(graph: ConsoleGraph) -> Iterator[HostileRecordings]:
    """A node that looks like a bridge."""
    probe = Probe(graph.domain)
    one = HostileRecordings.of(probe)
    yield one
    probe.do(lambda: probe.executor.remove_node(one.node))
    probe.close()


def _url(stream_id: str, kind: str = "") -> str:
    return f"/media/recordings/{stream_id}/{kind}" if kind else f"/api/recordings/{stream_id}"


def test_recordings_are_listed_in_pages(http: httpx.Client, stream_id: str) -> None:
    """The newest first, with their total number."""
    page = http.get("/api/recordings", params={**NODE, "limit": 1, "offset": 0}).json()
    assert page["total"] == 1
    row = page["recordings"][0]
    assert row["stream_id"] == stream_id
    assert (row["width"], row["height"]) == (1280, 704)
    assert row["ended_at"] >= row["started_at"] > 0
    assert http.get("/api/recordings", params={**NODE, "offset": 5}).json()["recordings"] == []


def test_details_have_the_prompts_and_no_address(
    http: httpx.Client, stream_id: str, emulator: EmulatorProcess
) -> None:
    """The prompts come from the events log."""
    got = http.get(_url(stream_id), params=NODE)
    found = got.json()
    assert [one["prompt"].partition(",")[0] for one in found["prompts"]] == list(PROMPTS)
    assert found["prompts"][0]["position"] == 0 < found["prompts"][1]["position"] < found["duration"]
    assert {name: found[name] for name in found if name.startswith("has_")} == {
        "has_video": True, "has_preview": True, "has_thumbnail": True, "has_prompts": True,
    }  # fmt: skip
    assert (found["losses"], found["prompts_error"]) == ([], "")
    for secret in ("signature", "expires", emulator.url):
        assert secret not in got.text


def test_files_are_forwarded(http: httpx.Client, stream_id: str, console: ConsoleProcess) -> None:
    """Ranges are parts of the same file, also near its end; nothing of the storage's headers is there."""
    whole = http.get(_url(stream_id, "video"), params=NODE)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.content[4:8] == b"ftyp"
    size = len(whole.content)
    for first, last in ((0, 99), (size // 2, size // 2 + 1000), (size - 10, size - 1)):
        part = http.get(_url(stream_id, "video"), params=NODE, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status_code, part.content) == (206, whole.content[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
    head = http.head(_url(stream_id, "video"), params=NODE)
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (200, size, b"")
    assert not {"etag", "last-modified"} & set(whole.headers)
    assert http.get(_url(stream_id, "preview"), params=NODE).content[4:8] == b"ftyp"
    thumbnail = http.get(_url(stream_id, "thumbnail"), params=NODE)
    assert (thumbnail.headers["content-type"], thumbnail.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert "signature" not in console.process.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/recordings/..%2f..%2fetc", 400),
        ("/api/recordings/nobody-has-it", 404),
        ("/media/recordings/nobody-has-it/video", 404),
        ("/media/recordings/a%20b/video", 400),
        ("/media/recordings/a/events", 404),
        ("/api/recordings?limit=0", 400),
        ("/api/recordings?limit=101", 400),
        ("/api/recordings?offset=-1", 400),
        ("/api/recordings?limit=%D9%A3", 400),
    ],
)
def test_invalid_requests(http: httpx.Client, path: str, status: int) -> None:
    """They are refused before a node is asked, or by the node."""
    separator = "&" if "?" in path else "?"
    assert http.get(f"{path}{separator}node=/odyssey").status_code == status
    assert http.get(f"{path}{separator}node=/nobody").status_code in {400, 404}


def test_expired_addresses_are_renewed(
    graph: ConsoleGraph, bridge: Process, emulator: EmulatorProcess, stream_id: str
) -> None:
    """The node is asked for new ones; a storage that refuses those too is an error in words."""
    console = graph.console({"media_origins": f"['{emulator.url}']"})
    with ConsoleClient(console.url, "/odyssey") as client:
        client.wait_for(lambda state: (state.get("status") or {}).get("connection") == 3, "a connection")
        emulator.fault(fault="expired_urls")
        refused = client.http.get(_url(stream_id, "video"), params=NODE)
        assert refused.status_code == 404
        assert "status 403" in refused.json()["message"]
        emulator.clear_faults()
        assert client.http.get(_url(stream_id, "video"), params=NODE).status_code == 200
    console.process.end()
    assert "signature" not in console.process.text


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:{victim}/secret",
        "{console}/api/session",
        "",
    ],
)
def test_a_hostile_node_reads_nothing_through_the_console(
    liar: HostileRecordings, http: httpx.Client, console: ConsoleProcess, address: str
) -> None:
    """A node that names any address gets no request sent to it, and its secrets are in no log."""
    with HostileService(lambda _: [response(200, b"private")]).running() as victim:
        port = victim.url.rpartition(":")[2]
        named = address.replace("{victim}", port).replace("{console}", console.url)
        liar.address = named and f"{named}?secret=hidden"

        def details() -> Any:
            found = http.get("/api/recordings/any", params={"node": "/liar"}).json()
            return found if "prompts" in found else None  # the node and its services have to be discovered

        found = wait_until(details, "the hostile node")
        assert found["prompts"] == []
        assert found["has_video"] is bool(address)
        answers = [
            http.get(f"/media/recordings/any/{kind}", params={"node": "/liar"})
            for kind in ("video", "preview", "thumbnail")
        ]
        assert {answer.status_code for answer in answers} <= {403, 404, 502}
        assert victim.requests == []
    for text in (*(answer.text for answer in answers), str(found), console.process.text):
        assert "hidden" not in text
