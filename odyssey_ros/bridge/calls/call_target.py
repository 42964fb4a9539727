"""The objects that services and the action work on while the node is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from odyssey_ros.bridge.live.stream_supervisor import StreamSupervisor
    from odyssey_ros.client import Odyssey


@dataclass(frozen=True, slots=True)
class CallTarget:
    """The target of calls.

    Attributes:
        supervisor: The connection and its stream.
        holds_key: Whether the client has an API key, instead of client credentials.
    """

    supervisor: StreamSupervisor
    holds_key: bool

    def account(self) -> Odyssey:
        """Return the client, for a request that only the owner of an API key may make.

        Raises:
            OdysseyError: The node connects with client credentials.
        """
        if not self.holds_key:
            raise OdysseyError(
                "this request needs an API key, but the node connects with client credentials: start the "
                "node with an API key",
                code=ErrorCode.NO_API_KEY,
            )
        return self.supervisor.client
