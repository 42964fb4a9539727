"""Presigned URLs of the files of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults import ExpiredUrls
from odyssey_ros.emulator.http.http_answers import base_url

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.emulator.media.recording import Artifact
    from odyssey_ros.emulator.service_context import ServiceContext

_EXPIRED_LIFETIME = -60.0


def presigned_url(context: ServiceContext, request: web.Request, stream_id: str, artifact: Artifact) -> str:
    """Return a presigned URL of one file of a finished recording.

    Args:
        context: the parts of the service.
        request: the request to answer; its host becomes the host of the URL.
        stream_id: id of the recording.
        artifact: the file.
    """
    lifetime = context.config.limits.url_seconds
    if context.faults.state(ExpiredUrls) is not None:
        lifetime = _EXPIRED_LIFETIME
    path = f"/files/{stream_id}/{artifact.value}"
    return f"{base_url(request)}{path}?{context.tokens.sign_path(path, lifetime)}"
