"""A console that others can reach needs a token; what is wrong with a file is said in one line."""

from __future__ import annotations

import pytest

from certificate_authority import CertificateAuthority
from odyssey_ros.console.console_parameters import SETTINGS, ConsoleParameters
from odyssey_ros.console.server.serve_errors import CannotServeError
from odyssey_ros.console.server.server_secrets import MAX_TOKEN, MIN_TOKEN, read_server_secrets

TOKEN = "0123456789abcdef-token"


def parameters(**values):
    defaults = {setting.name: setting.default for setting in SETTINGS}
    return ConsoleParameters(**{**defaults, **{name: str(value) for name, value in values.items()}})


def refusal(**values):
    """Return the reason why a console with these parameters does not start."""
    with pytest.raises(CannotServeError) as caught:
        read_server_secrets(parameters(**values))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_no_token(address):
    secrets = read_server_secrets(parameters(address=address))
    assert (secrets.token, secrets.tls) == ("", None)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "robot", "localhost.example.org", "127.1"])
def test_another_address_needs_a_token(address, token_file):
    assert "can be reached from other machines, and there is no token: make one" in refusal(address=address)
    assert read_server_secrets(parameters(address=address, token_file=token_file)).token == TOKEN


def test_a_token_on_loopback_is_used_too(token_file):
    assert read_server_secrets(parameters(token_file=token_file)).token == TOKEN


def test_an_empty_address_is_refused():
    assert "address is empty" in refusal(address="")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_token_that_others_can_read_is_refused(token_file, mode):
    token_file.chmod(mode)
    assert f"can be read by others: chmod 600 {token_file}" in refusal(token_file=token_file)


@pytest.mark.parametrize(
    "token", ["x" * (MIN_TOKEN - 1), "x" * (MAX_TOKEN + 1), "two words of some length", "x" * 20 + "\nsecond"]
)
def test_a_weak_token_is_refused_without_repeating_it(token_file, token):
    token_file.write_text(token)
    text = refusal(token_file=token_file)
    assert "has to be one word of 16 to 1024 characters: make one with" in text
    assert token[:12] not in text


def test_other_files_are_refused(tmp_path, token_file):
    assert "cannot read the token file" in refusal(token_file=tmp_path / "none")
    assert "a folder" in refusal(token_file=tmp_path)
    assert "regular" in refusal(token_file="/dev/zero")
    token_file.write_text("")
    assert "is empty" in refusal(token_file=token_file)
    token_file.write_bytes(b"\xff" * 20)
    assert "not text" in refusal(token_file=token_file)


def test_a_certificate_with_its_key(tmp_path):
    path = CertificateAuthority(tmp_path).server_file("localhost")
    assert read_server_secrets(parameters(certificate_file=path)).tls is not None
    assert read_server_secrets(parameters(certificate_file=path, certificate_key_file=path)).tls is not None


def test_certificates_that_cannot_be_used(tmp_path):
    authority = CertificateAuthority(tmp_path)
    path, other = authority.server_file("localhost"), authority.server_file("other.example")
    assert "set both" in refusal(certificate_key_file=path)
    assert "cannot read certificate_file" in refusal(certificate_file=tmp_path / "none")
    assert "contains no key: set certificate_key_file" in refusal(certificate_file=authority.file)
    assert "contains no key" in refusal(certificate_file=path, certificate_key_file=authority.file)
    assert "cannot be used" in refusal(certificate_file=authority.file, certificate_key_file=other)
    path.chmod(0o644)
    assert f"can be read by others: chmod 600 {path}" in refusal(certificate_file=path)
    assert f"chmod 600 {path}" in refusal(certificate_file=authority.file, certificate_key_file=path)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.touch(mode=0o600)
    encrypted.write_bytes(authority.server_file("third.example").read_bytes() + b"rubbish")
    assert read_server_secrets(parameters(certificate_file=encrypted)).tls is not None


def test_a_key_with_a_password_asks_for_none(tmp_path):
    from cryptography.hazmat.primitives import serialization

    authority = CertificateAuthority(tmp_path)
    plain = authority.server_file("localhost")
    key = serialization.load_pem_private_key(plain.read_bytes(), None)
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )
    assert "without a password" in refusal(certificate_file=plain, certificate_key_file=path)
