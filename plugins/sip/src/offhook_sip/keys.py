"""The API key: what takes its place, and what to say where there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from offhook.errors import AuthenticationError

_OWN_AUTHORIZATION: Final = frozenset({"authorization", "api-key"})


def check_key(key: str | None, headers: Mapping[str, str]) -> None:
    """Raise ``AuthenticationError`` where there is neither a key nor a header that takes its place."""
    if not key and not has_authorization(headers):
        raise AuthenticationError(
            "there is no API key. Set OPENAI_API_KEY, or api_key in [transports.sip]; "
            "without a key, start `offhook emulator`, which takes any."
        )


def has_authorization(headers: Mapping[str, str]) -> bool:
    """Whether ``headers`` take the place of the bearer key."""
    return bool({name.lower() for name in headers} & _OWN_AUTHORIZATION)


def key_of_the_environment() -> str:
    """Give ``OPENAI_API_KEY``; empty where it is not set."""
    return os.environ.get("OPENAI_API_KEY", "")
