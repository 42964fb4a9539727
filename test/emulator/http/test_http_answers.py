"""Answers and paging of a small application."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from odyssey_ros.emulator.http.http_answers import (
    HttpError,
    base_url,
    errors_as_json,
    page_of,
    unprocessable,
)
from odyssey_ros.emulator.http.json_fields import InvalidFieldError, InvalidQueryError


async def answer(request):
    outcomes = {
        "error": HttpError(418, {"reason": "teapot"}),
        "field": InvalidFieldError(("a", 0), "must be a string"),
        "redirect": web.HTTPFound("/fine"),
        "forbidden": web.HTTPForbidden(),
        "broken": RuntimeError("a secret"),
    }
    outcome = outcomes.get(request.match_info["outcome"])
    if outcome is not None:
        raise outcome
    return web.json_response({})


@pytest.fixture
async def client():
    app = web.Application(middlewares=[errors_as_json])
    app.router.add_get("/{outcome}", answer)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/error", 418, {"reason": "teapot"}),
        ("/field", 422, [{"type": "value_error", "loc": ["body", "a", 0], "msg": "must be a string"}]),
        ("/forbidden", 403, "Forbidden"),
        ("/broken", 500, "Internal Server Error"),
        ("/no/such/path", 404, "Not Found"),
    ],
)
async def test_every_failure_is_a_json_answer(client, path, status, detail):
    response = await client.get(path)
    assert (response.status, await response.json()) == (status, {"detail": detail})


async def test_an_unexpected_exception_is_logged(client, caplog):
    await client.get("/broken")
    assert "GET /broken failed" in caplog.text


async def test_redirections_are_no_errors(client):
    response = await client.get("/redirect", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/fine")


@pytest.mark.parametrize(
    ("query", "page"), [("", (20, 0)), ("?limit=100&offset=7", (100, 7)), ("?limit=1", (1, 0))]
)
def test_a_page_is_read_from_the_query(query, page):
    assert page_of(make_mocked_request("GET", f"/{query}"), 20, 100) == page


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "limit: must be between 1 and 100"),
        ("limit=101", "limit: must be between 1 and 100"),
        ("limit=x", "limit: must be an integer"),
        ("offset=-1", "offset: must not be negative"),
    ],
)
def test_an_invalid_page_is_refused_as_part_of_the_query(query, problem):
    with pytest.raises(InvalidQueryError) as refusal:
        page_of(make_mocked_request("GET", f"/?{query}"), 20, 100)
    assert str(refusal.value) == problem
    assert json.loads(unprocessable(refusal.value).text)["detail"][0]["loc"][0] == "query"


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "127.0.0.1:8765"}, "http://127.0.0.1:8765"),
        ({"Host": "example.org", "X-Forwarded-Proto": "https"}, "https://example.org"),
        ({"Host": "example.org", "X-Forwarded-Proto": "gopher"}, "http://example.org"),
    ],
)
def test_the_base_url_is_that_of_the_client(headers, url):
    assert base_url(make_mocked_request("GET", "/", headers=headers)) == url
