"""Whole numbers in the queries of requests."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from odyssey_ros.client import OdysseyError
from odyssey_ros.console.server.query_counts import query_count


@pytest.mark.parametrize(("query", "expected"), [("", 12), ("?limit=1", 1), ("?limit=100", 100)])
def test_numbers(query, expected):
    assert query_count(make_mocked_request("GET", f"/{query}"), "limit", 12, (1, 100)) == expected


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "1.5", "x", "1" * 11, "%D9%A1", "+1", "1_0"])
def test_other_texts_are_refused(text):
    with pytest.raises(OdysseyError, match="limit has to be"):
        query_count(make_mocked_request("GET", f"/?limit={text}"), "limit", 12, (1, 100))
