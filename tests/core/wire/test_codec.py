"""offhook.wire.codec: the same behaviour with the fast libraries and with the stdlib alone."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from types import MappingProxyType

import pytest

from offhook.wire import codec


def made_without(monkeypatch, *modules):
    """The module as it is where these libraries are not installed."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    spec = importlib.util.find_spec("offhook.wire.codec")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(params=["fast", "stdlib"])
def either(request, monkeypatch):
    if request.param == "stdlib":
        return made_without(monkeypatch, "orjson", "pybase64")
    pytest.importorskip("orjson")
    pytest.importorskip("pybase64")
    return codec


EVENT = {"type": "x", "text": "Grüße, 世界", "list": [1, 2.5, None, True], "tuple": ("a",), "nested": {"a": {}}}


def test_json_is_written_on_one_line_and_read_back(either):
    text = either.dumps(EVENT)
    assert isinstance(text, str)
    assert "\n" not in text
    assert ": " not in text
    assert either.loads(text) == either.loads(text.encode()) == json.loads(json.dumps(EVENT))


def test_half_a_surrogate_pair_goes_out_as_an_escape(either):
    """A tool's output may hold one (a file name, a cut-off emoji), and every call gets its output (P7)."""
    text = either.dumps({"output": "cut \ud83d off"})
    text.encode()
    assert json.loads(text) == {"output": "cut \ud83d off"}


@pytest.mark.parametrize("value", [object(), {1, 2}, MappingProxyType({}), b"bytes"])
def test_what_is_no_json_is_a_type_error(either, value):
    with pytest.raises(TypeError):
        either.dumps({"value": value})


@pytest.mark.parametrize("frame", ["", "{", "{'a': 1}", b"\xff\xfe{}", '"\\ud8"', "{} {}", b"\x00"])
def test_what_cannot_be_read_is_a_value_error(either, frame):
    with pytest.raises(ValueError):  # noqa: PT011  # of which library is nobody's business
        either.loads(frame)


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256)) * 20])
def test_base64_both_ways(either, data):
    assert either.b64encode(data) == base64.b64encode(data).decode()
    assert either.b64decode(either.b64encode(data)) == data


@pytest.mark.parametrize("text", ["A", "AAA", "AA=A", "A A A=", "????", "AAAA\n", "ÄÖÜß"])
def test_base64_that_is_none_is_a_value_error(either, text):
    with pytest.raises(ValueError):  # noqa: PT011  # as above
        either.b64decode(text)


@pytest.mark.parametrize("value", [None, 5, "text", [1], {"a": 1}])
def test_as_object_gives_an_object_or_an_empty_one(value):
    assert codec.as_object(value) == (value if isinstance(value, dict) else {})
