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


@pytest.mark.parametrize("kind", [SubmitSimulationJob.Request, RunSimulation.Goal])
def test_a_script(kind):
    request = SimulationRequest.parse(kind(script=SCRIPT, portrait=True, bypass_prompt_expansion=1))
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
    request = SimulationRequest.parse(
        SubmitSimulationJob.Request(scripts=[Script(entries=script), Script(entries=other)])
    )
    assert request.scripts[0][0] == {"timestamp_ms": 0, "start": {"prompt": "", "image": b"\xff\xd8\xff"}}
    named = PictureFile("/tmp/x.png", "scripts[1][0]: ")
    assert request.scripts[1][0] == {"timestamp_ms": 0, "start": {"prompt": "x", "image": named}}
    assert (request.script, request.portrait, request.bypass_prompt_expansion) == (None, False, None)


def test_the_client_refuses_a_request_without_a_script():
    request = SimulationRequest.parse(SubmitSimulationJob.Request())
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
        SimulationRequest.parse(SubmitSimulationJob.Request(script=script))


def test_an_error_in_a_batch_names_the_script_and_the_entry():
    bad = Script(entries=[ScriptEntry(action=7)])
    with pytest.raises(client.OdysseyScriptError, match=r"scripts\[1\]\[0\]"):
        SimulationRequest.parse(SubmitSimulationJob.Request(scripts=[Script(entries=SCRIPT), bad]))


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
