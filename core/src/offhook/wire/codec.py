"""JSON and base64, by the fastest library at hand: ``offhook[speed]`` brings orjson and pybase64, the stdlib is enough."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:

    def loads(frame: str | bytes, /) -> Any:
        """Parse JSON. Raises ``ValueError``."""
        ...

    def dumps(event: Mapping[str, Any], /) -> str:
        """Write JSON on one line. Raises ``TypeError`` for what is no JSON."""
        ...

    def b64decode(text: str, /) -> bytes:
        """Decode base64. Raises ``ValueError`` (``binascii.Error``) for anything else."""
        ...

    def b64encode(data: bytes, /) -> str:
        """Encode base64."""
        ...

else:
    try:
        import orjson
    except ImportError:
        loads = json.loads

        def dumps(event):
            return json.dumps(event, separators=(",", ":"))
    else:
        loads = orjson.loads

        def dumps(event):
            try:
                return orjson.dumps(event).decode()
            except TypeError:
                # Half a surrogate pair in a tool's output, or no JSON at all: the stdlib escapes the one, names the other.
                return json.dumps(event, separators=(",", ":"))

    try:
        import pybase64
    except ImportError:

        def b64decode(text):
            return binascii.a2b_base64(text, strict_mode=True)

        def b64encode(data):
            return binascii.b2a_base64(data, newline=False).decode()
    else:
        _decode = pybase64.b64decode

        def b64decode(text):
            # Strict is not only right but also the faster path of pybase64; by position, because keywords are felt here.
            return _decode(text, None, True)

        b64encode = pybase64.b64encode_as_string


def as_object(value: Any) -> Mapping[str, Any]:
    """Give a JSON object, or an empty one where a service put something else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
