"""JSON schema of a function's parameters, from its signature, and the way back: JSON arguments to Python values."""

from __future__ import annotations

import enum
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from attrs import NOTHING, fields, frozen, has

from offhook.errors import ToolError

Json = dict[str, Any]
_PRIMITIVES: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


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
    hints = get_type_hints(function, include_extras=True)
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
        elif parameter.default is not None:
            properties[name]["default"] = _plain(parameter.default)
    schema: Json = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Parameters(schema, kinds)


def schema_of(kind: Any, where: str) -> Json:
    """Give the JSON schema of a type: primitives, Literal, Enum, list, dict, unions, attrs classes and TypedDicts."""
    if kind in _PRIMITIVES or kind is Any:
        return {"type": _PRIMITIVES[kind]} if kind is not Any else {}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        note = next((entry for entry in arguments[1:] if isinstance(entry, str)), None)
        return _described(schema_of(arguments[0], where), note)
    if origin is Literal:
        return _enumeration(arguments)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(entry, where) for entry in arguments]}
    return _schema_of_container(kind, origin or kind, arguments, where)


def _schema_of_container(kind: Any, container: Any, arguments: Sequence[Any], where: str) -> Json:
    if container in {list, tuple, set, frozenset, Sequence}:
        return {"type": "array", **({"items": schema_of(arguments[0], where)} if arguments else {})}
    if container in {dict, Mapping}:
        return {"type": "object"}
    return _schema_of_class(kind, where)


def _schema_of_class(kind: Any, where: str) -> Json:
    required: list[str]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enumeration([entry.value for entry in kind])
    cls: type[Any] = kind
    if has(cls):
        hints = get_type_hints(cls, include_extras=True)
        required = [entry.name for entry in fields(cls) if entry.default is NOTHING]
    elif is_typeddict(cls):
        hints = get_type_hints(cls, include_extras=True)
        required = sorted(getattr(cls, "__required_keys__", ()))
    else:
        raise ToolError(
            f"{where}: {kind!r} has no JSON schema. Use str, int, float, bool, Literal, Enum, list, dict, "
            "an attrs class or a TypedDict."
        )
    properties = {name: schema_of(hint, where) for name, hint in hints.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _enumeration(values: Sequence[Any]) -> Json:
    kinds = {_PRIMITIVES.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "enum": list(values)}


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
    converter.register_structure_hook_func(_is_union_of_plain, _one_of)
    return converter


def _strictly(value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not kind:
        raise ToolError(f"expected {_PRIMITIVES[kind]}, got {value!r}")
    return value


def _is_union_of_plain(kind: Any) -> bool:
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


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
