"""A job request that breaks a rule is refused with the path and the rule."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.jobs.job_request import JobRequest
from odyssey_ros.emulator.jobs.scripts import parse_script

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
END = {"timestamp_ms": 9000, "end": {}}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "exactly one of script, scripts and script_url"),
        ({"script": [START, END], "script_url": "http://x"}, "exactly one of"),
        ({"scripts": []}, "scripts: must have 1 to 20 scripts"),
        ({"scripts": [[START, END]] * 21}, "scripts: must have 1 to 20 scripts"),
        ({"scripts": [[START, END], [START]]}, "scripts.1.0: the last entry must be an end"),
        ({"scripts": "x"}, "scripts: must be an array"),
        ({"script_url": "file:///etc/passwd"}, "script_url: must be an http or https URL"),
        ({"script_url": 5}, "script_url: must be a string"),
        ({"script": [START, END], "portrait": "yes"}, "portrait: must be a boolean"),
    ],
)
def test_an_invalid_request_is_refused(body: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidFieldError) as refusal:
        JobRequest.parse(Fields(body))
    assert problem in str(refusal.value)


def test_null_fields_have_their_defaults() -> None:
    request = JobRequest.parse(
        Fields({"script": [START, END], "scripts": None, "bypass_vlm_expansion": None})
    )
    assert (request.portrait, request.output_video, request.bypass_expansion) == (True, True, False)
    assert request.scripts == (parse_script([START, END]),)


def test_a_request_with_a_url_has_no_scripts_yet() -> None:
    request = JobRequest.parse(Fields({"script_url": "HTTPS://example.org/script"}))
    assert (request.scripts, request.script_url) == ((), "HTTPS://example.org/script")
