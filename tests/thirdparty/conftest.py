"""The distributions of this folder are third parties: ``tests/e2e/test_thirdparty.py`` installs their wheels. Their own tests
run on their sources, as if those were installed: the workspace knows nothing of them."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
#: Transports only: an observer that is installed would listen in on all of these tests.
_DISTRIBUTIONS = sorted(
    path.parent for path in _HERE.glob("*/pyproject.toml") if '"offhook.transports"' in path.read_text(encoding="utf-8")
)
sys.path[:0] = [str(_HERE), *(str(folder / part) for folder in _DISTRIBUTIONS for part in ("src", "tests"))]


@pytest.fixture(scope="session")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an installation writes down about each."""
    site = tmp_path_factory.mktemp("site")
    for folder in _DISTRIBUTIONS:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = project["entry-points"]
        lines = [f"[{name}]\n{key} = {value}\n" for name, group in groups.items() for key, value in group.items()]
        (info / "entry_points.txt").write_text("".join(lines))
    return site


@pytest.fixture(autouse=True)
def _installed(metadata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found by name, here and nowhere else."""
    monkeypatch.syspath_prepend(str(metadata))
