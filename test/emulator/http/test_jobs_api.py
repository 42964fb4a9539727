"""A client submits, lists, polls and cancels simulation jobs."""

from __future__ import annotations

import io

import av
import pytest

from odyssey_ros.emulator import Account, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import JobFail, JobHold
from odyssey_ros.emulator.faults.schedule import Schedule
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from waiting import eventually

SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a harbour"}},
    {"timestamp_ms": 500, "interact": {"prompt": "fog comes in"}},
    {"timestamp_ms": 1000, "end": {}},
]
FIELDS = {
    "job_id",
    "status",
    "priority",
    "created_at",
    "dispatched_at",
    "started_at",
    "completed_at",
    "error_message",
    "assigned_region",
    "retry_count",
    "estimated_wait_minutes",
    "streams",
}


async def submit(caller, **body):
    body = {"portrait": False, "output_video": True, **body}
    return await caller.request("POST", "/simulation-jobs", json=body)


async def reached(caller, job_id, *states):
    """Wait until the job is in one of the states; return the job."""

    async def find():
        job = (await caller.request("GET", f"/simulation-jobs/{job_id}")).json()
        return job if job["status"] in states else None

    return await eventually(find, timeout=500)


async def settled(caller, job_id):
    return await reached(caller, job_id, "completed", "failed", "cancelled")


async def test_a_job_renders_its_script(service):
    _, caller = service
    submitted = (await submit(caller, script=SCRIPT)).raise_for_status().json()
    assert set(submitted) == FIELDS
    assert submitted["status"] == "pending"
    job = await settled(caller, submitted["job_id"])
    assert (job["status"], job["assigned_region"], job["retry_count"]) == ("completed", "local", 0)
    assert job["dispatched_at"] <= job["started_at"] <= job["completed_at"]
    [stream] = job["streams"]
    assert stream["script_index"] == 0
    video = (await caller.http.get(stream["video_url"])).content
    with av.open(io.BytesIO(video)) as container:
        markers = [read_marker(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert len(markers) == stream["frame_count"] == 20
    prompts = [marker.prompt_id for marker in markers]
    assert prompts == [prompt_digest("a harbour")] * 10 + [prompt_digest("fog comes in")] * 10


async def test_a_batch_has_a_stream_for_each_script(service):
    _, caller = service
    submitted = (await submit(caller, scripts=[SCRIPT, SCRIPT])).json()
    job = await settled(caller, submitted["job_id"])
    assert [stream["script_index"] for stream in job["streams"]] == [0, 1]
    for stream in job["streams"]:
        assert (await caller.http.get(stream["events_url"])).status_code == 200


async def test_jobs_are_listed_newest_first_and_filtered(service):
    emulator, caller = service
    emulator.faults.arm(JobHold(before="dispatched"))
    ids = [(await submit(caller, script=SCRIPT)).json()["job_id"] for _ in range(3)]
    listed = (await caller.request("GET", "/simulation-jobs?limit=2")).json()
    assert [job["job_id"] for job in listed["jobs"]] == [ids[2], ids[1]]
    assert (listed["total"], listed["limit"], listed["offset"]) == (3, 2, 0)
    await caller.request("DELETE", f"/simulation-jobs/{ids[0]}")

    async def total(query):
        return (await caller.request("GET", f"/simulation-jobs?{query}")).json()["total"]

    assert await total("status=cancelled") == 1
    assert await total("active=true") == 2
    assert await total("active=false") == 1
    for query in ("status=nonsense", "active=maybe", "limit=0", "limit=101", "offset=-1"):
        refused = await caller.request("GET", f"/simulation-jobs?{query}")
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_a_dispatched_job_is_cancelled_once(service):
    emulator, caller = service
    emulator.faults.arm(JobHold(before="processing"))
    dispatched = (await submit(caller, script=SCRIPT)).json()["job_id"]
    await reached(caller, dispatched, "dispatched")
    cancelled = await caller.request("DELETE", f"/simulation-jobs/{dispatched}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = await caller.request("DELETE", f"/simulation-jobs/{dispatched}")
    assert again.status_code == 400
    assert "cannot be cancelled" in again.json()["detail"]


async def test_a_fault_fails_a_job(service):
    emulator, caller = service
    emulator.faults.arm(JobFail(before="completed", message="out of memory"), Schedule(count=1))
    job = await settled(caller, (await submit(caller, script=SCRIPT)).json()["job_id"])
    assert (job["status"], job["error_message"]) == ("failed", "out of memory")
    job = await settled(caller, (await submit(caller, script=SCRIPT)).json()["job_id"])
    assert job["status"] == "completed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"script": SCRIPT, "scripts": [SCRIPT]},
        {"script": []},
        {"script": SCRIPT[1:]},
        {"script": SCRIPT[:2]},
        {"script": [SCRIPT[0], SCRIPT[2], SCRIPT[1]]},
        {"script_url": "ftp://127.0.0.1/x"},
        {"script": SCRIPT, "portrait": "yes"},
    ],
)
async def test_an_invalid_job_is_refused(service, body):
    _, caller = service
    answer = await submit(caller, **body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"]


async def test_the_queue_has_a_limit(running):
    async with running(EmulatorConfig(limits=Limits(queued_jobs=1))) as (emulator, caller):
        emulator.faults.arm(JobHold(before="dispatched"))
        assert (await submit(caller, script=SCRIPT)).status_code == 200
        refused = await submit(caller, script=SCRIPT)
        assert (refused.status_code, refused.json()) == (429, {"detail": "1 of 1 simulation jobs are queued"})


async def test_foreign_jobs_are_forbidden_and_unknown_jobs_not_found(running, new_caller):
    accounts = (Account(api_key="ody_local"), Account(api_key="ody_other", name="other"))
    async with running(EmulatorConfig(accounts=accounts)) as (emulator, caller):
        emulator.faults.arm(JobHold(before="dispatched"))
        job_id = (await submit(caller, script=SCRIPT)).json()["job_id"]
        other = new_caller(emulator.url, "ody_other")
        for method in ("GET", "DELETE"):
            assert (await other.request(method, f"/simulation-jobs/{job_id}")).status_code == 403
            assert (await other.request(method, "/simulation-jobs/unknown")).status_code == 404
        assert (await other.request("GET", "/simulation-jobs")).json()["total"] == 0
        await other.close()
        assert (await caller.http.get("/simulation-jobs")).status_code == 401


async def test_bypassing_the_expansion_needs_the_privilege(running):
    async with running(EmulatorConfig()) as (_, caller):
        assert (await submit(caller, script=SCRIPT, bypass_vlm_expansion=True)).status_code == 403
    account = Account(api_key="ody_local", may_bypass_expansion=True)
    async with running(EmulatorConfig(accounts=(account,))) as (_, caller):
        assert (await submit(caller, script=SCRIPT, bypass_vlm_expansion=True)).status_code == 200


async def test_jobs_are_kept_over_a_restart(running, tmp_path):
    config = EmulatorConfig(data_dir=tmp_path)
    async with running(config) as (emulator, caller):
        emulator.faults.arm(JobHold(before="processing"))
        job_id = (await submit(caller, script=SCRIPT)).json()["job_id"]
    async with running(config) as (_, caller):
        assert (await settled(caller, job_id))["status"] == "completed"
