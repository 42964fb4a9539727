"""Service requests parsed into arguments of the client."""

from __future__ import annotations

import pytest
from odyssey_ros.action import RunSimulation
from odyssey_ros.msg import Script, ScriptEntry
from odyssey_ros.srv import SubmitSimulationJob
from sensor_msgs.msg import CompressedImage

from odyssey_ros import client
from odyssey_ros.bridge.calls.request_pictures import PictureFile
from odyssey_ros.bridge.calls.service_requests import SimulationRequest, optional_count, picture, tristate
from odyssey_ros.client.scripts import check_sources

START, INTERACT, END = ScriptEntry.START, ScriptEntry.INTERACT, ScriptEntry.END


def entries(*rows):
    return [ScriptEntry(timestamp_ms=t, action=a, prompt=p) for t, a, p in rows]


SCRIPT = entries((0, START, "a sea"), (2000, INTERACT, "a storm"), (4000, END, ""))


def parse(fields):
    return SimulationRequest.parse(fields, max_prompt_length=100)


@pytest.mark.parametrize("kind", [SubmitSimulationJob.Request, RunSimulation.Goal])
def test_a_script(kind):
    request = parse(kind(script=SCRIPT, portrait=True, bypass_prompt_expansion=1))
    assert request.script == [
        {"timestamp_ms": 0, "start": {"prompt": "a sea"}},
        {"timestamp_ms": 2000, "interact": {"prompt": "a storm"}},
        {"timestamp_ms": 4000, "end": {}},
    ]
    assert (request.scripts, request.script_url) == (None, None)
    assert (request.portrait, request.bypass_prompt_expansion) == (True, True)
    check_sources(request.script, request.scripts, request.script_url)


def test_a_batch_with_pictures():
    script = entries((0, START, ""), (3000, END, ""))
    script[0].image = CompressedImage(data=b"\xff\xd8\xff")
    other = entries((0, START, "x"), (3000, END, ""))
    other[0].image_path = "/tmp/x.png"
    request = parse(SubmitSimulationJob.Request(scripts=[Script(entries=script), Script(entries=other)]))
    assert request.scripts[0][0] == {"timestamp_ms": 0, "start": {"prompt": "", "image": b"\xff\xd8\xff"}}
    named = PictureFile("/tmp/x.png", "scripts[1][0]: ")
    assert request.scripts[1][0] == {"timestamp_ms": 0, "start": {"prompt": "x", "image": named}}
    assert (request.script, request.portrait, request.bypass_prompt_expansion) == (None, False, None)


def test_the_client_refuses_a_request_without_a_script():
    request = parse(SubmitSimulationJob.Request())
    with pytest.raises(client.OdysseyScriptError, match="exactly one of"):
        check_sources(request.script, request.scripts, request.script_url)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"action": 9}, r"script\[1\]: unknown action 9"),
        ({"action": END}, r"script\[1\]: an END cannot have a prompt"),
        ({"image_path": "/tmp/x"}, r"script\[1\]: only a START"),
        ({"image_path": "/tmp/x", "image": CompressedImage(data=b"x")}, r"script\[1\]: image and image_path"),
    ],
)
def test_invalid_entries(changes, reason):
    script = entries((0, START, "a sea"), (2000, INTERACT, "a storm"), (4000, END, ""))
    for name, value in changes.items():
        setattr(script[1], name, value)
    with pytest.raises(client.OdysseyArgumentError, match=reason):
        parse(SubmitSimulationJob.Request(script=script))


def test_an_error_in_a_batch_names_the_script_and_the_entry():
    bad = Script(entries=[ScriptEntry(action=7)])
    with pytest.raises(client.OdysseyScriptError, match=r"scripts\[1\]\[0\]"):
        parse(SubmitSimulationJob.Request(scripts=[Script(entries=SCRIPT), bad]))


def test_tristates_and_counts():
    assert [tristate("x", value) for value in (-1, 0, 1)] == [None, False, True]
    with pytest.raises(client.OdysseyArgumentError, match="x must be -1, 0 or 1, not 2"):
        tristate("x", 2)
    assert (optional_count(-1), optional_count(0), optional_count(-2)) == (None, 0, -2)


def test_pictures():
    assert picture(CompressedImage(), "") is None
    assert picture(CompressedImage(data=b"abc"), "") == b"abc"
    assert picture(CompressedImage(), "/tmp/a.png") == PictureFile("/tmp/a.png")
    with pytest.raises(client.OdysseyImageError):
        picture(CompressedImage(data=b"abc"), "/tmp/a.png")
    with pytest.raises(client.OdysseyImageError):
        picture(CompressedImage(), "data:image/png;base64,AAAA")


def test_the_request_has_the_service_s_defaults():
    assert SubmitSimulationJob.Request().bypass_prompt_expansion == -1
    assert RunSimulation.Goal().bypass_prompt_expansion == -1


def script_with(**fields):
    script = entries((0, START, "a sea"), (3000, END, ""))
    for name, value in fields.items():
        setattr(script[0], name, value)
    return script


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"scripts": [Script(entries=SCRIPT)] * 101}, "BAD_SCRIPT", "scripts has 101 scripts"),
        ({"script": SCRIPT * 400}, "BAD_SCRIPT", "script has 1200 entries, but a script may have 1000"),
        ({"scripts": [Script(entries=SCRIPT * 400)]}, "BAD_SCRIPT", r"scripts\[0\] has 1200 entries"),
        ({"script": script_with(prompt="x" * 101)}, "PROMPT_TOO_LONG", r"script\[0\]: .* at most 100"),
        (
            {"script": script_with(image=CompressedImage(data=bytes(25 * MEGABYTE + 1)))},
            "BAD_IMAGE",
            r"script\[0\]: the image is larger than 25 MB",
        ),
        (
            {
                "scripts": [
                    Script(entries=script_with(image=CompressedImage(data=bytes(22 * MEGABYTE))))
                    for _ in range(3)
                ]
            },
            "BAD_SCRIPT",
            "at most 67108864 are allowed",
        ),
        ({"script": script_with(image_path="/" * 5000)}, "BAD_IMAGE", "more than 4096 characters"),
    ],
)
def test_requests_that_are_too_large(fields, code, reason):
    with pytest.raises(client.OdysseyArgumentError, match=reason) as raised:
        parse(SubmitSimulationJob.Request(**fields))
    assert raised.value.code == code
    assert len(str(raised.value)) < 300


def test_images_are_not_copied():
    script = script_with(image=CompressedImage(data=b"\xff\xd8\xff"))
    image = parse(SubmitSimulationJob.Request(script=script)).script[0]["start"]["image"]
    assert image.obj is script[0].image.data
