"""Parses the messages of the signaling socket and of the data channel into typed values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.json_fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class StartStream:
    """`interactive_stream_start`: start a stream.

    Attributes:
        prompt: the prompt; may be empty.
        portrait: 704 x 1280 rather than 1280 x 704.
        broadcast: whether spectators may watch.
        image: data URL of the input image, or None.
        bypass_expansion: whether prompts are applied unchanged.
    """

    prompt: str
    portrait: bool
    broadcast: bool
    image: str | None = field(repr=False)
    bypass_expansion: bool


@dataclass(frozen=True, slots=True)
class UpdateStream:
    """`update`: a further prompt for the running stream."""

    prompt: str


@dataclass(frozen=True, slots=True)
class EndStream:
    """`interactive_stream_end`: end the running stream."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`answer`: the client's session description."""

    sdp: str


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """`ice_candidate`: one of the client's candidates; an empty string is the end of candidates."""

    candidate: str
    mid: str | None
    line_index: int | None


@dataclass(frozen=True, slots=True)
class Keepalive:
    """`keepalive`: the client still uses the socket."""


@dataclass(frozen=True, slots=True)
class ClientDisconnecting:
    """`client_disconnecting`: the client is about to close the socket."""


ChannelMessage = StartStream | UpdateStream | EndStream
SocketMessage = Answer | RemoteCandidate | Keepalive | ClientDisconnecting | StartStream


def parse_channel_message(text: str | bytes) -> ChannelMessage | None:
    """Parse a message of the `clientToStreamer` channel.

    Returns:
        The message, or None for an unknown type.

    Raises:
        InvalidFieldError: the text is no JSON object, or a field has the wrong type.
    """
    fields = Fields.parse(text)
    kind = fields.string("type")
    if kind == "interactive_stream_start":
        return _start_stream(fields)
    if kind == "update":
        return UpdateStream(fields.string("prompt"))
    if kind == "interactive_stream_end":
        return EndStream()
    return None


def parse_socket_message(text: str | bytes) -> SocketMessage | None:
    """Parse a message of the signaling socket.

    Returns:
        The message, or None for an unknown type.

    Raises:
        InvalidFieldError: the text is no JSON object, or a field has the wrong type.
    """
    fields = Fields.parse(text)
    kind = fields.string("type")
    if kind == "answer":
        return Answer(fields.string("sdp"))
    if kind == "ice_candidate":
        return RemoteCandidate(
            candidate=fields.string("candidate", ""),
            mid=fields.optional_string("sdpMid"),
            line_index=fields.optional_integer("sdpMLineIndex"),
        )
    if kind == "keepalive":
        return Keepalive()
    if kind == "client_disconnecting":
        return ClientDisconnecting()
    if kind == "interactive_stream_start":
        return _start_stream(fields)
    return None


def _start_stream(fields: Fields) -> StartStream:
    return StartStream(
        prompt=fields.string("prompt", ""),
        portrait=fields.boolean("portrait", default=True),
        broadcast=fields.boolean("broadcast", default=False),
        image=fields.optional_string("input_image_base64"),
        bypass_expansion=fields.boolean("bypass_vlm_expansion", default=False),
    )


def encode(kind: str, fields: Mapping[str, object]) -> str:
    """Return the JSON text of a message of the service."""
    return json.dumps({"type": kind, **fields})


__all__ = [
    "Answer",
    "ChannelMessage",
    "ClientDisconnecting",
    "EndStream",
    "Keepalive",
    "RemoteCandidate",
    "SocketMessage",
    "StartStream",
    "UpdateStream",
    "encode",
    "parse_channel_message",
    "parse_socket_message",
]
