"""The routes of script checks and simulation jobs, with a console, a bridge and an emulator as processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from console_client import ConsoleClient
from picture_files import one_colour
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console_graph import ConsoleGraph, ConsoleProcess
    from processes import EmulatorProcess, Process

SCRIPT = """\
script:
  - {timestamp_ms: 0, start: {prompt: "a harbour at dawn"}}
  - {timestamp_ms: 400, interact: {prompt: "rain"}}
  - {timestamp_ms: 800, end: {}}
"""


@pytest.fixture(scope="module")
def bridge(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A bridge that polls jobs often."""
    return graph.bridge(emulator, {"simulation_poll_period": 0.2})


@pytest.fixture
def client(console: ConsoleProcess, bridge: Process, emulator: EmulatorProcess) -> Iterator[ConsoleClient]:
    """A page that watches the bridge."""
    with ConsoleClient(console.url, "/odyssey") as one:
        one.wait_for(lambda state: can_run(state.get("nodes")), "an action of the bridge")
        yield one
    emulator.clear_faults()


def can_run(nodes: list[dict[str, Any]] | None) -> bool:
    """Return whether the bridge can run simulations and describe them."""
    wanted = {"run_simulation", "list_simulation_jobs", "get_simulation_job", "cancel_simulation_job"}
    return any(wanted <= set(node["can"]) for node in nodes or [])


def get(client: ConsoleClient, path: str, **query: Any) -> tuple[int, dict[str, Any]]:
    """Get JSON; return the status of the answer and its JSON."""
    response = client.http.get(path, params={"node": client.node, **query})
    return response.status_code, response.json()


def submitted(client: ConsoleClient, **fields: Any) -> str:
    """Submit a job; return its id."""
    status, job = client.post("/api/simulations", **{"text": SCRIPT, **fields})
    assert status == 200, job
    return str(job["job_id"])


def wait_for_status(client: ConsoleClient, job_id: str, status: str) -> dict[str, Any]:
    """Wait until pages are told a state of a job that was submitted through the console."""

    def found(state: dict[str, Any]) -> dict[str, Any] | None:
        jobs = state.get("jobs") or []
        return next((job for job in jobs if job["job_id"] == job_id and job["status"] == status), None)

    return dict(client.wait_for(found, f"{status} of {job_id}"))


def test_a_text_is_checked(client: ConsoleClient) -> None:
    status, checked = client.post("/api/scripts/check", text=SCRIPT)
    assert (status, checked["ok"], checked["errors"]) == (200, True, [])
    assert checked["summary"]["duration_s"] == [0.8]
    assert not checked["summary"]["portrait"]
    assert [entry["prompt"] for entry in checked["scripts"][0]["entries"]] == [
        "a harbour at dawn",
        "rain",
        "",
    ]
    client.wait_for(lambda state: state.get("limits"), "the limits of the bridge")
    status, checked = client.post("/api/scripts/check", text=SCRIPT.replace("rain", "x" * 4097))
    assert (status, checked["ok"]) == (200, False)
    assert checked["errors"][0]["line"] == 3
    assert "has 4097 characters, but at most 4096" in checked["errors"][0]["message"]
    for fields in ({}, {"text": 1}, {"text": SCRIPT, "pictures": []}, {"text": SCRIPT, "name": "x" * 256}):
        assert client.post("/api/scripts/check", **fields)[0] == 400


def test_a_job_is_submitted_followed_and_described(client: ConsoleClient) -> None:
    job_id = submitted(client, text=f"repeats: 2\n{SCRIPT}")
    job = wait_for_status(client, job_id, "completed")
    assert job["videos"] == 2
    assert "http" not in str(client.state["jobs"])
    status, detail = get(client, f"/api/simulations/{job_id}")
    assert (status, detail["status"], len(detail["streams"])) == (200, "completed", 2)
    assert "http" not in str(detail)
    assert [stream["index"] for stream in detail["streams"]] == [0, 1]
    assert all(stream["has_video"] and stream["frame_count"] > 0 for stream in detail["streams"])
    status, page = get(client, "/api/simulations", limit=1)
    assert (status, page["jobs"][0]["job_id"], page["total"] >= 1) == (200, job_id, True)
    assert job_id not in str(get(client, "/api/simulations", status="unfinished")[1])
    assert job_id in str(get(client, "/api/simulations", status="completed")[1])


def test_attached_pictures_are_sent_with_the_job(client: ConsoleClient) -> None:
    status, uploaded = client.post("/api/simulations/picture", one_colour())
    assert (status, uploaded["width"], uploaded["height"]) == (200, 640, 352)
    text = SCRIPT.replace('dawn"', 'dawn", image: start.png')
    job_id = submitted(client, text=text, pictures={"start.png": uploaded["id"]})
    wait_for_status(client, job_id, "completed")
    status, refused = client.post("/api/simulations", text=text, pictures={"start.png": uploaded["id"]})
    assert (status, refused["error_code"]) == (400, "BAD_IMAGE")  # it was used
    assert client.post("/api/simulations/picture", b"no picture")[1]["error_code"] == "BAD_IMAGE"


@pytest.mark.parametrize("path", ["/etc/passwd", "~/x.png", "../x.png", "start.png"])
def test_no_file_is_read(client: ConsoleClient, path: str) -> None:
    text = SCRIPT.replace('dawn"', f'dawn", image: {path}')
    checked = client.post("/api/scripts/check", text=text)[1]
    assert not checked["ok"]
    assert "attach" in checked["errors"][0]["message"]
    status, refused = client.post("/api/simulations", text=text)
    assert (status, refused["error_code"]) == (400, "BAD_SCRIPT")


def test_a_pending_job_is_cancelled(client: ConsoleClient, emulator: EmulatorProcess) -> None:
    emulator.fault(fault="job_hold", count=0, before="dispatched")
    job_id = submitted(client)
    assert job_id in str(get(client, "/api/simulations", status="unfinished")[1])
    status, job = client.post(f"/api/simulations/{job_id}/cancel")
    assert (status, job["status"]) == (200, "cancelled")
    wait_for_status(client, job_id, "cancelled")
    status, refused = client.post(f"/api/simulations/{job_id}/cancel")
    assert (status, refused["error_code"]) == (409, "NOT_CANCELLABLE")


def test_a_job_in_processing_cannot_be_cancelled(client: ConsoleClient, emulator: EmulatorProcess) -> None:
    emulator.fault(fault="job_hold", count=0, before="completed")
    job_id = submitted(client)
    wait_for_status(client, job_id, "processing")
    status, refused = client.post(f"/api/simulations/{job_id}/cancel")
    assert (status, refused["error_code"]) == (409, "NOT_CANCELLABLE")
    assert "runs to its end" in refused["message"]
    emulator.clear_faults()

    def completed() -> bool:
        return bool(get(client, f"/api/simulations/{job_id}")[1]["status"] == "completed")

    wait_until(completed, "the end of the job")
    wait_for_status(client, job_id, "completed")  # its goal has ended: the list tells


def test_a_failed_job_has_its_reason(client: ConsoleClient, emulator: EmulatorProcess) -> None:
    emulator.fault(fault="job_fail", before="completed", message="the worker has no memory", count=1)
    job_id = submitted(client)
    assert "no memory" in wait_for_status(client, job_id, "failed")["error_message"]


def test_a_refused_job(client: ConsoleClient) -> None:
    status, refused = client.post("/api/simulations", text=f"repeats: 30\n{SCRIPT}")
    assert status in {400, 409}, refused
    assert "20" in refused["message"]


def test_a_job_outlives_its_bridge(
    graph: ConsoleGraph, client: ConsoleClient, emulator: EmulatorProcess, bridge: Process
) -> None:
    """The last test of this file: it replaces the bridge."""
    emulator.fault(fault="job_hold", count=0, before="dispatched")
    first, second = submitted(client), submitted(client)
    bridge.popen.kill()
    graph.bridge(emulator, {"simulation_poll_period": 0.2})

    def cancelled() -> bool:
        answered, job = client.post(f"/api/simulations/{first}/cancel")
        return answered == 200 and job["status"] == "cancelled"

    wait_until(cancelled, "an answer of the new bridge")
    wait_for_status(client, first, "cancelled")
    emulator.clear_faults()

    def completed() -> bool:
        answered, page = get(client, "/api/simulations")
        return answered == 200 and {"completed"} == {
            job["status"] for job in page["jobs"] if job["job_id"] == second
        }

    wait_until(completed, "the end of the other job")
    wait_for_status(client, second, "completed")
