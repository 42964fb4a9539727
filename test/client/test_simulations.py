"""Encoding of the request that submits a simulation job."""

from __future__ import annotations

import asyncio
import copy
import json

import pytest

from odyssey_ros.client import OdysseyImageError, OdysseyScriptError, simulations
from odyssey_ros.client.simulations import encode_simulation

SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a cat"}},
    {"timestamp_ms": 3000, "interact": {"prompt": "a dog"}},
    {"timestamp_ms": 6000, "end": {}},
]
URL = "https://example.org/script.json"


def encode(**arguments):
    defaults = {
        "script": None,
        "scripts": None,
        "script_url": None,
        "portrait": True,
        "bypass_prompt_expansion": None,
    }
    return json.loads(asyncio.run(encode_simulation(**{**defaults, **arguments})))


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"script": SCRIPT}, {"portrait": True, "script": SCRIPT}),
        ({"script": tuple(SCRIPT), "portrait": False}, {"portrait": False, "script": SCRIPT}),
        ({"scripts": [SCRIPT, SCRIPT]}, {"portrait": True, "scripts": [SCRIPT, SCRIPT]}),
        (
            {"script_url": URL, "bypass_prompt_expansion": False},
            {"portrait": True, "script_url": URL, "bypass_vlm_expansion": False},
        ),
        (
            {"script_url": URL, "bypass_prompt_expansion": True},
            {"portrait": True, "script_url": URL, "bypass_vlm_expansion": True},
        ),
    ],
)
def test_the_request_contains_the_arguments(arguments, fields):
    assert encode(**arguments) == {"output_video": True, **fields}


def test_an_image_becomes_a_data_url_and_the_script_is_not_changed(grey_image):
    script = [{"timestamp_ms": 0, "start": {"prompt": "", "image": grey_image}}, *SCRIPT[1:]]
    before = copy.copy(script[0]["start"])
    sent = encode(script=script)["script"]
    assert sent[0]["start"]["prompt"] == ""
    assert sent[0]["start"]["image"].startswith("data:image/jpeg;base64,")
    assert sent[1:] == SCRIPT[1:]
    assert script[0]["start"] == before


def test_an_image_of_none_is_left_out():
    script = [{"timestamp_ms": 0, "start": {"prompt": "a cat", "image": None}}, *SCRIPT[1:]]
    assert encode(script=script)["script"] == SCRIPT


def test_an_invalid_script_or_image_is_refused():
    with pytest.raises(OdysseyScriptError, match="exactly one"):
        encode()
    with pytest.raises(OdysseyScriptError, match="exactly one"):
        encode(script=SCRIPT, script_url=URL)
    with pytest.raises(OdysseyScriptError, match=r"^script\[0\]"):
        encode(script=SCRIPT[1:])
    with pytest.raises(OdysseyImageError, match="unsupported"):
        encode(script=[{"timestamp_ms": 0, "start": {"prompt": "a cat", "image": b"text"}}, *SCRIPT[1:]])


def test_a_job_that_is_too_large_is_refused_before_it_is_encoded(monkeypatch, grey_image):
    prompts = [SCRIPT[0], *[{"timestamp_ms": 3000, "interact": {"prompt": "x" * 100_000}}] * 700, SCRIPT[-1]]
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", None)  # would fail if it were called
        with pytest.raises(OdysseyScriptError, match="larger than 64 MB with its images: submit fewer"):
            encode(script=prompts)


def test_no_image_is_converted_beyond_the_limit(monkeypatch, grey_image):
    converted = []

    async def convert(image, *, portrait):
        converted.append(image)
        return "x" * 30_000_000

    monkeypatch.setattr(simulations, "convert_image", convert)
    script = [{"timestamp_ms": 0, "start": {"prompt": "", "image": grey_image}}, SCRIPT[-1]]
    with pytest.raises(OdysseyScriptError, match="larger than 64 MB"):
        encode(scripts=[script] * 10)
    assert len(converted) == 3
