"""A real player, controlled through a console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from console_client import ConsoleClient
from small_video import write_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console_graph import ConsoleGraph, ConsoleProcess
    from processes import Process

FRAMES = 30
LOG = (
    '{"type": "stream_started", "timestamp_ms": 0, "prompt": "a calm sea"}\n'
    '{"type": "interact_acknowledged", "timestamp_ms": 1150, "prompt": "a storm"}\n'
    '{"type": "stream_ended", "timestamp_ms": 3000}\n'
)


@pytest.fixture(scope="module")
def player(graph: ConsoleGraph, tmp_path_factory: pytest.TempPathFactory) -> Process:
    """A paused player of a video of three seconds at 10 Hz with an events log."""
    video = write_video(tmp_path_factory.mktemp("video") / "walk.mp4", FRAMES)
    video.with_suffix(".events.jsonl").write_text(LOG)
    return graph.node("player", {"video_file": video, "start_paused": True, "loop": True})


@pytest.fixture(scope="module")
def watching(console: ConsoleProcess, player: Process) -> Iterator[ConsoleClient]:
    """A page that watches the player."""
    with ConsoleClient(console.url, "/player") as one:
        one.wait_for(lambda state: (state.get("playback") or {}).get("state_text"), "the playback")
        one.wait_for(lambda state: state["playback"]["state_text"] != "unconfigured", "the start")
        yield one


@pytest.fixture
def client(watching: ConsoleClient) -> ConsoleClient:
    """A page that watches the player, which is paused."""
    assert watching.post("/api/player/pause") == (200, {"message": ""})
    wait_for_playback(watching, state_text="paused")
    return watching


def wait_for_playback(client: ConsoleClient, **fields: Any) -> None:
    """Wait until the state of the player has these values."""
    client.wait_for(lambda state: state["playback"] | fields == state["playback"], f"{fields}")


def test_a_step_opens_the_episode_with_its_time_line(client: ConsoleClient) -> None:
    """The page has the time line with the first frame of each prompt, and the frame that comes next."""
    assert client.post("/api/player/seek", frame_index=0)[0] == 200
    assert client.post("/api/player/step") == (200, {"message": "frame 0 of walk"})
    wait_for_playback(client, frame_index=1, frame_count=FRAMES, stream_id="walk")
    line = client.wait_for(lambda state: state.get("timeline"), "the time line")
    assert (line["stream_id"], line["frame_count"], line["duration"]) == ("walk", FRAMES, 3.0)
    assert [(one["position"], one["prompt"]) for one in line["prompts"]] == [
        (0.0, "a calm sea"),
        (1.2, "a storm"),
    ]


def test_a_seek_by_number_or_position_moves_the_player(client: ConsoleClient) -> None:
    """The answer has the next frame."""
    place = {"episode": 0, "stream_id": "walk", "frame_index": 12, "position": 1.2}
    assert client.post("/api/player/seek", frame_index=12) == (200, place)
    assert client.post("/api/player/seek", position=1.25) == (200, place)
    wait_for_playback(client, frame_index=12, state_text="paused")


def test_a_playing_player_tells_its_position(client: ConsoleClient) -> None:
    """Positions arrive while frames are published, and the player pauses again."""
    assert client.post("/api/player/resume") == (200, {"message": ""})
    wait_for_playback(client, state_text="playing")
    first = client.wait_for(lambda state: state.get("position"), "a position")
    client.wait_for(lambda state: state["position"] not in (None, first), "another position")
    assert first["stream_id"] == "walk"
    assert first["position"] == pytest.approx(first["frame_index"] / 10)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"frame_index": FRAMES}, "there is no frame 30; there are 30"),
        ({"episode": 3, "frame_index": 0}, "there is no episode 3; there are 1"),
        ({"position": 3.5}, "the position 3.5 s is not within 0 to 3 s"),
        ({"position": -1}, "position has to be a number from 0 to 1e+07"),
        ({"position": "3"}, "position has to be a number"),
        ({"frame_index": 1 << 60}, "frame_index has to be a whole number from -1 to 9007199254740991"),
        ({"episode": 1.5}, "episode has to be a whole number from -1 to 2147483647"),
    ],
)
def test_an_invalid_seek_is_refused_in_words(
    client: ConsoleClient, fields: dict[str, Any], text: str
) -> None:
    """The message of the player or of the console arrives as it is."""
    assert client.post("/api/player/seek", **fields) == (400, {"error_code": "BAD_ARGUMENT", "message": text})


def test_the_speed_is_that_of_the_player(client: ConsoleClient) -> None:
    """The console changes no other parameter; a speed that the player cannot have is refused in words."""
    assert client.post("/api/player/rate", rate=2) == (200, {})
    wait_for_playback(client, rate=2.0)
    assert client.post("/api/player/rate", rate=1.0) == (200, {})
    text = "rate has to be a number from 0.01 to 1000"
    assert client.post("/api/player/rate", rate=0) == (400, {"error_code": "BAD_ARGUMENT", "message": text})


def test_a_refused_step_is_an_error(client: ConsoleClient) -> None:
    """A Trigger without success becomes an error with the text of the player."""
    assert client.post("/api/lifecycle", transition="deactivate")[0] == 200
    status, answer = client.post("/api/player/step")
    assert (status, answer["message"]) == (409, "the player is not active: activate it first")
    assert client.post("/api/lifecycle", transition="activate")[0] == 200
