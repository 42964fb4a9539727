"""The prompts of a recording for the page, from its events log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from odyssey_ros.client import OdysseyError
from odyssey_ros.console.server.media_forwarding import read_events_log
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.events import EventKind, EventLog, parse_events
from odyssey_ros.dataset.logs.log_content import decompressed

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.console.server.media_forwarding import Load
    from odyssey_ros.console.server.media_sources import MediaKey


async def recorded_prompts(request: web.Request, key: MediaKey, load: Load) -> dict[str, Any]:
    """Return the prompts of a recording or of a video of a job, as JSON for the page.

    Returns:
        `prompts`: a list of `{"position": seconds since the start, "prompt": text}` in order of time;
        `losses`: a list of `{"count": number, "text": what was lost}`; `prompts_error`: why there are no
        prompts, in words; empty if the log was read.
    """
    try:
        data = await read_events_log(request, key, load)
        # Parsing eight megabytes takes long enough to delay other requests.
        return await asyncio.to_thread(_parsed, data)
    except (OdysseyError, EpisodeError) as error:
        return {"prompts": [], "losses": [], "prompts_error": error.message}


def prompts_value(log: EventLog) -> dict[str, Any]:
    """Return the JSON value of a log; see `recorded_prompts`."""
    return {
        "prompts": [
            {"position": event.stream_time_ns / 1e9, "prompt": event.prompt}
            for event in log.events
            if event.kind is not EventKind.ENDED
        ],
        "losses": [{"count": count, "text": loss.text} for loss, count in log.losses.items()],
        "prompts_error": "",
    }


def _parsed(data: bytes) -> dict[str, Any]:
    content = decompressed(data)
    return prompts_value(parse_events(content.data, is_whole=not content.cut_off))
