"""The API key: whose it is, and where it comes from."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Final

from offhook.errors import AuthenticationError
from offhook.hookspecs import ApiKey

_OWN_AUTHORIZATION: Final = frozenset({"authorization", "api-key"})


async def find_key(api_key: ApiKey | None, headers: Mapping[str, str]) -> str:
    """Ask for the key; without one, the environment's. Empty where ``headers`` have an authorization of their own.

    Raises ``AuthenticationError`` where there is neither.
    """
    given = api_key() if callable(api_key) else api_key
    key = await given if inspect.isawaitable(given) else given
    key = key or os.environ.get("OPENAI_API_KEY", "")
    if not key and not has_authorization(headers):
        raise AuthenticationError(
            "there is no API key. Set OPENAI_API_KEY, or api_key in [transports.sip]; "
            "without a key, start `offhook emulator`, which takes any."
        )
    return key


def has_authorization(headers: Mapping[str, str]) -> bool:
    """Whether ``headers`` take the place of the bearer key."""
    return bool({name.lower() for name in headers} & _OWN_AUTHORIZATION)
