"""The files of the page, each with its type, and no other file."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web

from odyssey_ros.console.server.page_files import PAGE, page_routes


@pytest.fixture
async def folder(tmp_path):
    """A folder with files, and what gets one of them."""
    (tmp_path / "css").mkdir()
    for name in (
        "index.html",
        "main.js",
        "css/live.css",
        "icon.svg",
        "LICENCE.txt",
        "notes.py",
        ".hidden.swp",
    ):
        (tmp_path / name).write_text(f"the file {name}")
    app = web.Application()
    app.add_routes(page_routes(tmp_path))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def get(path):
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        async with ClientSession() as client, client.get(url) as response:
            return response.status, response.headers["Content-Type"], await response.text()

    yield get
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/", "text/html", "index.html"),
        ("/static/main.js", "text/javascript", "main.js"),
        ("/static/css/live.css", "text/css", "css/live.css"),
        ("/static/icon.svg", "image/svg+xml", "icon.svg"),
        ("/static/LICENCE.txt", "text/plain", "LICENCE.txt"),
    ],
)
async def test_a_file_has_its_type(folder, path, kind, name):
    assert await folder(path) == (200, f"{kind}; charset=utf-8", f"the file {name}")


@pytest.mark.parametrize(
    "path",
    ["/static/notes.py", "/static/.hidden.swp", "/index.html", "/static/", "/static/css", "/static/x.js"],
)
async def test_no_other_file_is_served(folder, path):
    assert (await folder(path))[0] == 404


def test_the_page_names_only_files_that_exist():
    served = {route.path for route in page_routes()}
    for document in ("index.html", "login.html"):
        text = (PAGE / document).read_text()
        named = {part for part in text.split('"')[1::2] if part.startswith("/")}
        assert named <= served, document
        assert "http" not in text.replace("http-equiv", "")  # robots are offline
