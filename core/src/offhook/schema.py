"""JSON schema of a function's parameters, from its signature, and the way back: JSON arguments to Python values."""

from __future__ import annotations

import enum
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
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
_PRIMITIVES: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ARRAYS = frozenset({list, tuple, set, frozenset, Sequence})


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
        return {name: _structure(value, self.types[name], name) for name, value in arguments.items()}


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
    """Give the JSON schema of a type: primitives, Literal, Enum, list, dict, unions, attrs classes and TypedDicts."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        note = next((entry for entry in arguments[1:] if isinstance(entry, str)), None)
        return _described(schema_of(arguments[0], where), note)
    if origin is Literal:
        return _enumeration(arguments)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(entry, where) for entry in arguments]}
    if kind in _PRIMITIVES or kind is Any:
        return {} if kind is Any else {"type": _PRIMITIVES[kind]}
    return _schema_of_container(kind, origin or kind, arguments, where)


def _schema_of_container(kind: Any, container: Any, arguments: Sequence[Any], where: str) -> Json:
    if _is_fixed(container, arguments):
        elements = [schema_of(entry, where) for entry in arguments]
        same = all(element == elements[0] for element in elements)
        items = elements[0] if same else {"anyOf": elements}
        return {"type": "array", "items": items, "minItems": len(elements), "maxItems": len(elements)}
    if container in _ARRAYS:
        return {"type": "array", **({"items": schema_of(arguments[0], where)} if arguments else {})}
    if container in {dict, Mapping}:
        return {"type": "object"}
    return _schema_of_class(kind, where)


def _is_fixed(container: Any, arguments: Sequence[Any]) -> bool:
    """Whether this is a tuple of so many elements, and not one of any length (``tuple[int, ...]``)."""
    return container is tuple and bool(arguments) and arguments[-1] is not ...


def _schema_of_class(kind: Any, where: str) -> Json:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumeration(list(kind))
    members = _members(kind, where)
    try:
        properties = {name: schema_of(hint, where) for name, (hint, _) in members.items()}
    except RecursionError:
        raise ToolError(f"{where}: {kind!r} contains itself, which a tool's schema cannot say.") from None
    required = [name for name, (_, is_required) in members.items() if is_required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _members(kind: Any, where: str) -> Mapping[str, tuple[Any, bool]]:
    """Give the members of a class, each with its type and whether it must be there."""
    if has(kind):
        hints = _hints(kind, where)
        return {
            entry.name: (hints.get(entry.name, Any), entry.default is NOTHING) for entry in fields(kind) if entry.init
        }
    if is_typeddict(kind):
        return {name: _key(kind, name, hint) for name, hint in _hints(kind, where).items()}
    raise ToolError(
        f"{where}: {kind!r} has no JSON schema. Use str, int, float, bool, Literal, Enum, list, dict, "
        "an attrs class or a TypedDict."
    )


def _key(kind: Any, name: str, hint: Any) -> tuple[Any, bool]:
    # Where its annotations are strings, a TypedDict takes all its keys for required.
    mark = get_origin(hint)
    if mark in {Required, NotRequired}:
        return get_args(hint)[0], mark is Required
    return hint, name in kind.__required_keys__


def _enumeration(entries: Sequence[Any]) -> Json:
    values = [_plain(entry) for entry in entries]
    kinds = {_PRIMITIVES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "enum": values}


def _described(schema: Json, description: str | None) -> Json:
    return {**schema, "description": description} if description else schema


def _structure(value: Any, kind: Any, name: str) -> Any:
    try:
        return _converter().structure(value, kind)
    except ToolError as error:
        raise ToolError(f"argument {name!r}: {error}") from error
    except Exception as error:
        raise ToolError(f"argument {name!r}: {value!r} is not what it takes ({schema_of(kind, name)})") from error


@cache
def _converter() -> Any:
    from cattrs import Converter  # noqa: PLC0415  # 40 ms that `import offhook` must not cost

    converter = Converter(detailed_validation=False, forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strictly)
    # Models give "3" or 3.0 for 3 seldom enough that guessing what they meant costs more than telling them.
    converter.register_structure_hook_func(_is_union, _one_of)
    converter.register_structure_hook_func(_is_array, _array)
    converter.register_structure_hook_func(is_typeddict, _typed_dict)
    return converter


def _strictly(value: Any, kind: type) -> Any:
    if issubclass(kind, enum.Enum):  # one of strings or integers
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not kind:
        raise ToolError(f"expected {_PRIMITIVES[kind]}, got {value!r}")
    return value


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _one_of(value: Any, kind: Any) -> Any:
    for entry in get_args(kind):
        if entry is type(None):
            if value is None:
                return None
            continue
        try:
            return _converter().structure(value, entry)
        except Exception:  # noqa: BLE001, S112  # not this one: try the next
            continue
    raise ToolError(f"{value!r} is none of {schema_of(kind, 'it')['anyOf']}")


def _typed_dict(value: Any, kind: Any) -> Any:
    if not isinstance(value, dict):
        raise ToolError(f"expected object, got {value!r}")
    types = {name: hint for name, (hint, _) in _members(kind, "").items()}
    return Parameters(schema_of(kind, ""), types).structure(cast("Json", value))


def _is_array(kind: Any) -> bool:
    return (get_origin(kind) or kind) in _ARRAYS


def _array(value: Any, kind: Any) -> Any:
    """By hand, because a string would pass for an array of its letters."""
    if not isinstance(value, list):
        raise ToolError(f"expected array, got {value!r}")
    values = cast("list[Any]", value)
    container, arguments = get_origin(kind) or kind, get_args(kind)
    kinds: Sequence[Any] = [arguments[0] if arguments else Any] * len(values)
    if _is_fixed(container, arguments):
        kinds = arguments
    if len(kinds) != len(values):
        raise ToolError(f"expected array of {len(kinds)}, got {value!r}")
    structured = [_converter().structure(element, entry) for element, entry in zip(values, kinds, strict=True)]
    return structured if container is Sequence else container(structured)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _is_json(value: Any) -> bool:
    """Whether a default can be shown to the model: a plain value, or lists and objects of them."""
    if isinstance(value, (list, tuple)):
        return all(_is_json(entry) for entry in cast("Sequence[Any]", value))
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return all(isinstance(key, str) and _is_json(entry) for key, entry in items)
    return value is not None and type(value) in _PRIMITIVES


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
