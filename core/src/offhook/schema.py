"""JSON schema of a function's parameters, from its signature."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from attrs import NOTHING, fields, frozen, has

from offhook.errors import ToolError

Json = dict[str, Any]
PRIMITIVES: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
ARRAYS = frozenset({list, tuple, set, frozenset, Sequence})


@frozen
class Parameters:
    """The parameters of a function: their JSON schema, and their types."""

    schema: Json
    types: Mapping[str, Any]

    def structure(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Give the keyword arguments that the JSON ``arguments`` mean. Raises ``ToolError`` naming what is wrong."""
        unknown = arguments.keys() - self.types.keys()
        missing = [name for name in self.schema["required"] if name not in arguments]
        if unknown or missing:
            wrong = [f"unknown argument {name!r}" for name in sorted(unknown)]
            raise ToolError("; ".join([*wrong, *(f"argument {name!r} is missing" for name in missing)]))
        from offhook.structuring import structure  # noqa: PLC0415  # it asks us for the schema that a value has to fit

        return {name: structure(value, self.types[name], name) for name, value in arguments.items()}


def parameters_of(function: Callable[..., Any], descriptions: Mapping[str, str], *, skip: frozenset[str]) -> Parameters:
    """Read the signature of ``function``, leaving out ``skip``. Raises ``ToolError`` for what JSON cannot carry."""
    hints = hints_of(function)
    properties: Json = {}
    kinds: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in skip:
            continue
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ToolError(
                f"{_name(function)}: the model gives arguments by name, so {parameter} cannot be filled in."
            )
        kinds[name] = hints.get(name, str)
        properties[name] = _described(schema_of(kinds[name], _name(function)), descriptions.get(name))
        if parameter.default is parameter.empty:
            required.append(name)
        elif _is_json(default := _plain(parameter.default)):
            properties[name]["default"] = default
    schema: Json = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Parameters(schema, kinds)


def hints_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Give the annotations of a function as types. Raises ``ToolError`` for a name that is not known at run time."""
    # What has annotations of its own: of a partial it is its function, of an object the method that is called.
    inner = getattr(function, "func", function)
    return _hints(inner if inspect.isroutine(inner) else type(inner).__call__, _name(function))


def _hints(annotated: Any, where: str) -> Mapping[str, Any]:
    try:
        return get_type_hints(annotated, include_extras=True)
    except NameError as error:
        raise ToolError(
            f"{where}: its annotations cannot be read: {error}. Import the type at the top of the module, and not under "
            "TYPE_CHECKING or within a function."
        ) from error


def schema_of(kind: Any, where: str) -> Json:
    """Give the JSON schema of a type: primitives, Literal, Enum, list, dict, unions, and classes with members.

    Those are attrs classes, dataclasses, TypedDicts and pydantic models, which say their schema themselves.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        note = next((entry for entry in arguments[1:] if isinstance(entry, str)), None)
        return _described(schema_of(arguments[0], where), note)
    if origin is Literal:
        return _enumeration(arguments)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(entry, where) for entry in arguments]}
    if kind in PRIMITIVES or kind is Any:
        return {} if kind is Any else {"type": PRIMITIVES[kind]}
    return _schema_of_container(kind, origin or kind, arguments, where)


def _schema_of_container(kind: Any, container: Any, arguments: Sequence[Any], where: str) -> Json:
    if is_fixed(container, arguments):
        elements = [schema_of(entry, where) for entry in arguments]
        same = all(element == elements[0] for element in elements)
        items = elements[0] if same else {"anyOf": elements}
        return {"type": "array", "items": items, "minItems": len(elements), "maxItems": len(elements)}
    if container in ARRAYS:
        return {"type": "array", **({"items": schema_of(arguments[0], where)} if arguments else {})}
    if container in {dict, Mapping}:
        return {"type": "object"}
    return _schema_of_class(kind, where)


def is_fixed(container: Any, arguments: Sequence[Any]) -> bool:
    """Whether this is a tuple of so many elements, and not one of any length (``tuple[int, ...]``)."""
    return container is tuple and bool(arguments) and arguments[-1] is not ...


def _schema_of_class(kind: Any, where: str) -> Json:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumeration(list(kind))
    if is_model(kind):
        return _schema_of_model(kind, where)
    members = members_of(kind, where)
    try:
        properties = {name: schema_of(hint, where) for name, (hint, _) in members.items()}
    except RecursionError:
        raise ToolError(f"{where}: {kind!r} contains itself, which a tool's schema cannot say.") from None
    required = [name for name, (_, is_required) in members.items() if is_required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def members_of(kind: Any, where: str) -> Mapping[str, tuple[Any, bool]]:
    """Give the members of a class, each with its type and whether it must be there."""
    if has(kind):
        hints = _hints(kind, where)
        return {
            entry.name: (hints.get(entry.name, Any), entry.default is NOTHING) for entry in fields(kind) if entry.init
        }
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind, where)
        return {
            entry.name: (hints[entry.name], _must_be_given(entry)) for entry in dataclasses.fields(kind) if entry.init
        }
    if is_typeddict(kind):
        return {name: _key(kind, name, hint) for name, hint in _hints(kind, where).items()}
    raise ToolError(
        f"{where}: {kind!r} has no JSON schema. Use str, int, float, bool, Literal, Enum, list, dict, "
        "an attrs class, a dataclass, a TypedDict or a pydantic model."
    )


def _must_be_given(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def is_model(kind: Any) -> bool:
    """Whether this is a pydantic model, asked without importing pydantic for those who have no need of it."""
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate")


def _schema_of_model(kind: Any, where: str) -> Json:
    schema: Json = kind.model_json_schema()
    definitions: Json = schema.pop("$defs", {})
    try:
        return _inlined(schema, definitions)
    except RecursionError:
        raise ToolError(f"{where}: {kind!r} contains itself, which a tool's schema cannot say.") from None


def _inlined(schema: Any, definitions: Json) -> Any:
    """Put what is referred to in its place: references count from the root, and this will be a branch."""
    if isinstance(schema, list):
        return [_inlined(entry, definitions) for entry in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    node = cast("Json", schema)
    if (reference := node.get("$ref")) is not None:
        return _inlined({**definitions[reference.removeprefix("#/$defs/")], **_without(node, "$ref")}, definitions)
    return {name: _inlined(entry, definitions) for name, entry in node.items()}


def _without(node: Json, name: str) -> Json:
    return {key: value for key, value in node.items() if key != name}


def _key(kind: Any, name: str, hint: Any) -> tuple[Any, bool]:
    # Where its annotations are strings, a TypedDict takes all its keys for required.
    mark = get_origin(hint)
    if mark in {Required, NotRequired}:
        return get_args(hint)[0], mark is Required
    return hint, name in kind.__required_keys__


def _enumeration(entries: Sequence[Any]) -> Json:
    values = [_plain(entry) for entry in entries]
    kinds = {PRIMITIVES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "enum": values}


def _described(schema: Json, description: str | None) -> Json:
    return {**schema, "description": description} if description else schema


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _is_json(value: Any) -> bool:
    """Whether a default can be shown to the model: a plain value, or lists and objects of them."""
    if isinstance(value, (list, tuple)):
        return all(_is_json(entry) for entry in cast("Sequence[Any]", value))
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return all(isinstance(key, str) and _is_json(entry) for key, entry in items)
    return value is not None and type(value) in PRIMITIVES


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
