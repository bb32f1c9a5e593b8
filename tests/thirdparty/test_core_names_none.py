"""Core hosts what it has never heard of."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_module_of_ours_names_a_third_party():
    names = re.compile(r"gemini|bidigeneratecontent|offhook[-_]lines", re.IGNORECASE)
    sources = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    assert len(sources) > 100
    assert [str(path) for path in sources if names.search(path.read_text(encoding="utf-8"))] == []


def test_a_third_party_uses_what_a_third_party_can():
    """Not a private module of offhook's, and nothing of a plugin's."""
    private = re.compile(r"from offhook(_websocket|_emulator|\.\w+\._|\._)|import offhook\._")
    sources = [*ROOT.glob("tests/thirdparty/*/src/**/*.py")]
    assert len(sources) > 10
    assert [str(path) for path in sources if private.search(path.read_text(encoding="utf-8"))] == []
