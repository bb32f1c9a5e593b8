"""The reference pages hold every public name, each says what it is, and each is used where a test would notice."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import griffe
from e2e_tools import ROOT

#: What an application or the author of a transport may import from.
PACKAGES = [
    "offhook",
    "offhook.recording",
    "offhook.testing",
    "offhook.testing.conformance",
    "offhook.wire",
    "offhook_cloudflare",
    "offhook_emulator",
    "offhook_sip",
    "offhook_webrtc",
    "offhook_websocket",
]
#: Lists of names, which use none of them.
LISTS = {Path(__file__), ROOT / "tests" / "core" / "test_public_names.py"}
_DIRECTIVE = re.compile(r"^::: (\S+)", re.MULTILINE)
_PROGRAM = re.compile(r"^```(?:python|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _names() -> list[str]:
    modules = [importlib.import_module(package) for package in PACKAGES]
    return [f"{module.__name__}.{name}" for module in modules for name in module.__all__ if name != "__version__"]


@cache
def _sources() -> griffe.ModulesCollection:
    """Everything of ours as the site's builder reads it."""
    extensions = griffe.load_extensions(str(ROOT / "docs" / "theme" / "docstrings.py"))
    paths = [ROOT / "core" / "src", *ROOT.glob("plugins/*/src")]
    loader = griffe.GriffeLoader(search_paths=paths, extensions=extensions)
    for package in dict.fromkeys(name.partition(".")[0] for name in PACKAGES):
        loader.load(package)
    loader.resolve_aliases()
    return loader.modules_collection


def _object(name: str) -> griffe.Object:
    found = _sources()[name]
    return found.final_target if isinstance(found, griffe.Alias) else found


@cache
def _on_pages() -> Sequence[str]:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    return [name for page in pages for name in _DIRECTIVE.findall(page.read_text())]


@cache
def _words() -> frozenset[str]:
    """Every word of the tests and of the programs in the documentation."""
    tests = [path.read_text() for path in (ROOT / "tests").rglob("*.py") if path not in LISTS]
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    programs = [program for page in pages for program in _PROGRAM.findall(page.read_text())]
    return frozenset(word for text in [*tests, *programs] for word in re.findall(r"\w+", text))


def test_every_public_name_says_what_it_is() -> None:
    """By a docstring, or by a ``#:`` comment over a constant, where it is defined."""
    assert [name for name in _names() if not _object(name).docstring] == []


def test_every_method_of_a_public_class_says_what_it_does() -> None:
    """Properties too. Fields say it in the docstring of their class."""
    classes = [found for name in _names() if (found := _object(name)).is_class]
    methods = [member for found in classes for member in found.members.values() if _is_method(member)]
    assert [method.path for method in methods if not method.docstring] == []


def _is_method(member: griffe.Object | griffe.Alias) -> bool:
    called = isinstance(member, griffe.Function) or "property" in member.labels
    return called and not member.name.startswith("_")


def test_every_public_name_is_on_a_reference_page() -> None:
    """Add ``::: name`` to the page of ``docs/reference/`` that it belongs to."""
    assert [name for name in _names() if name not in _on_pages()] == []


def test_every_public_name_is_used_in_a_test_or_in_the_documentation() -> None:
    """What nobody uses, nobody notices when it breaks: write a test, or take the name back."""
    assert [name for name in _names() if name.rpartition(".")[2] not in _words()] == []


def test_what_the_pages_name_exists_and_stands_there_once() -> None:
    named = _on_pages()
    assert [name for name in named if not _exists(name) or named.count(name) > 1] == []


def _exists(name: str) -> bool:
    path = name.split(".")
    for size in range(len(path), 0, -1):
        try:
            found: ModuleType | object = importlib.import_module(".".join(path[:size]))
        except ModuleNotFoundError:
            continue
        return all((found := getattr(found, part, None)) is not None for part in path[size:])
    return False
