"""JSON arguments to the Python values that a function expects, strictly: cattrs, taught not to guess."""

from __future__ import annotations

import enum
import types
from collections.abc import Sequence
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, is_typeddict

from offhook.errors import ToolError
from offhook.schema import ARRAYS, PRIMITIVES, Json, Parameters, is_fixed, is_model, members_of, schema_of


def structure(value: Any, kind: Any, name: str) -> Any:
    """Give what ``value``, from JSON, means as a ``kind``. Raises ``ToolError`` naming the argument and what it takes."""
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
    converter.register_structure_hook_func(is_model, _model)
    return converter


def _strictly(value: Any, kind: type) -> Any:
    if issubclass(kind, enum.Enum):  # one of strings or integers
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not kind:
        raise ToolError(f"expected {PRIMITIVES[kind]}, got {value!r}")
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
    types = {name: hint for name, (hint, _) in members_of(kind, "").items()}
    return Parameters(schema_of(kind, ""), types).structure(cast("Json", value))


def _model(value: Any, kind: Any) -> Any:
    try:
        return kind.model_validate(value)
    except ValueError as error:
        raise ToolError(str(error)) from error


def _is_array(kind: Any) -> bool:
    return (get_origin(kind) or kind) in ARRAYS


def _array(value: Any, kind: Any) -> Any:
    """By hand, because a string would pass for an array of its letters."""
    if not isinstance(value, list):
        raise ToolError(f"expected array, got {value!r}")
    values = cast("list[Any]", value)
    container, arguments = get_origin(kind) or kind, get_args(kind)
    kinds: Sequence[Any] = [arguments[0] if arguments else Any] * len(values)
    if is_fixed(container, arguments):
        kinds = arguments
    if len(kinds) != len(values):
        raise ToolError(f"expected array of {len(kinds)}, got {value!r}")
    structured = [_converter().structure(element, entry) for element, entry in zip(values, kinds, strict=True)]
    return structured if container is Sequence else container(structured)
