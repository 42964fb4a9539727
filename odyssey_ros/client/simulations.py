"""Encoding of the request that submits a simulation job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from odyssey_ros.client.images import prepare_image
from odyssey_ros.client.scripts import check_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.scripts import ScriptEntry


def encode_simulation(
    *,
    script: Sequence[ScriptEntry] | None,
    scripts: Sequence[Sequence[ScriptEntry]] | None,
    script_url: str | None,
    portrait: bool,
    bypass_prompt_expansion: bool | None,
) -> bytes:
    """Check the scripts, prepare their images and encode the request.

    Takes tens of milliseconds for each image; do not call it on the event loop.

    Raises:
        OdysseyScriptError: A script is invalid.
        OdysseyImageError: An image is invalid.
    """
    check_sources(script, scripts, script_url)
    body: dict[str, object] = {"portrait": portrait, "output_video": True}
    if bypass_prompt_expansion is not None:
        body["bypass_vlm_expansion"] = bypass_prompt_expansion
    if script is not None:
        body["script"] = _prepared(script, portrait=portrait)
    elif scripts is not None:
        body["scripts"] = [_prepared(one, portrait=portrait) for one in scripts]
    else:
        body["script_url"] = script_url
    return json.dumps(body).encode()


def _prepared(script: Sequence[ScriptEntry], *, portrait: bool) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for entry in script:
        prepared: dict[str, object] = dict(entry)
        start = entry.get("start")
        if start is not None:
            action: dict[str, object] = dict(start)
            image = action.pop("image", None)
            if image is not None:
                action["image"] = prepare_image(start["image"], portrait=portrait)
            prepared["start"] = action
        entries.append(prepared)
    return entries
