"""Colours of the images from which scripts start."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.client.images import colour_note

if TYPE_CHECKING:
    from odyssey_ros.dataset.scripts.plans import EpisodePlan


def image_note(plan: EpisodePlan) -> str:
    """Return why the image of a script does not have its exact colours in the stream. Blocks.

    The result is empty when it has, when there is no image, and when the image cannot be opened: then the
    submission fails.
    """
    image = plan.script[0]["start"].get("image")
    return _note(image) if isinstance(image, str) else ""


@lru_cache(maxsize=256)
def _note(image: str) -> str:
    try:
        return colour_note(image)
    except OdysseyImageError:
        return ""
