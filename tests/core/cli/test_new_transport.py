"""offhook.cli.new_transport: what it writes, and what it refuses to write. That it works, tests/e2e sees from wheels."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.resources import files
from types import SimpleNamespace

import pytest
from packaging.version import Version
from typer.testing import CliRunner

from offhook.cli import new_transport as module
from offhook.cli.app import app
from offhook.cli.new_transport import _requirement
from offhook.errors import ConfigError
from offhook.hookspecs import SPEC_VERSION

FLAVOURS = ("realtime", "own")
COMMON = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/offhook_carrier_pigeon/__init__.py",
    "src/offhook_carrier_pigeon/dialer.py",
    "src/offhook_carrier_pigeon/options.py",
    "src/offhook_carrier_pigeon/plugin.py",
    "src/offhook_carrier_pigeon/py.typed",
    "src/offhook_carrier_pigeon/transport.py",
    "tests/peer.py",
    "tests/test_conformance.py",
    "tests/test_dialer.py",
    "tests/test_session.py",
    "tests/wire.py",
}
OWN = {
    "src/offhook_carrier_pigeon/protocol.py",
    "tests/test_protocol.py",
    "tests/test_transport.py",
}


def invoke(*arguments):
    return CliRunner().invoke(app, ["new-transport", *map(str, arguments)])


def refusal(*arguments):
    """What it says where it writes nothing."""
    done = invoke(*arguments)
    assert isinstance(done.exception, ConfigError), done.output
    return str(done.exception)


@pytest.fixture(params=FLAVOURS)
def written(request, tmp_path):
    """A distribution as generated, as text by path."""
    assert invoke("carrier-pigeon", "--flavour", request.param, "--directory", tmp_path).exit_code == 0
    folder = tmp_path / "offhook-carrier-pigeon"
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("flavour", "paths"), [("realtime", COMMON), ("own", COMMON | OWN)])
def test_a_flavour_is_a_whole_distribution(tmp_path, flavour, paths):
    invoke("carrier-pigeon", "--flavour", flavour, "--directory", tmp_path)
    folder = tmp_path / "offhook-carrier-pigeon"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == paths


def test_every_file_among_the_templates_is_one():
    left = [files("offhook") / "templates" / "new-transport"]
    while left:
        entry = left.pop()
        left += entry.iterdir() if entry.is_dir() else ()
        assert entry.is_dir() or entry.name.endswith(".tmpl")


def test_without_a_flavour_it_is_the_realtime_dialect_and_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    invoke("demo")
    assert "OpenAIRealtimeBase" in (tmp_path / "offhook-demo/src/offhook_demo/transport.py").read_text()


def test_no_placeholder_is_left(written):
    for path, text in written.items():
        assert re.findall(r"\$(?!\{\{|\s)", text.replace("$ ", "")) == [], path
        assert "offhook_name" not in path + text


def test_every_module_is_python(written):
    for path, text in written.items():
        if path.endswith(".py"):
            ast.parse(text, path)


def test_the_entry_point_has_the_name_and_names_the_plugin(written):
    project = tomllib.loads(written["pyproject.toml"])["project"]
    assert project["name"] == "offhook-carrier-pigeon"
    assert project["entry-points"] == {"offhook.transports": {"carrier-pigeon": "offhook_carrier_pigeon.plugin"}}
    assert "class CarrierPigeonTransport" in written["src/offhook_carrier_pigeon/transport.py"]
    assert f"SPEC_VERSION: Final = {SPEC_VERSION}" in written["src/offhook_carrier_pigeon/plugin.py"]


@pytest.mark.parametrize(
    ("direct", "sources"),
    [
        ('{"url": "file:///home/me/off%20hook/core", "dir_info": {}}', "/home/me/off hook/core"),
        ('{"url": "file:///wheels/offhook-0.1.0-py3-none-any.whl", "archive_info": {}}', None),
        (None, None),
    ],
    ids=["folder", "wheel", "release"],
)
def test_an_offhook_that_was_installed_from_a_folder_is_taken_from_there(tmp_path, monkeypatch, direct, sources):
    monkeypatch.setattr(module, "distribution", lambda _: SimpleNamespace(read_text=lambda _: direct))
    assert invoke("demo", "--directory", tmp_path).exit_code == 0
    uv = tomllib.loads((tmp_path / "offhook-demo/pyproject.toml").read_text())["tool"].get("uv")
    assert uv == (sources and {"sources": {"offhook": {"path": sources, "editable": True}}})


def test_the_prefix_of_distributions_is_no_part_of_the_name(tmp_path):
    assert "Give 'demo'." in refusal("offhook-demo", "--directory", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_readme_has_a_badge_and_the_way_to_choose_it(written):
    assert "[![offhook conformance](" in written["README.md"]
    assert '[transports.carrier-pigeon]\nurl = "' in written["README.md"]


def test_ci_runs_the_tests_on_every_supported_python(written):
    workflow = written[".github/workflows/ci.yml"]
    assert "uv run pytest" in workflow
    assert "UV_PYTHON: ${{ matrix.python }}" in workflow
    assert '"3.11"' in workflow


def test_the_protocol_of_an_own_dialect_has_no_sockets_no_tasks_and_no_clock(tmp_path):
    invoke("demo", "--flavour", "own", "--directory", tmp_path)
    tree = ast.parse((tmp_path / "offhook-demo/src/offhook_demo/protocol.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not imported & {"asyncio", "socket", "time", "threading"}
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(tree))


def test_the_next_steps_are_told(tmp_path):
    told = invoke("demo", "--flavour", "own", "--directory", tmp_path).output
    assert f"cd {tmp_path}/offhook-demo" in told
    assert "uv run pytest" in told
    assert "uv run offhook transports" in told


@pytest.mark.parametrize(
    ("ours", "required"),
    [("0.1.0", "offhook>=0.1,<0.2"), ("0.9.3", "offhook>=0.9,<0.10"), ("1.4.2rc1", "offhook>=1.4,<2")],
)
def test_it_requires_the_offhook_that_wrote_it_or_a_compatible_one(ours, required):
    assert _requirement(Version(ours)) == required


@pytest.mark.parametrize(
    "name",
    ["Demo", "de_mo", "-demo", "demo-", "de--mo", "2demo", "dé", "de mo", "", "../demo", "connect", "d" * 25],
)
def test_a_name_that_cannot_be_one_is_refused_with_the_rule(tmp_path, name):
    said = refusal("--directory", tmp_path, "--", name)
    assert f"cannot be named {name!r}" in said
    assert "Use small letters" in said
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_an_installed_transport_has_is_refused_with_its_distribution(site, tmp_path):
    site.install("offhook", commands={"new-transport": "offhook.cli.new_transport:new_transport"})
    site.install("their-pigeon", version="2.5", transports={"pigeon": "a_module_that_nobody_imports"})
    assert "'pigeon' is taken by their-pigeon 2.5" in refusal("pigeon", "--directory", tmp_path)


def test_a_name_of_ours_is_refused_also_where_it_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr("offhook.cli.new_transport.claims", lambda _: {})
    assert "'webrtc' is taken by offhook-webrtc" in refusal("webrtc", "--directory", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path):
    (tmp_path / "offhook-demo").mkdir()
    said = refusal("demo", "--directory", tmp_path)
    assert f"{tmp_path / 'offhook-demo'} exists already" in said
    assert "Choose another name" in said
    assert list((tmp_path / "offhook-demo").iterdir()) == []


def test_a_directory_that_is_not_there_is_told(tmp_path):
    assert "cannot be written: No such file or directory. Give a --directory" in refusal(
        "demo", "--directory", tmp_path / "nowhere"
    )
