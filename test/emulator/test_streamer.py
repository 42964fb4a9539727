"""Streams, seen by a client: pictures, prompts, ends."""

from __future__ import annotations

from odyssey_ros.emulator.marker import prompt_digest, read_marker


def marker_of(frame):
    return read_marker(frame.to_ndarray(format="yuv420p")[: frame.height])


async def test_a_stream_shows_moving_pictures_that_answer_prompts(service, until):
    _, caller = service
    connection = await caller.connect()
    assert not connection.frames

    started = await connection.start("a red fox")
    assert started["type"] == "stream_started"
    assert started["applied_prompt"].startswith("a red fox, ")
    await until(lambda: len(connection.frames) > 10)
    assert (connection.frames[0].width, connection.frames[0].height) == (1280, 704)
    first = marker_of(connection.frames[0])
    assert first.prompt_id == prompt_digest("a red fox")

    acknowledged = await connection.interact("it begins to snow")
    assert acknowledged["prompt"].startswith("it begins to snow, ")
    await until(lambda: marker_of(connection.frames[-1]).prompt_id == prompt_digest("it begins to snow"))

    assert (await connection.end())["type"] == "stream_ended"
