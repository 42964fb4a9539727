"""Serves the files of the page. They are few and small, so they are read once, when the server starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAGE: Final = Path(__file__).resolve().parent.parent / "page"

_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


def page_file(file: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that answers with a file of the page.

    A browser asks again for each use: the files change with the package.
    """
    content, content_type = file.read_bytes(), _TYPES[file.suffix]

    async def serve(_: web.Request) -> web.Response:
        return web.Response(
            body=content, content_type=content_type, charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

    return serve


def page_routes(folder: Path = PAGE) -> list[web.RouteDef]:
    """Return a route for each file below a folder: `/` is `index.html`, `/static/main.js` is `main.js`."""
    return [
        web.get(
            "/" if file == folder / "index.html" else f"/static/{file.relative_to(folder).as_posix()}",
            page_file(file),
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix in _TYPES
    ]
