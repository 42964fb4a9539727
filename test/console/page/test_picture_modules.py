"""The modules of the picture that need no picture: headers, codecs, the clock, the rate and the words."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


@pytest.fixture
def run(module_page: Page) -> Callable[[str, str, Any], Any]:
    """Calls a function of a module in Chromium: `run("picture_words", "m => m.ageText(45)")`."""

    def call(module: str, function: str, argument: Any = None) -> Any:
        return module_page.evaluate(
            f"async (argument) => ({function})(await import('/static/{module}.js'), argument)", argument
        )

    return call


def test_the_header_of_a_message_is_read(run: Callable[..., Any]) -> None:
    message = struct.pack("<BBBxIdd", 1, 2, 1, 4_000_000_000, 1.5, float("nan")) + b"data"
    found = run(
        "picture_header",
        """(m, bytes) => {
            const p = m.readPicture(new Uint8Array(bytes).buffer);
            return [p.codec, p.key, p.number, p.stamp, Number.isNaN(p.age), [...p.data]];
        }""",
        list(message),
    )
    assert found == [2, True, 4_000_000_000, 1.5, True, list(b"data")]


@pytest.mark.parametrize("message", [b"", b"\1" * 24, b"\2" + bytes(40)])
def test_another_message_is_no_picture(run: Callable[..., Any], message: bytes) -> None:
    assert (
        run("picture_header", "(m, bytes) => m.readPicture(new Uint8Array(bytes).buffer)", list(message))
        is None
    )


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("000000016742c00ad9000000016588", "avc1.42c00a"),
        ("00000001091000000167640028ac0000016588", "avc1.640028"),
        ("0000016588", ""),
        ("000001419a00000167640028ac", ""),  # parameters after the picture are not of it
        ("0000016742", ""),
        ("", ""),
        ("01010101", ""),
    ],
)
def test_the_codec_is_read_from_the_parameters(run: Callable[..., Any], unit: str, expected: str) -> None:
    data = list(bytes.fromhex(unit))
    assert run("picture_header", "(m, bytes) => m.codecString(new Uint8Array(bytes))", data) == expected


def test_the_age_follows_the_clock_of_the_server(run: Callable[..., Any]) -> None:
    """The answer that took the shortest time counts most."""
    found = run(
        "picture_clock",
        """(m) => {
            const clock = new m.ServerClock();
            const picture = { stamp: 1000, age: 0.1 };
            const before = clock.ageOf(picture, 0);
            clock.add(0, 900, 1000.9);
            clock.add(1000, 1020, 1001.01);
            return [Number.isNaN(before), clock.ageOf(picture, 1100), clock.ageOf(picture, 0),
                    Number.isNaN(clock.ageOf({ stamp: 1000, age: NaN }, 1100))];
        }""",
    )
    assert found == [True, pytest.approx(1100), 0, True]


def test_the_rate_is_that_of_the_last_seconds(run: Callable[..., Any]) -> None:
    found = run(
        "picture_rate",
        """(m) => {
            const rate = new m.Rate();
            const values = [rate.value(0)];
            for (let time = 0; time <= 5000; time += 50) rate.add(time);
            values.push(rate.value(5000), rate.value(6000), rate.value(9000));
            return values;
        }""",
    )
    assert found[0] == 0
    assert found[1] == pytest.approx(20, abs=0.1)
    assert 0 < found[2] < 20
    assert found[3] == 0


def test_the_prompt_is_that_of_the_stream_or_of_the_position(run: Callable[..., Any]) -> None:
    timeline = {"prompts": [{"position": 0, "prompt": "a sea"}, {"position": 2, "prompt": "a desert"}]}
    function = (
        "(m, [status, timeline, at]) => m.promptInForce(status ?? undefined, timeline ?? undefined, at)"
    )
    assert run("picture_words", function, [{"prompt": "a harbour"}, None, 0]) == "a harbour"
    assert run("picture_words", function, [None, None, 0]) == ""
    assert run("picture_words", function, [None, timeline, 1.9]) == "a sea"
    assert run("picture_words", function, [None, timeline, 2.0]) == "a desert"


def test_the_position_is_that_of_the_last_frame_while_the_player_plays(run: Callable[..., Any]) -> None:
    function = "(m, [playback, position]) => m.playerPosition(playback ?? undefined, position ?? undefined)"
    playing = {"state_text": "playing", "position": 1.0, "stream_id": "a"}
    last = {"position": 3.0, "stream_id": "a"}
    assert run("picture_words", function, [playing, last]) == 3.0
    assert run("picture_words", function, [playing, {**last, "stream_id": "b"}]) == 1.0
    assert run("picture_words", function, [{**playing, "state_text": "paused"}, last]) == 1.0
    assert run("picture_words", function, [playing, None]) == 1.0
    assert run("picture_words", function, [None, None]) == 0


STATE: dict[str, Any] = {
    "isOnline": True,
    "loss": "",
    "entry": {},
    "status": {"connection_text": "connected", "streaming": True},
    "waiting": "",
}


@pytest.mark.parametrize(
    ("changes", "seen", "expected"),
    [
        ({}, False, "Waiting for the first picture"),
        ({}, True, "No new picture comes"),
        ({"loss": "32 pages show pictures."}, True, "32 pages show pictures."),
        ({"isOnline": False}, True, ""),
        ({"entry": None}, False, "No node is chosen"),
        ({"entry": None, "waiting": "/odyssey is not on the graph"}, True, "/odyssey is not on the graph."),
        (
            {"status": {"connection_text": "reconnecting"}},
            True,
            "no picture while the node is not connected to the service",
        ),
        ({"status": {"connection_text": "connected", "streaming": False}}, True, "No stream is running"),
        ({"playback": {"state_text": "paused"}}, True, "Paused"),
        ({"playback": {"state_text": "finished"}}, True, "All episodes have been played"),
    ],
)
def test_the_reason_why_no_picture_comes(
    run: Callable[..., Any], changes: dict[str, Any], seen: bool, expected: str
) -> None:
    found = run(
        "picture_words",
        "(m, [state, seen]) => m.pauseReason({ ...state, entry: state.entry ?? undefined }, seen)",
        [{**STATE, **changes}, seen],
    )
    assert expected in found


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("m => m.ageText(45.4)", "45 ms"),
        ("m => m.ageText(1234)", "1.2 s"),
        ("m => m.ageText(NaN)", "–"),
        ("m => m.sourceText('h264', '')", "H.264"),
        ("m => m.sourceText('jpeg', 'no WebCodecs')", "JPEG: no WebCodecs"),
        ("m => m.sourceText('', '')", "–"),
    ],
)
def test_figures_are_written_for_people(run: Callable[..., Any], function: str, expected: str) -> None:
    assert run("picture_words", function) == expected
