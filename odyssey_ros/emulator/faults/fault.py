"""The base class of all faults.

A fault has one of three modes:

- `answer`: replaces, delays or omits what the service is about to send (an HTTP answer, an offer, a
  reply, a video frame), each time the fault is due.
- `act`: happens to an open session at one moment.
- `state`: holds for as long as the fault is due.

`schedule` defines when a fault is due, and `fault_registry` how often it happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

__all__ = ["Fault", "Mode"]

Mode = Literal["answer", "act", "state"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A failure that the service can produce on command. The subclasses describe the failures.

    Attributes:
        name: name on the wire and on the command line.
        mode: `answer`, `act` or `state`; see the module.
        in_session: whether the fault happens within a session, so that a schedule can name the session.
        after_connected: whether the fault can happen after the peers have connected, so that a schedule can
            count from then.
    """

    name: ClassVar[str]
    mode: ClassVar[Mode]
    in_session: ClassVar[bool] = True
    after_connected: ClassVar[bool] = True
