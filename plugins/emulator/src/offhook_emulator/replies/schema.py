"""JSON schemas of tool arguments, as far as the rules look: references and alternatives are followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from attrs import frozen

from offhook_emulator.replies.words import split_name, stem

Schema = Mapping[str, Any]

_NO_VALUE: Final[list[Any]] = []


@frozen
class Argument:
    """One argument of a tool."""

    name: str
    schema: Schema
    required: bool
    nullable: bool

    @property
    def words(self) -> list[str]:
        """The words of the name: ``departure_city`` is departure, city."""
        return split_name(self.name)

    @property
    def spoken(self) -> str:
        """The name as it is said: "departure city"."""
        return " ".join(self.words)

    @property
    def stems(self) -> set[str]:
        """The stems of those words."""
        return {stem(word) for word in self.words}

    @property
    def type(self) -> str:
        """The JSON type; ``string`` where the schema names none."""
        found = self.schema.get("type")
        if isinstance(found, list):
            found = next((kind for kind in cast(list[Any], found) if kind != "null"), None)
        return found if isinstance(found, str) else "string"

    @property
    def choices(self) -> Sequence[Any]:
        """The values allowed, where the schema lists them."""
        if "const" in self.schema:
            return [self.schema["const"]]
        choices = cast(Sequence[Any], self.schema.get("enum") or ())
        return [choice for choice in choices if choice is not None]

    @property
    def suggestions(self) -> Sequence[Any]:
        """What the schema suggests where nothing was said: its default, else its examples."""
        if "default" in self.schema:
            return [self.schema["default"]]
        examples = self.schema.get("examples", _NO_VALUE)
        return cast(Sequence[Any], examples) if isinstance(examples, list) else _NO_VALUE


def arguments_of(schema: Schema, root: Schema | None = None) -> Iterator[Argument]:
    """Give the arguments that an object schema describes, in its order; ``root`` is where references lead."""
    root = schema if root is None else root
    required = cast(Sequence[str], schema.get("required") or ())
    for name, found in cast(Mapping[str, Schema], schema.get("properties") or {}).items():
        resolved, nullable = resolve(found, root)
        yield Argument(name, resolved, name in required, nullable)


def resolve(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """Follow references and take the first alternative that is not null; tell whether null is one, too."""
    alternatives = [
        cast(Schema, alternative)
        for key in ("anyOf", "oneOf", "allOf")
        for alternative in cast(Sequence[Any], schema.get(key) or ())
    ]
    kinds = schema.get("type")
    nullable = {"type": "null"} in alternatives or (isinstance(kinds, list) and "null" in kinds)
    chosen = next((alternative for alternative in alternatives if alternative.get("type") != "null"), None)
    if chosen is not None:
        return {**resolve(chosen, root)[0], **_outside(schema)}, nullable
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return {**_definition(reference, root), **_outside(schema)}, nullable
    return schema, nullable


def _definition(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in filter(None, reference.lstrip("#").split("/")):
        found = cast(Schema, found).get(step) if isinstance(found, Mapping) else None
    return cast(Schema, found) if isinstance(found, Mapping) else {}


def _outside(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in {"$ref", "anyOf", "oneOf", "allOf"}}
