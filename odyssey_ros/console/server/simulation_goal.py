"""The goal of `run_simulation` for checked scripts and their pictures."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Final

from sensor_msgs.msg import CompressedImage

from odyssey_ros.action import RunSimulation
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.server.script_bounds import MAX_JOB_BYTES
from odyssey_ros.console.server.script_images import data_url_bytes, is_data_url
from odyssey_ros.msg import Script, ScriptEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odyssey_ros.console.server.script_check import CheckedText, TextEntry

_ACTIONS: Final = {"start": ScriptEntry.START, "interact": ScriptEntry.INTERACT, "end": ScriptEntry.END}
_BYPASS: Final = {None: -1, False: 0, True: 1}


def simulation_goal(checked: CheckedText, attached: Mapping[str, bytes]) -> RunSimulation.Goal:
    """Return the goal. Blocks for up to some tenths of a second for many images.

    Args:
        checked: The scripts, without mistakes.
        attached: The contents of the attached pictures, by their names.

    Raises:
        OdysseyError: `MESSAGE_TOO_LONG`: the prompts and images are too large together.
    """
    images = {entry.image: b"" for script in checked.scripts for entry in script.entries if entry.image}
    for name in images:
        images[name] = data_url_bytes(name) if is_data_url(name) else attached[name]
    size = sum(
        len(entry.prompt.encode()) + (len(images[entry.image]) if entry.image else 0)
        for script in checked.scripts
        for entry in script.entries
    )
    if size > MAX_JOB_BYTES:
        raise OdysseyError(
            f"the prompts and images of the job have {size} bytes, but at most {MAX_JOB_BYTES} are allowed: "
            "submit fewer scripts at once, or reduce the images",
            code=ErrorCode.MESSAGE_TOO_LONG,
        )
    # An array is taken over as it is; rclpy checks each byte of any other sequence.
    messages = {name: CompressedImage(data=array.array("B", content)) for name, content in images.items()}
    return RunSimulation.Goal(
        scripts=[
            Script(entries=[_entry(entry, messages) for entry in script.entries])
            for script in checked.scripts
        ],
        portrait=checked.portrait,
        bypass_prompt_expansion=_BYPASS[checked.bypass_prompt_expansion],
    )


def _entry(entry: TextEntry, images: Mapping[str, CompressedImage]) -> ScriptEntry:
    message = ScriptEntry(timestamp_ms=entry.timestamp_ms, action=_ACTIONS[entry.action], prompt=entry.prompt)
    if entry.image is not None:
        message.image = images[entry.image]
    return message
