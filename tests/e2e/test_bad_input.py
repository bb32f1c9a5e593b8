"""Bad input is answered with one paragraph that names the next step: exit code not 0, no traceback, no key."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_tools import ROOT
from refusals import Offhook

QUESTION = ROOT / "plugins" / "emulator" / "src" / "offhook_emulator" / "question.wav"


def test_a_wrong_key_is_refused_with_what_to_check(offhook: Offhook, emulator_url: str) -> None:
    """HTTP 401, in the service's own words, and the key is not repeated."""
    said = offhook("talk", "--question", QUESTION, "--url", emulator_url).said
    assert "401" in said
    assert "Check the API key" in said


def test_no_key_at_all_says_where_one_is_looked_for(offhook: Offhook) -> None:
    """The variable, the config key, and the way to do without."""
    said = offhook("talk", "--question", QUESTION, OPENAI_API_KEY="").said
    assert "OPENAI_API_KEY" in said
    assert 'transport "emulator"' in said


def test_an_address_that_is_none_says_what_one_looks_like(offhook: Offhook) -> None:
    """A URL of another scheme."""
    assert "wss://" in offhook("talk", "--question", QUESTION, "--url", "ftp://example.com").said


def test_a_wrong_path_says_to_check_the_address(offhook: Offhook, emulator_url: str) -> None:
    """HTTP 404 from a server that is there."""
    said = offhook("talk", "--question", QUESTION, "--url", emulator_url.replace("/v1", "/v7")).said
    assert "Check the url" in said


def test_a_refused_connection_says_that_nothing_listens_there(offhook: Offhook, unused_port: int) -> None:
    """And offers an emulator."""
    said = offhook("talk", "--question", QUESTION, "--url", f"http://127.0.0.1:{unused_port}/v1").said
    assert "nothing listens at" in said
    assert "offhook emulator" in said


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on: one that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_unknown_transport_lists_those_that_are_installed(offhook: Offhook) -> None:
    """With the nearest name, where one is near."""
    said = offhook("demo", "--transport", "websockets").said
    assert "'websockets'" in said
    assert "websocket" in said.split("'websockets'")[1]


def test_a_broken_third_party_transport_is_named_and_the_others_still_work(
    offhook: Offhook, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """One distribution whose import fails, next to ours."""
    information = tmp_path / "site" / "offhook_bad-1.5.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: offhook-bad\nVersion: 1.5\n")
    (information / "entry_points.txt").write_text("[offhook.transports]\nbad = offhook_bad\n")
    (tmp_path / "site" / "offhook_bad.py").write_text("raise RuntimeError('out of order')\n")
    said = offhook("talk", "--question", QUESTION, "--transport", "bad", PYTHONPATH=str(tmp_path / "site")).said
    assert "offhook-bad 1.5" in said
    assert "out of order" in said
    environ = {**clean_environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "offhook", "transports", "--check"]
    checked = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ, timeout=60
    )
    table, _capabilities = checked.stdout.split("\n\n")
    states = {line.split()[0]: line.split()[3] for line in table.splitlines()[1:]}
    assert states["bad"].startswith("broken")
    assert states["websocket"] == states["loopback"] == "loaded"


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", b"not a sound"), ("empty.wav", b""), ("cut.wav", b"RIFF\x00\x00\x00\x00WAVE")]
)
def test_a_file_that_is_no_wav_says_how_to_make_one(
    offhook: Offhook, tmp_path: Path, name: str, content: bytes
) -> None:
    """Text, nothing at all, and a header without sound."""
    (tmp_path / name).write_bytes(content)
    assert name in offhook("demo", "--voice", "scripted", "--question", tmp_path / name).said


def test_a_port_in_use_says_so_and_offers_another(offhook: Offhook, taken_port: int) -> None:
    """The emulator does not start beside somebody else."""
    said = offhook("emulator", "--voice", "scripted", "--port", str(taken_port)).said
    assert f"Port {taken_port}" in said
    assert "port 0" in said


@pytest.mark.parametrize(
    ("config", "key", "nearest"),
    [
        ('transprot = "websocket"', "transprot", "transport"),
        ('[transports.websocket]\nmodle = "x"', "transports.websocket.modle", "model"),
        ('[session.audio.output]\nvocie = "x"', "session.audio.output.vocie", "voice"),
    ],
)
def test_a_typo_in_the_config_names_file_key_and_the_nearest_valid_one(
    offhook: Offhook, tmp_path: Path, config: str, key: str, nearest: str
) -> None:
    """At the top, in a transport's own table, and deep in the session."""
    (tmp_path / "offhook.toml").write_text(config)
    said = offhook("talk", "--question", QUESTION).said
    assert "offhook.toml" in said
    assert key in said
    assert nearest in said
