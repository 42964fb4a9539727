"""A real player, controlled from the page in Chromium with keys and the pointer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from odyssey_ros.msg import PlaybackStatus
from playwright.sync_api import expect
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile

from console_pages import PageWatch, open_page
from played_jobs import finished_job
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from console_graph import ConsoleGraph, ConsoleProcess
    from probe import Probe
    from processes import EmulatorProcess, Process

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
FRAMES = 50  # of the first episode: 2.5 s at 20 Hz


@pytest.fixture(scope="module")
def emulator(graph: ConsoleGraph) -> EmulatorProcess:
    """An emulator whose jobs have videos at 20 Hz."""
    return graph.emulator("--fps", "20")


@pytest.fixture(scope="module")
def player(graph: ConsoleGraph, emulator: EmulatorProcess) -> Process:
    """A paused player of a job with two streams, which plays them again and again."""
    job = finished_job(emulator.url)
    return graph.bridge(emulator, {"job_id": job.job_id, "start_paused": True, "loop": True}, name="player")


@pytest.fixture(scope="module")
def controlling(player: Process, console: ConsoleProcess, browser: Browser) -> Iterator[Page]:
    """A page that shows the player."""
    watch = PageWatch()
    watch.allow(
        "40[49] POST .*/api/player/(pause|seek|step|rate)"
    )  # until the player is known and has started; and a refused step
    page = open_page(browser, f"{console.url}/?node=/player", watch)
    yield page
    page.context.close()
    assert watch.unexpected() == []


@pytest.fixture
def page(controlling: Page) -> Page:
    """A page that controls the player, which is paused before the first frame."""
    controlling.get_by_role("link", name="Live", exact=True).click()
    controlling.locator("#view").focus()  # Space on a link is not the page's
    seek(controlling, {"episode": 0, "frame_index": 0})
    expect(state_of(controlling)).to_have_text("Paused")
    expect_frame(controlling, 0)
    return controlling


def seek(page: Page, body: dict[str, int]) -> None:
    """Pause and seek through the routes of the page, as soon as the player can."""
    seek_once = """async (body) => {
        const { page_token: token } = await (await fetch('/api/session')).json();
        const headers = { 'X-Console-Token': token, 'Content-Type': 'application/json' };
        // The step opens the episode: a paused player does not open another one for a seek.
        for (const [name, value] of [['pause', {}], ['seek', body], ['step', {}], ['seek', body]]) {
            const options = { method: 'POST', headers, body: JSON.stringify(value) };
            if (!(await fetch(`/api/player/${name}?node=/player`, options)).ok) return false;
        }
        return true;
    }"""
    # Not wait_for_function: it calls an async function once.
    wait_until(lambda: page.evaluate(seek_once, body), "a seek", pause=lambda: page.wait_for_timeout(200))


def expect_frame(page: Page, frame: int, frames: int = FRAMES) -> None:
    """Expect that so many frames of the episode are behind."""
    expect(page.locator(".player-controls")).to_contain_text(f"frame {frame} of {frames}")


def slider(page: Page) -> Locator:
    """Return the slider of the time line."""
    return page.get_by_role("slider", name="Position in the episode")


def state_of(page: Page) -> Locator:
    """Return the badge with the state of playback."""
    return page.locator(".player-controls > .badge")


def test_keys_step_and_play(page: Page, probe: Probe) -> None:
    """The full stop publishes one frame, the comma goes back; Space plays and pauses."""
    states = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    wait_until(lambda: states, "the state of the player")
    states.clear()  # those of the tests before
    page.keyboard.press(".")
    expect_frame(page, 1)
    page.keyboard.press(".")
    expect_frame(page, 2)
    page.keyboard.press(",")
    expect_frame(page, 1)
    expect(page.get_by_role("button", name="Previous frame")).to_have_attribute("aria-disabled", "true")
    page.keyboard.press(",")  # there is none before the first one
    page.keyboard.press(".")
    expect_frame(page, 2)
    page.keyboard.press(" ")
    expect(state_of(page)).to_have_text("Playing")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".player-controls")).not_to_contain_text("frame 2 of")
    page.keyboard.press(" ")
    expect(state_of(page)).to_have_text("Paused")
    wait_until(lambda: any(state.state == PlaybackStatus.PLAYING for state in states), "a playing player")


def test_keys_seek_on_the_time_line(page: Page) -> None:
    """The slider says time and prompt; arrow keys, Home and End move the player."""
    slider(page).focus()
    page.keyboard.press("End")
    expect_frame(page, FRAMES - 1)
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r"^0:02 of 0:02, a red desert"))
    page.keyboard.press("Home")
    expect_frame(page, 1)  # the frame of a seek is shown, also by a paused player
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(r"^0:00 of 0:02, a calm sea"))
    page.keyboard.press("ArrowRight")
    expect_frame(page, 22)


def test_a_person_types_where_to_go(page: Page) -> None:
    """A number is a frame as it is shown, everything else a time; mistakes are explained."""
    field = page.get_by_role("textbox", name="Go to a time or a frame")
    problem = page.locator(".player [role=alert]")
    field.fill("21")
    field.press("Enter")
    expect_frame(page, 21)
    field.fill("0:01.50")
    page.get_by_role("button", name="Go", exact=True).click()
    expect_frame(page, 31)
    for text, words in (
        ("51", "There is no frame 51: the episode has the frames 1 to 50."),
        ("0:05", "The episode ends at 0:02.5: type an earlier time."),
        ("later", "Type a time such as 1:23.4, or the number of a frame."),
    ):
        field.fill(text)
        field.press("Enter")
        expect(problem).to_have_text(words)
        expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("1.0s")
    expect(problem).to_be_empty()
    field.press("Enter")
    expect_frame(page, 21)


def test_the_speed_is_chosen(page: Page, probe: Probe) -> None:
    """It is the parameter of the player, which may have any other value."""
    speed = page.get_by_label("Speed")
    expect(speed).to_have_value("1")
    speed.select_option("0.25")
    states = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    wait_until(lambda: states and states[-1].rate == 0.25)
    set_parameter(probe, "rate", ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=3.0))
    expect(speed).to_have_value("3")
    speed.select_option("1")
    wait_until(lambda: states[-1].rate == 1)
    expect(speed).to_have_value("1")
    refusal = {"error_code": "BAD_ARGUMENT", "message": "The player refused the speed"}
    page.route("**/api/player/rate?*", lambda route: route.fulfill(status=409, json=refusal))
    speed.select_option("8")
    expect(page.get_by_role("alert").filter(has_text="refused the speed")).to_be_visible()
    expect(speed).to_have_value("1")
    page.unroute("**/api/player/rate?*")


def test_the_pointer_seeks(page: Page) -> None:
    """A click in the middle of the time line goes there; a drag follows the pointer."""
    box = slider(page).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.click(box["x"] + box["width"] / 2, middle)
    expect(page.locator(".player-controls")).to_contain_text(re.compile(r"frame 2[4567] of 50"))
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    page.mouse.up()
    expect(page.locator(".player-controls")).to_contain_text(re.compile(r"frame 3[6789] of 50"))


def test_prompts_seek_to_their_first_frames(page: Page) -> None:
    """Each prompt is a mark on the time line, and a line of the list."""
    mark = page.get_by_role("button", name=re.compile(r"^0:01 a red desert"))
    expect(mark).to_have_attribute("title", re.compile("a red desert"))
    mark.click()
    expect_frame(page, 21)
    page.get_by_text("Prompts", exact=True).click()
    listed = page.locator(".player-prompts button")
    expect(listed).to_have_count(2)
    expect(listed.nth(1)).to_have_attribute("aria-current", "true")
    listed.first.click()
    expect_frame(page, 1)
    expect(listed.first).to_have_attribute("aria-current", "true")


def test_episodes_are_chosen(page: Page) -> None:
    """The next episode has its own time line; the first one has none before it."""
    expect(page.get_by_role("button", name="Previous episode")).to_be_disabled()
    page.get_by_role("button", name="Next episode").click()
    expect(page.locator(".player-episodes")).to_contain_text("2 of 2")
    expect_frame(page, 1, 24)
    expect(page.get_by_role("button", name=re.compile(r"^0:00 a forest"))).to_be_visible()
    expect(page.get_by_role("button", name="Next episode")).to_be_disabled()
    page.get_by_role("button", name="Previous episode").click()
    expect_frame(page, 1)


def test_playback_starts_again_after_the_end(page: Page, probe: Probe) -> None:
    """Without a loop, the last frame is the end, and the button says what it does then."""
    set_loop(probe, loop=False)
    try:
        seek(page, {"episode": 1, "frame_index": 20})
        page.get_by_role("button", name="Play", exact=True).click()
        expect(state_of(page)).to_have_text("Finished")
        page.get_by_role("button", name="Play again").click()
        expect(state_of(page)).to_have_text("Playing")
    finally:
        set_loop(probe, loop=True)


def test_an_inactive_player_is_activated_beside_the_picture(page: Page) -> None:
    """A refused step is told beside the controls, and the summary offers what is needed."""
    page.get_by_role("link", name="State", exact=True).click()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.locator(".lifecycle .badge")).to_have_text("Inactive")
    page.get_by_role("link", name="Live", exact=True).click()
    page.get_by_role("button", name="Next frame").click()
    expect(page.locator(".player [role=alert]")).to_have_text("the player is not active: activate it first")
    page.locator(".summary").get_by_role("button", name="Activate").click()
    expect(page.locator(".summary .lifecycle .badge")).to_have_text("Active")
    page.get_by_role("button", name="Next frame").click()
    expect_frame(page, 1)
    expect(page.locator(".player [role=alert]")).to_be_empty()


def set_loop(probe: Probe, *, loop: bool) -> None:
    """Set the parameter of the player."""
    set_parameter(probe, "loop", ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=loop))


def set_parameter(probe: Probe, name: str, value: ParameterValue) -> None:
    """Set a parameter of the player."""
    request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
    assert probe.call(SetParameters, "/player/set_parameters", request).results[0].successful
