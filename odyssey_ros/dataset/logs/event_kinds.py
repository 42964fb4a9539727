"""Kinds of the events in a log, by the whole words of their names.

A name is split into words where its style separates them: `streamStarted`, `stream_started` and
`stream.started` are the same name. Words that only tell what an event is about, such as `stream`, are left
out, and the others have to be a known name as a whole: `restart` is not `start`, and `send_prompt` has
nothing to do with `end`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class EventKind(Enum):
    """The kind of an event."""

    STARTED = "started"
    PROMPTED = "prompted"
    ENDED = "ended"


_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TOPICS: Final = frozenset(("stream", "interactive", "event", "message", "the", "client", "server"))
_NAMES: Final = {
    EventKind.STARTED: (
        *("start", "started", "starting", "start acknowledged", "start ack"),
        *("begin", "began", "begun", "beginning"),
    ),
    EventKind.PROMPTED: (
        *("interact", "interacted", "interaction", "interact acknowledged", "interact ack"),
        *("interaction acknowledged", "acknowledged"),
        *("update", "updated", "update acknowledged", "update ack"),
        *("prompt", "prompted", "prompt update", "prompt updated", "prompt change", "prompt changed"),
        *("prompt set", "prompt sent", "prompt applied", "prompt acknowledged", "new prompt"),
        *("send prompt", "set prompt", "update prompt", "change prompt", "apply prompt"),
    ),
    EventKind.ENDED: (
        *("end", "ended", "ending", "end of", "end acknowledged", "end ack", "eos"),
        *("stop", "stopped", "finish", "finished", "complete", "completed", "close", "closed"),
        *("terminate", "terminated"),
    ),
}
_KINDS: Final = {tuple(name.split()): kind for kind, names in _NAMES.items() for name in names}
_REFUSED: Final = frozenset(
    (
        *("error", "errors", "fail", "failed", "failure", "refuse", "refused", "reject", "rejected"),
        *("denied", "cancel", "cancelled", "canceled", "blocked", "dropped", "ignored", "invalid"),
        "moderated",
    )
)
_MAX_NAME: Final = 100


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case; at most 100 characters of the name are read."""
    return tuple(word.lower() for word in _WORD.findall(name[:_MAX_NAME]))


def kind_of(name: str) -> EventKind | None:
    """Return the kind of an event by its name; None for a name that is not known."""
    core = tuple(word for word in words_of(name) if word not in _TOPICS)
    return _KINDS.get(core)


def is_refusal(name: str) -> bool:
    """Return whether a name tells that something was not done, such as `prompt_rejected`."""
    return not _REFUSED.isdisjoint(words_of(name))
