"""Secrets of the process are taken out of texts."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.redaction import MARK, Secrets, redact, redact_logs

SECRET = "ody_Secret-of-the-test/0123"


@pytest.fixture
def secrets():
    one = Secrets()
    one.add(SECRET)
    return one


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("", ""),
        ("no secret", "no secret"),
        (f"key {SECRET}!", f"key {MARK}!"),
        (f"{SECRET}{SECRET} and {SECRET.upper()}", f"{MARK} and {MARK}"),
        (f"begins {SECRET[:12]}", f"begins {MARK}"),
        (f"short {SECRET[:11]}", f"short {SECRET[:11]}"),
        ("split ody_Secret-\r\n of-the-test/0123", f"split {MARK}"),
        ("quoted ody_Secret-of-the-test%2F0123%20x", f"quoted {MARK} x"),
        (r"escaped ody_Secret-of-the-test\/0123", f"escaped {MARK}"),
        ("\u0130 ody_Secret-of-the-test/0123", f"\u0130 {MARK}"),
    ],
)
def test_a_secret_is_found_in_any_form(secrets, text, redacted):
    assert secrets.redact(text) == redacted


@given(st.text(), st.text(), st.integers(0, 15), st.integers(12, 27))
def test_no_part_of_twelve_characters_remains(before, after, start, length):
    secrets = Secrets()
    secrets.add(SECRET)
    part = SECRET[start : start + length]
    text = secrets.redact(f"{before}{part}{after}")
    assert not any(SECRET[index : index + 12] in text for index in range(len(SECRET) - 11))


@given(st.text())
def test_other_texts_are_kept(text):
    secrets = Secrets()
    secrets.add(SECRET)
    assert secrets.redact(text) == text


def test_a_short_secret_is_found_as_a_whole_only():
    secrets = Secrets()
    secrets.add("ody_local")
    secrets.add("ody")  # part of any text
    secrets.add(None)
    assert secrets.redact("ody ody_loca ody_local ody_locale") == f"ody ody_loca {MARK} {MARK}e"


def test_the_newest_issued_secrets_are_kept_and_the_given_ones_for_ever():
    secrets = Secrets()
    secrets.add("given-by-the-user")
    for number in range(1000):
        secrets.add(f"issued-secret-{number:04}-{number * 7919 % 10007:05}", issued=True)
        secrets.add("issued-secret-of-now", issued=True)
    assert secrets.redact("given-by-the-user issued-secret-of-now") == f"{MARK} {MARK}"
    assert len(secrets._issued) == 64
    assert len(secrets._parts) < 64 * 30


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("see https://h.example/a?X-Signature=1&b=2 now", f"see https://h.example/a?{MARK} now"),
        ("(b'Location', b'https://h/x?token=a%20b')", f"(b'Location', b'https://h/x?{MARK}')"),
        ("wss://user:pass@h.example/", f"wss://{MARK}@h.example/"),
        ("https%3A%2F%2Fh.example%2Fa%3Ftoken%3D1", f"https%3A%2F%2Fh.example%2Fa?{MARK}"),
        ("https://h.example/a is fine?", "https://h.example/a is fine?"),
    ],
)
def test_queries_and_users_of_urls_are_taken_out(text, redacted):
    assert redact(text) == redacted


def test_records_of_a_logger_are_redacted_with_their_arguments_and_tracebacks(caplog):
    redact_logs("some.library")
    try:
        raise ValueError("of https://h.example/?token=1")
    except ValueError:
        logging.getLogger("some.library").exception("failed %s", "https://h.example/?token=2")
    (record,) = caplog.records
    text = logging.Formatter().format(record)
    assert f"failed https://h.example/?{MARK}" in text
    assert f"ValueError: of https://h.example/?{MARK}" in text
    assert "token=" not in text
