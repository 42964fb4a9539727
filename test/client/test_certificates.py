"""Which certificates are trusted, and the errors of variables that cannot be used."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl

import pytest

from certificate_authority import CertificateAuthority
from odyssey_ros.client import ErrorCode, OdysseyConfigurationError
from odyssey_ros.client.certificates import shared_tls_context, untrusted_certificate


@pytest.fixture
def authority(tmp_path):
    return CertificateAuthority(tmp_path)


def subjects(context):
    return {dict(part[0] for part in one["subject"]).get("commonName") for one in context.get_ca_certs()}


@pytest.mark.parametrize("variables", [{}, {"SSL_CERT_FILE": ""}, {"SSL_CERT_DIR": ""}])
async def test_without_a_variable_the_public_certificates_are_trusted(environment, variables):
    environment(**variables)
    context = await shared_tls_context()
    assert len(context.get_ca_certs()) > 50
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_file_replaces_the_public_certificates(environment, authority):
    environment(SSL_CERT_FILE=authority.file)
    context = await shared_tls_context()
    assert subjects(context) == {"Test authority"}
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert await shared_tls_context() is context


async def test_the_context_follows_the_variable(environment, authority, tmp_path):
    environment(SSL_CERT_FILE=tmp_path / "stale.pem")
    with pytest.raises(OdysseyConfigurationError):
        await shared_tls_context()
    environment(SSL_CERT_FILE=authority.file)
    assert subjects(await shared_tls_context()) == {"Test authority"}


def write_garbage(path):
    path.write_text("this is no certificate")


def write_broken(path):
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.symlink_to("nowhere"), "does not exist"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.touch(), "contains no valid certificate"),
        (write_garbage, "contains no valid certificate"),
        (write_broken, "contains no valid certificate"),
    ],
)
async def test_an_unusable_file_is_an_error_that_names_the_variable(environment, tmp_path, prepare, text):
    path = tmp_path / "certificates.pem"
    prepare(path)
    environment(SSL_CERT_FILE=path)
    with pytest.raises(OdysseyConfigurationError, match=f"SSL_CERT_FILE: {path} {text}") as caught:
        await shared_tls_context()
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert "unset" in str(caught.value)
    assert "Errno" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_an_unreadable_path_is_an_error_that_names_the_variable(
    environment, authority, tmp_path, variable
):
    path = authority.file if variable == "SSL_CERT_FILE" else tmp_path
    path.chmod(0)
    environment(**{variable: path})
    try:
        with pytest.raises(OdysseyConfigurationError, match=f"{variable}: .* cannot be read"):
            await shared_tls_context()
    finally:
        path.chmod(0o700)


async def test_a_folder_with_hashed_names_is_used(environment, authority, tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is not installed")
    asked = ("openssl", "x509", "-noout", "-subject_hash", "-in", str(authority.file))
    process = await asyncio.create_subprocess_exec(*asked, stdout=asyncio.subprocess.PIPE)
    name = (await process.communicate())[0].decode().strip()
    (folder / f"{name}.0").symlink_to(authority.file)
    environment(SSL_CERT_DIR=f"{tmp_path}{os.pathsep}{folder}")
    client, server = await shared_tls_context(), authority.server_context("service.invalid")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="service.invalid"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done = 0
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done += 1
    assert done >= 2


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda path: None, "is not a folder"),
        (lambda path: path.touch(), "is not a folder"),
        (lambda path: path.mkdir(), "openssl rehash"),
    ],
)
async def test_an_unusable_folder_is_an_error_that_names_the_variable(environment, tmp_path, prepare, text):
    path = tmp_path / "certificates"
    prepare(path)
    environment(SSL_CERT_DIR=path)
    with pytest.raises(OdysseyConfigurationError, match=f"SSL_CERT_DIR: {path} .*{text}") as caught:
        await shared_tls_context()
    assert caught.value.code is ErrorCode.CONFIGURATION


async def test_a_key_log_that_cannot_be_written_is_an_error_that_names_the_variable(
    environment, authority, tmp_path
):
    environment(SSL_CERT_FILE=authority.file, SSLKEYLOGFILE=tmp_path / "missing" / "keys")
    with pytest.raises(OdysseyConfigurationError, match=r"SSLKEYLOGFILE: .* cannot be written"):
        await shared_tls_context()


def test_an_untrusted_certificate_is_found_in_the_causes_of_an_error():
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    outer = OSError("cannot connect")
    outer.__cause__ = RuntimeError("other")
    outer.__cause__.__context__ = inner
    assert "SSL_CERT_FILE" in untrusted_certificate(outer)
    assert untrusted_certificate(OSError("cannot connect")) is None
