"""A page without a browser: the state socket of a console, and its routes."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class ConsoleClient:
    """Watches a node over the state socket, and sends requests as the page does.

    Attributes:
        state: The last value of each kind, such as `state["prompts"]`.
    """

    def __init__(self, url: str, node: str) -> None:
        self.node = node
        self.state: dict[str, Any] = {}
        self._stack = ExitStack()
        self.http = self._stack.enter_context(httpx.Client(base_url=url, timeout=150))
        token = self.http.get("/api/session").json()["page_token"]
        self.http.headers.update({"X-Console-Token": token, "Origin": url})
        address = f"{url.replace('http', 'ws', 1)}/socket/state"
        self._socket = self._stack.enter_context(connect(address, origin=url))
        self._socket.send(json.dumps({"type": "hello", "token": token}))
        self._socket.send(json.dumps({"type": "watch", "node": node}))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._reader.join(60)

    def end_stream(self) -> None:
        """Wait until the bridge is connected, and end its stream, if there is one."""
        self.wait_for(lambda state: (state.get("status") or {}).get("connection") == 3, "a connection")
        self.wait_for(lambda state: state.get("limits"), "the limits")
        self.post("/api/stream/end")
        self.wait_for(lambda state: not state["status"]["streaming"], "no stream")

    def post(self, path: str, body: Any = None, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Post JSON, or the bytes `body`; return the status of the answer and its JSON."""
        content = body if body is not None else json.dumps(fields)
        response = self.http.post(path, params={"node": self.node}, content=content)
        return response.status_code, response.json()

    def wait_for(self, condition: Callable[[dict[str, Any]], Any], what: str = "the state") -> Any:
        """Wait until a condition on the state is true; return its value."""
        return wait_until(lambda: condition(self.state), lambda: f"{what}, not {self.state}")

    def _read(self) -> None:
        try:
            for text in self._socket:
                message = json.loads(text)
                kind = message["type"]
                if kind == "events" and not message["replace"]:
                    self.state["events"] = [*self.state.get("events", []), *message["events"]]
                else:
                    self.state = {**self.state, kind: message[kind]}
        except ConnectionClosed:
            return
