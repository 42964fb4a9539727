"""The body of `POST /simulation-jobs`, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.jobs.scripts import Script, parse_script

if TYPE_CHECKING:
    from odyssey_ros.emulator.http.json_fields import Fields

__all__ = ["MAX_SCRIPTS", "JobRequest"]

MAX_SCRIPTS = 20
"""Most scripts of one job."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A request for a simulation job.

    Attributes:
        portrait: 704 x 1280 rather than 1280 x 704.
        output_video: whether the outputs have a video and a preview.
        bypass_expansion: whether prompts are applied unchanged.
        scripts: one simulation each; empty when `script_url` is given.
        script_url: the URL of the only script, or None.
    """

    portrait: bool
    output_video: bool
    bypass_expansion: bool
    scripts: tuple[Script, ...]
    script_url: str | None

    @classmethod
    def parse(cls, fields: Fields) -> JobRequest:
        """Read and check the body of the request.

        Raises:
            InvalidFieldError: the body breaks a rule; the error has the path and the rule.
        """
        sources = [name for name in ("script", "scripts", "script_url") if name in fields]
        if len(sources) != 1:
            raise InvalidFieldError((), "exactly one of script, scripts and script_url is needed")
        scripts: tuple[Script, ...] = ()
        script_url = None
        if sources == ["script"]:
            scripts = (parse_script(fields.raw("script"), ("script",)),)
        elif sources == ["scripts"]:
            batch = fields.items("scripts")
            if not 1 <= len(batch) <= MAX_SCRIPTS:
                raise InvalidFieldError(("scripts",), f"must have 1 to {MAX_SCRIPTS} scripts")
            scripts = tuple(parse_script(item, ("scripts", index)) for index, item in enumerate(batch))
        else:
            script_url = fields.string("script_url")
            if not script_url.lower().startswith(("http://", "https://")):
                raise InvalidFieldError(("script_url",), "must be an http or https URL")
        return cls(
            portrait=fields.boolean("portrait", default=True),
            output_video=fields.boolean("output_video", default=True),
            bypass_expansion=fields.boolean("bypass_vlm_expansion", default=False),
            scripts=scripts,
            script_url=script_url,
        )
