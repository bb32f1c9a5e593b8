"""``docs/architecture.md`` shows the code as it is: what it names is there, and no part of it is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "src" / "offhook"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = [path.name for path in CORE.iterdir() if (path / "__init__.py").exists()]


def _modules(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.py") if not path.name.startswith("_")}


def test_every_module_that_the_page_names_exists():
    there = {path.name for folder in (CORE, ROOT / "plugins") for path in folder.rglob("*.py")}
    assert set(re.findall(r"\b[a-z_]+\.py\b", PAGE)) - there == set()


def test_the_map_has_every_module_and_folder_of_core():
    assert {name for name in _modules(CORE) if not re.search(rf"[ /]{re.escape(name)}\b", PAGE)} == set()
    assert [name for name in FOLDERS if f"offhook/{name}/" not in PAGE] == []


@pytest.mark.parametrize("name", sorted(_modules(CORE / "session")))
def test_the_page_says_what_each_part_of_a_session_is_for(name: str):
    section = PAGE.partition("## The session\n")[2].partition("\n## ")[0]
    assert re.search(rf"`{name.removesuffix('.py')}(?:\.py)?`", section)
