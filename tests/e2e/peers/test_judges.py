"""The judges: they know what is right, and are not to be bribed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DELTA = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "AAAA",
}


def _recorded(corpus: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted((corpus / "streams").glob("test_openai_ws__*.jsonl")):
        rows = map(json.loads, path.read_text().splitlines())
        yield from (row["event"] for row in rows if row["direction"] == "received")


def test_what_the_real_service_sent_is_right(judge, corpus):
    frames = list(_recorded(corpus))
    assert len(frames) > 100
    assert [what for frame in frames for what in judge.complaints(frame)] == []


def test_a_frame_that_lacks_a_member_is_wrong_by_the_schema_and_by_the_sdk(judge):
    assert list(judge.complaints(DELTA)) == []
    for name in DELTA.keys() - {"type"}:
        complaints = list(judge.complaints({key: value for key, value in DELTA.items() if key != name}))
        assert [f"'{name}' is a required property" in complaints[0], "SDK" in complaints[1]] == [True, True]


def test_an_event_that_nobody_knows_is_wrong(judge):
    assert list(judge.complaints({"type": "response.sung"})) == ["response.sung is no server event"]
