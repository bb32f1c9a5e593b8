"""What ``offhook.testing`` offers: pinned, each name there, and none of it imported before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from offhook import testing

#: A name that goes breaks somebody: taking one off this list is a breaking change.
NAMES = [
    "Command",
    "Conversation",
    "Exchange",
    "IncompleteScript",
    "Says",
    "ScriptError",
    "ScriptedTransport",
    "SimulationError",
    "Stuck",
    "ToolCall",
    "UnexpectedCommand",
    "VirtualTimeLoop",
    "emit",
    "expect",
    "fail",
    "in_any_order",
    "lose",
    "run_virtual",
    "simulate",
]


def test_the_names_are_these_and_listed_before_they_are_used():
    assert sorted(testing.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(testing))


@pytest.mark.parametrize("name", NAMES)
def test_each_name_resolves_to_what_has_that_name(name):
    assert getattr(testing, name).__name__ == name


def test_what_type_checkers_see_is_what_resolves():
    tree = ast.parse(Path(testing.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == testing._MODULE_OF


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'offhook.testing' has no attribute 'simulat'"):
        _ = testing.simulat


def test_importing_it_imports_neither_pytest_nor_what_is_not_used():
    program = (
        "import sys, offhook.testing; print([n for n in ('pytest', 'asyncio', 'offhook.session') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_using_all_of_it_imports_no_pytest():
    program = "import sys; from offhook.testing import *; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
