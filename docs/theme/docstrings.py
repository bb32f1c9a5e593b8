# ruff: noqa: INP001  # the site's builder loads it by its path
"""Our docstrings as the reference pages need them: Markdown, comments of fields as text, and how an attrs class is made.

An extension of griffe, which reads the sources without running them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import griffe

#: ``code``, and what a role such as ``:func:`` says about it.
_CODE: Final = re.compile(r"(?::\w+:)?``([^`]+)``|:\w+:`([^`]+)`")
_LITERAL: Final = re.compile(r"^(?P<before>.*?) ?::\n\n(?P<block>(?:(?:    .*)?(?:\n|\Z))+)", re.MULTILINE)
_NAME: Final = re.compile(r"(?<!\[)`([A-Z]\w+)`")
_COMMENT: Final = re.compile(r"\s*#: ?(.*)")
_ATTRS: Final = {"frozen", "define", "attrs.frozen", "attrs.define"}


class Docstrings(griffe.Extension):
    """Goes over everything of a package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Mend the docstrings, and add what they do not say themselves."""
        names = _public_names(pkg)
        for found in _objects(pkg):
            if isinstance(found, griffe.Attribute) and not found.docstring and (comment := _comment_above(found)):
                found.docstring = griffe.Docstring(comment, parent=found)
            if isinstance(found, griffe.Class):
                _tell_event(found)
            if found.docstring:
                found.docstring.value = linked(to_markdown(found.docstring.value), names)
        classes = [found for found in _objects(pkg) if isinstance(found, griffe.Class) and _is_attrs(found)]
        constructors = [(found, _constructor(found)) for found in classes if "__init__" not in found.members]
        for found, constructor in constructors:
            found.set_member("__init__", constructor)
        for found in classes:
            _show_defaults(found)


def to_markdown(text: str) -> str:
    """Give a docstring with its code between single backticks, and its literal blocks fenced."""
    return _LITERAL.sub(_fenced, _CODE.sub(lambda code: f"`{code[1] or code[2]}`", text))


def linked(text: str, names: Mapping[str, str]) -> str:
    """Give Markdown with the names of public classes leading to where they are documented."""
    return _NAME.sub(lambda name: f"[{name[0]}][{names[name[1]]}]" if name[1] in names else name[0], text)


def _fenced(found: re.Match[str]) -> str:
    before = f"{found['before']}:\n\n" if found["before"] else ""
    code = re.sub(r"^    ", "", found["block"].strip("\n"), flags=re.MULTILINE)
    language = "text" if "──" in code else "python"
    return f"{before}```{language}\n{code}\n```\n\n"


def _public_names(pkg: griffe.Module) -> dict[str, str]:
    """Give the full name of each public class by its short one."""
    exported = {str(name): f"{pkg.name}.{name}" for name in pkg.exports or ()}
    errors = pkg.members.get("errors")
    raised = errors.members if isinstance(errors, griffe.Module) else {}
    return {name: member.path for name, member in raised.items() if isinstance(member, griffe.Class)} | exported


def _objects(parent: griffe.Object) -> Iterator[griffe.Object]:
    for member in list(parent.members.values()):
        if isinstance(member, griffe.Object):
            yield member
            yield from _objects(member)


def _comment_above(attribute: griffe.Attribute) -> str:
    """Give the lines that begin with ``#:`` over an attribute."""
    lines = attribute.lines_collection[attribute.filepath]  # type: ignore[index]  # one file: we have no namespace packages
    comment: list[str] = []
    for line in reversed(lines[: (attribute.lineno or 1) - 1]):
        if not (found := _COMMENT.fullmatch(line)):
            break
        comment.insert(0, found[1])
    return "\n".join(comment)


def _tell_event(found: griffe.Class) -> None:
    """Say the name under which an event is told."""
    hook = found.members.get("hook")
    if found.docstring and isinstance(hook, griffe.Attribute) and hook.value:
        name = str(hook.value).strip("'\"")
        found.docstring.value += f"\n\nTold as ``{name}``."


# How an attrs class is made.


def _is_attrs(found: griffe.Class) -> bool:
    return any(_called(decorator.value) in _ATTRS for decorator in found.decorators)


def _called(value: str | griffe.Expr) -> str:
    return str(value.function if isinstance(value, griffe.ExprCall) else value)


def _options(value: str | griffe.Expr | None) -> dict[str, str | griffe.Expr]:
    """Give the keyword arguments of a call."""
    arguments = value.arguments if isinstance(value, griffe.ExprCall) else ()
    return {argument.name: argument.value for argument in arguments if isinstance(argument, griffe.ExprKeyword)}


def _constructor(found: griffe.Class) -> griffe.Function:
    fields: dict[str, griffe.Parameter] = {}
    for cls in [*reversed(_bases(found)), found]:
        for parameter in _parameters(cls):
            fields.pop(parameter.name, None)
            fields[parameter.name] = parameter
    receiver = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    ordered = sorted(fields.values(), key=lambda field: field.kind is griffe.ParameterKind.keyword_only)
    return griffe.Function("__init__", parameters=griffe.Parameters(receiver, *ordered), parent=found)


def _bases(found: griffe.Class) -> list[griffe.Class]:
    return [cls for cls in found.mro() if _is_attrs(cls)]


def _parameters(found: griffe.Class) -> Iterator[griffe.Parameter]:
    keywords_only = any(str(_options(decorator.value).get("kw_only")) == "True" for decorator in found.decorators)
    for name, member in found.members.items():
        if not isinstance(member, griffe.Attribute) or "instance-attribute" not in member.labels:
            continue  # a property, or an attribute of the class
        if str((options := _field(member)).get("init")) == "False":
            continue
        keyword = keywords_only or str(options.get("kw_only")) == "True"
        yield griffe.Parameter(
            str(options.get("alias", name)).strip("'\"").lstrip("_"),
            annotation=member.annotation,
            kind=griffe.ParameterKind.keyword_only if keyword else griffe.ParameterKind.positional_or_keyword,
            default=_default(member, options),
        )


def _show_defaults(found: griffe.Class) -> None:
    """Show fields as what they are: not ``field(default=0)`` but 0."""
    for member in found.members.values():
        if isinstance(member, griffe.Attribute) and "property" not in member.labels:
            member.labels -= {"class-attribute", "instance-attribute"}
            member.value = _default(member, _field(member))


def _field(member: griffe.Attribute) -> dict[str, str | griffe.Expr]:
    return _options(member.value) if _is_call(member.value, "field") else {}


def _is_call(value: str | griffe.Expr | None, name: str) -> bool:
    return isinstance(value, griffe.ExprCall) and str(value.function) == name


def _default(member: griffe.Attribute, options: dict[str, str | griffe.Expr]) -> str | griffe.Expr | None:
    if _is_call(member.value, "field"):
        return options.get("default", "..." if "factory" in options else None)
    return "..." if _is_call(member.value, "Factory") else member.value
