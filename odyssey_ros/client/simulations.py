"""Encoding of the request that submits a simulation job."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.errors import OdysseyScriptError
from odyssey_ros.client.images import convert_image
from odyssey_ros.client.scripts import check_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.images import ImageInput
    from odyssey_ros.client.scripts import ScriptEntry

MAX_SUBMISSION_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of the request, with its images as base64. The service documents no limit; 64 MiB is that of
its signaling messages, and enough for some hundred images."""


async def encode_simulation(
    *,
    script: Sequence[ScriptEntry] | None,
    scripts: Sequence[Sequence[ScriptEntry]] | None,
    script_url: str | None,
    portrait: bool,
    bypass_prompt_expansion: bool | None,
) -> bytes:
    """Check the scripts, prepare their images one after the other, and encode the request.

    Raises:
        OdysseyScriptError: A script is invalid, or the request is larger than `MAX_SUBMISSION_BYTES`.
        OdysseyImageError: An image is invalid.
    """
    body, images = await asyncio.to_thread(
        _body,
        {"script": script, "scripts": scripts, "script_url": script_url},
        portrait=portrait,
        bypass_prompt_expansion=bypass_prompt_expansion,
    )
    total = _text_size(body)
    _check_total(total)
    for start, image in images:
        start["image"] = await convert_image(image, portrait=portrait)
        total += len(start["image"])
        _check_total(total)
    encoded = await asyncio.to_thread(lambda: json.dumps(body).encode())
    _check_total(len(encoded))
    return encoded


def _body(
    sources: dict[str, Any], *, portrait: bool, bypass_prompt_expansion: bool | None
) -> tuple[dict[str, Any], list[tuple[dict[str, Any], ImageInput]]]:
    """Return the request without its images, and each image with the action to which it belongs."""
    check_sources(**sources)
    images: list[tuple[dict[str, Any], ImageInput]] = []
    body: dict[str, Any] = {"portrait": portrait, "output_video": True}
    if bypass_prompt_expansion is not None:
        body["bypass_vlm_expansion"] = bypass_prompt_expansion
    if sources["script"] is not None:
        body["script"] = _prepared(sources["script"], images)
    elif sources["scripts"] is not None:
        body["scripts"] = [_prepared(script, images) for script in sources["scripts"]]
    else:
        body["script_url"] = sources["script_url"]
    return body, images


def _prepared(
    script: Sequence[ScriptEntry], images: list[tuple[dict[str, Any], ImageInput]]
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for entry in script:
        prepared: dict[str, Any] = dict(entry)
        start = entry.get("start")
        if start is not None:
            action: dict[str, Any] = dict(start)
            image = action.pop("image", None)
            if image is not None:
                images.append((action, image))
            prepared["start"] = action
        entries.append(prepared)
    return entries


def _text_size(body: dict[str, Any]) -> int:
    """Return the number of characters of all prompts, or of the URL, before anything is encoded."""
    scripts = body.get("scripts") or [body.get("script") or []]
    prompts = (
        entry.get("start", {}).get("prompt") or entry.get("interact", {}).get("prompt") or ""
        for script in scripts
        for entry in script
    )
    return len(body.get("script_url") or "") + sum(map(len, prompts))


def _check_total(size: int) -> None:
    if size > MAX_SUBMISSION_BYTES:
        raise OdysseyScriptError(
            f"the job is larger than {MAX_SUBMISSION_BYTES // (1024 * 1024)} MB with its images: submit "
            "fewer scripts at once"
        )
