from __future__ import annotations

import json

import jwt
import pytest

from odyssey_ros.bridge.api_key import SecretError, read_api_key, read_credentials

SECRET = "ody_very_secret"


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_the_key_comes_from_the_environment():
    assert read_api_key("", {"ODYSSEY_API_KEY": f" {SECRET}\n"}) == SECRET


def test_the_file_takes_precedence_over_the_environment(tmp_path):
    assert read_api_key(write(tmp_path / "key", f"{SECRET}\n"), {"ODYSSEY_API_KEY": "other"}) == SECRET


def test_a_missing_key_is_reported_with_the_remedy():
    with pytest.raises(SecretError, match=r"ODYSSEY_API_KEY.*api_key_file"):
        read_api_key("", {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path, mode):
    with pytest.raises(SecretError, match="chmod 600") as caught:
        read_api_key(write(tmp_path / "key", SECRET, mode), {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), ("  \n", "empty"), (f"{SECRET}\nsecond line", "alone"), (f"{SECRET} x", "alone")],
)
def test_a_file_with_more_than_a_key_is_refused(tmp_path, text, reason):
    with pytest.raises(SecretError, match=reason) as caught:
        read_api_key(write(tmp_path / "key", text), {})
    assert SECRET not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SecretError, match="No such file"):
        read_api_key(str(tmp_path / "none"), {})
    with pytest.raises(SecretError, match="it is a folder"):
        read_api_key(str(tmp_path), {})


@pytest.mark.parametrize("path", ["~nobody-of-this-name/key", "a\0b"])
def test_an_invalid_path_is_refused(path):
    with pytest.raises(SecretError, match="cannot read the API key file"):
        read_api_key(path, {})


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(SecretError, match="not text"):
        read_api_key(str(path), {})


def test_credentials_are_read_back(tmp_path):
    token = jwt.encode({"session_id": "s-1"}, "k" * 32, algorithm="HS256")
    data = {
        "session_id": "ignored",
        "signaling_url": "ws://127.0.0.1:1",
        "session_token": token,
        "expires_in": 600,
    }
    credentials = read_credentials(write(tmp_path / "credentials", json.dumps(data)))
    assert credentials.session_id == "s-1"


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"session_token": "secret.token.x"}'])
def test_other_contents_are_refused_without_showing_them(tmp_path, text):
    with pytest.raises(SecretError, match="to_dict") as caught:
        read_credentials(write(tmp_path / "credentials", text))
    assert "secret.token" not in str(caught.value)
