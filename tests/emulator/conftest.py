"""The published schema as a judge of what the emulator sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def schema_errors(corpus: Path) -> Callable[[Mapping[str, Any]], list[str]]:
    """A function that tells what is wrong with a server event, by the published schema.

    The real service sends null for optional fields that the schema does not call nullable; those count as left out.
    """
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with the peers group installed")
    document = json.loads((corpus / "openai-openapi" / "openapi.json").read_text())
    schemas = {"components": {"schemas": document["components"]["schemas"]}}
    by_type = {
        event_type: jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **schemas})
        for name, event_type in _server_events(document["components"]["schemas"])
    }

    def errors(event: Mapping[str, Any]) -> list[str]:
        if event["type"] not in by_type:
            return [f"{event['type']} is no server event"]
        return [
            f"{event['type']} {error.json_path}: {error.message}"
            for error in by_type[event["type"]].iter_errors(without_nulls(event))
        ]

    return errors


def _server_events(schemas: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = [member["$ref"].rpartition("/")[2] for member in schemas["RealtimeServerEvent"]["anyOf"]]
    types = [schemas[name]["properties"]["type"] for name in names]
    return [(name, kind.get("const") or kind["enum"][0]) for name, kind in zip(names, types, strict=True)]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(field) for name, field in value.items() if field is not None}
    return [without_nulls(element) for element in value] if isinstance(value, list) else value


@pytest.fixture(name="without_nulls")
def _without_nulls() -> Callable[[Any], Any]:
    """A function that leaves out, at any depth, every field that is null."""
    return without_nulls
