"""Reads the API key, the spectator token or client credentials from the environment or from files.

Secrets are never parameters, because every node on the graph can read parameters.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.client import ClientCredentials
from odyssey_ros.client.key_file import KeyFileError, KeyFileFault, read_key_file

if TYPE_CHECKING:
    from collections.abc import Mapping


class SecretError(Exception):
    """A secret is missing or unusable; the text gives the remedy and never contains the secret."""


def read_secret_file(path_text: str, what: str) -> str:
    """Return the contents of a file that only its owner can read, without surrounding white space.

    Raises:
        SecretError: The file cannot be read, is empty, or is open to others.
    """
    try:
        return read_key_file(path_text, private=True)
    except KeyFileError as error:
        raise SecretError(_text(error, path_text, what)) from None


def read_api_key(api_key_file: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the API key from the file, or from `ODYSSEY_API_KEY` when `api_key_file` is empty.

    Raises:
        SecretError: The secret is missing, or the file cannot be used.
    """
    if api_key_file:
        return _one_word(read_secret_file(api_key_file, "API key"), "API key")
    key = environment.get("ODYSSEY_API_KEY", "").strip()
    if not key:
        raise SecretError(
            "no API key: set the environment variable ODYSSEY_API_KEY, or write the key to a file "
            "(chmod 600) and start the node with its path in the parameter api_key_file"
        )
    return _one_word(key, "API key")


def read_spectator_token(token_file: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the spectator token from the file, or from `ODYSSEY_SPECTATOR_TOKEN` when `token_file` is empty.

    Raises:
        SecretError: The secret is missing, or the file cannot be used.
    """
    if token_file:
        return _one_word(read_secret_file(token_file, "spectator token"), "spectator token")
    token = environment.get("ODYSSEY_SPECTATOR_TOKEN", "").strip()
    if not token:
        raise SecretError(
            "no spectator token: set the environment variable ODYSSEY_SPECTATOR_TOKEN, or write the token to "
            "a file (chmod 600) and start the node with its path in the parameter spectator_token_file"
        )
    return _one_word(token, "spectator token")


def read_credentials(credentials_file: str) -> ClientCredentials:
    """Return the client credentials from a file with the JSON of `ClientCredentials.to_dict()`.

    Raises:
        SecretError: The file cannot be used, or does not contain credentials.
    """
    text = read_secret_file(credentials_file, "credentials")
    try:
        document = json.loads(text)
        return ClientCredentials.from_dict(document if isinstance(document, dict) else {})
    except (ValueError, RecursionError):
        raise SecretError(
            f"the credentials file {credentials_file} is not the JSON of ClientCredentials.to_dict()"
        ) from None


def _text(error: KeyFileError, path_text: str, what: str) -> str:
    """Return the message for a file that cannot be used."""
    if error.fault is KeyFileFault.OPEN_TO_OTHERS:
        path = Path(path_text).expanduser()
        return f"the {what} file {path} can be read by others: chmod 600 {path}"
    if error.fault is KeyFileFault.EMPTY:
        return f"the {what} file {Path(path_text).expanduser()} is empty"
    shown = repr(path_text) if error.fault is KeyFileFault.INVALID_PATH else path_text
    return f"cannot read the {what} file {shown}: {error.reason}"


def _one_word(secret: str, what: str) -> str:
    if any(character.isspace() or not character.isprintable() for character in secret):
        raise SecretError(
            f"the {what} contains white space or unprintable characters: put it alone on one line"
        )
    return secret
