"""Who says whether a server event is right: the published schema, and the types of the vendor's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, cast

from attrs import frozen
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import TypeAdapter, ValidationError


@frozen
class Judge:
    """Made once, used for thousands of frames: it keeps one validator for each type of event."""

    _by_schema: Mapping[str, Validator]
    _by_sdk: TypeAdapter[Any]

    @classmethod
    def of(cls, document: Path) -> Self:
        """Read the published OpenAPI document."""
        schemas = json.loads(document.read_text())["components"]["schemas"]
        names = (member["$ref"].rpartition("/")[2] for member in schemas["RealtimeServerEvent"]["anyOf"])
        root = {"components": {"schemas": schemas}}
        validators = {
            _kind(schemas[name]): Draft202012Validator({"$ref": f"#/components/schemas/{name}", **root})
            for name in names
        }
        return cls(validators, TypeAdapter(RealtimeServerEvent))

    def complaints(self, event: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with a server event."""
        kind = event["type"]
        if kind not in self._by_schema:
            yield f"{kind} is no server event"
            return
        for error in self._by_schema[kind].iter_errors(without_nulls(event)):
            yield f"{kind}{error.json_path[1:]}: {error.message}, says the schema"
        try:
            # As it comes: the SDK has to live with the nulls.
            parsed = self._by_sdk.validate_python(event)
        except ValidationError as error:
            # It tried every event there is; only the complaints of the right one could help, and those the schema has, too.
            yield f"{kind}: {error.error_count()} reasons why it is none of the SDK's events"
        else:
            if parsed.type != kind:
                yield f"{kind}: a {type(parsed).__name__} to the SDK"


def without_nulls(value: Any) -> Any:
    """Leave out every null: the service sends them for optional fields that the schema does not call nullable."""
    match value:
        case {}:
            members = cast("dict[str, Any]", value).items()
            return {name: without_nulls(member) for name, member in members if member is not None}
        case [*elements]:
            return [without_nulls(element) for element in elements]
        case _:
            return value


def _kind(schema: Mapping[str, Any]) -> str:
    named = schema["properties"]["type"]
    return named.get("const") or named["enum"][0]
