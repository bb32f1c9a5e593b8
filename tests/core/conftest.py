"""Distributions that exist only for a test."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

GOOD = """
from attrs import frozen

from offhook.hookspecs import hookimpl
from offhook.loopback import Loopback

SPEC_VERSION = (1, 0)


@frozen(kw_only=True)
class Options:
    url: str = "ws://nowhere"
    retries: int = 3


@hookimpl
def transport_options():
    return Options


@hookimpl
def make_transport(options):
    transport = Loopback()
    transport.options = options
    return transport
"""


class Site:
    """A folder of installed distributions: metadata, and the modules it names."""

    #: The source of a plugin that is in order.
    good = GOOD

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(
        self,
        distribution: str,
        *,
        version: str = "1.0",
        transports: Mapping[str, str] | None = None,
        commands: Mapping[str, str] | None = None,
        observers: Mapping[str, str] | None = None,
        modules: Mapping[str, str] | None = None,
        metadata: str = "",
    ) -> None:
        """Install a distribution with these entry points and modules, and more lines of metadata."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{metadata}")
        groups = {
            "offhook.transports": transports or {},
            "offhook.commands": commands or {},
            "offhook.observers": observers or {},
        }
        lines = [
            line
            for group, names in groups.items()
            for line in (f"[{group}]", *(f"{n} = {v}" for n, v in names.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, source in (modules or {}).items():
            (self.folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()

    def transport(
        self, name: str, source: str = GOOD, *, distribution: str | None = None, version: str = "1.0"
    ) -> None:
        """Install a distribution that gives one transport, from the module ``<name>_plugin``."""
        module = f"{name}_plugin"
        self.install(
            distribution or f"offhook-{name}", version=version, transports={name: module}, modules={module: source}
        )

    def observer(self, name: str, source: str, *, distribution: str | None = None) -> None:
        """Install a distribution that gives one observer, the class ``Observer`` of the module ``<name>_observer``."""
        module = f"{name}_observer"
        source = f"from offhook import hookimpl\n{source}"
        self.install(
            distribution or f"offhook-{name}", observers={name: f"{module}:Observer"}, modules={module: source}
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A place where distributions are installed, and nothing else is."""
    made = Site(tmp_path / "site")
    every = importlib.metadata.distributions
    monkeypatch.setattr(
        importlib.metadata,
        "distributions",
        lambda **kwargs: (found for found in every(**kwargs) if tmp_path in Path(str(found.locate_file(""))).parents),
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(made.folder)])
    before = set(sys.modules)
    yield made
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    importlib.invalidate_caches()
