"""The protocol of a connection: answers what is no valid request as the rest of the console does."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from aiohttp import web

from odyssey_ros.client import ErrorCode
from odyssey_ros.console.server.access_headers import set_headers
from odyssey_ros.console.server.answers import json_text
from odyssey_ros.console.server.disconnects import is_connected

logger = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8 * 1024
"""Size of the first line of a request, with its path and query."""

MAX_HEADER_BYTES: Final = 8 * 1024
"""Size of a header."""

KEEPALIVE_S: Final = 30.0
"""Time after which a connection without a request is closed."""

LINGERING_S: Final = 2.0
"""Time for which the rest of a refused body is read, so that its sender can read the answer."""

_SERVER_NAME: Final = "console"


class ConsoleProtocol(web.RequestHandler):
    """A connection. Texts of exceptions and the version of the server are in no answer.

    Args:
        server: The server of the application.
    """

    def __init__(self, server: web.Server) -> None:
        without_log: Any = {"access_log": None}
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGERING_S,
            auto_decompress=False,
            **without_log,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer an invalid request, or a handler that has failed; the log has the reason of a failure.

        Raises:
            ConnectionError: The browser has closed the connection, or has a part of the answer already.
        """
        if isinstance(exc, ConnectionError) and not is_connected(request):
            raise exc
        if status >= 500:
            logger.error("The request %s %s failed", request.method, request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        code, text = (
            (ErrorCode.INTERNAL, "The console could not handle the request; its log has the reason")
            if status >= 500
            else (ErrorCode.BAD_ARGUMENT, "This is no valid HTTP request")
        )
        response = web.Response(
            text=json_text({"error_code": code.value, "message": text}),
            status=status,
            content_type="application/json",
        )
        set_headers(response.headers)
        response.headers["Server"] = _SERVER_NAME  # aiohttp would add its own name and version
        response.force_close()
        return response
