"""An account whose recordings, jobs and files are what a test writes, however odd, on a real HTTP server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from hostile_service import HostileService, json_response, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostile_service import Request


@dataclass
class ScriptedAccount:
    """Answers like the service. Start it with `service.running()`.

    Attributes:
        recordings: Rows of the list of recordings, newest first.
        details: The answers for single recordings, by stream id.
        jobs: Rows of the list of jobs, newest first.
        job_details: The answers for single jobs, by id; a function is called at each request.
        files: Content and header lines of the files, by path.
        submissions: The bodies of the submissions so far.
        on_submit: Answers a submission; by default not at all, so that its outcome is unknown.
        hidden_jobs: Jobs that the list counts, but does not contain.
    """

    recordings: list[Any] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    jobs: list[Any] = field(default_factory=list)
    job_details: dict[str, Any] = field(default_factory=dict)
    files: dict[str, tuple[bytes, list[bytes]]] = field(default_factory=dict)
    submissions: list[Any] = field(default_factory=list)
    on_submit: Callable[[], Iterable[bytes]] = tuple
    hidden_jobs: int = 0

    def __post_init__(self) -> None:
        self.service = HostileService(self.answer)

    def url(self, path: str) -> str:
        """Return the URL of a file."""
        return f"{self.service.url}/files/{path}"

    def add_file(self, path: str, content: bytes, *headers: bytes) -> str:
        """Add a file and return its URL."""
        self.files[path] = (content, list(headers))
        return self.url(path)

    def add_recording(self, stream_id: str, video: bytes, log: bytes | None = None, **fields: Any) -> None:
        """Add a recording that has ended, with its files."""
        number = len(self.details)
        self.recordings.append(
            {
                "stream_id": stream_id,
                "width": 320,
                "height": 192,
                "started_at": fields.pop("started_at", "2026-11-01T10:00:00Z"),
                "ended_at": "2026-11-01T10:10:00Z",
                "duration_seconds": fields.get("duration_seconds", 0.6),
            }
        )
        self.details[stream_id] = {
            "stream_id": stream_id,
            "video_url": self.add_file(f"{number}.mp4", video),
            "events_url": None if log is None else self.add_file(f"{number}.jsonl", log),
            "frame_count": 12,
            "duration_seconds": 0.6,
            **fields,
        }

    def add_job(self, job_id: str, created_at: str, *streams: Any, status: str = "completed") -> None:
        """Add a job, the newest one."""
        row = {"job_id": job_id, "status": status, "priority": "normal", "created_at": created_at}
        self.jobs.insert(0, row)
        self.job_details[job_id] = {**row, "started_at": created_at, "streams": list(streams)}

    def answer(self, request: Request) -> Iterable[bytes]:
        """Answer a request."""
        parts = urlsplit(request.path)
        kind, _, name = unquote(parts.path.lstrip("/")).partition("/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/auth/token":
            yield json_response(200, {"access_token": "token", "expires_in": 3600})
        elif kind == "files":
            content, headers = self.files[name]
            start = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nConnection: close".encode()
            yield b"\r\n".join([start, *headers]) + b"\r\n\r\n" + content
        elif request.endpoint == "POST /simulation-jobs":
            self.submissions.append(json.loads(request.body))
            yield from self.on_submit()
        elif name:
            found = (self.details if kind == "recordings" else self.job_details).get(name)
            found = found() if callable(found) else found
            yield response(404) if found is None else json_response(200, found)
        else:
            what = "recordings" if kind == "stream-recordings" else "jobs"
            rows = self.recordings if what == "recordings" else self.jobs
            offset, limit = int(query.get("offset", "0")), int(query.get("limit", "20"))
            total = len(rows) + (self.hidden_jobs if what == "jobs" else 0)
            page = {what: rows[offset : offset + limit], "total": total, "limit": limit, "offset": offset}
            yield json_response(200, page)
