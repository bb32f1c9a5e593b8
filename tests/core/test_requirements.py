"""offhook.requirements: what config and metadata ask for, and whether it is there."""

from __future__ import annotations

import sys
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement

from offhook.errors import ConfigError, PluginNotFound
from offhook.loopback import Loopback
from offhook.plugins import make_transport
from offhook.requirements import check_required, lack, needs, pip_install
from offhook.settings import Settings, load_settings


@pytest.fixture
def acme(site):
    """offhook-acme 1.2, with the extra ``loud`` that needs offhook-horn, and ``quiet`` that needs itself and loud."""
    metadata = [
        "Provides-Extra: loud",
        "Provides-Extra: quiet",
        "Requires-Dist: attrs>=20",
        'Requires-Dist: offhook-horn>=2 ; extra == "loud"',
        'Requires-Dist: offhook-acme[loud] ; extra == "quiet"',
        'Requires-Dist: offhook-other-system ; sys_platform == "no such system"',
    ]
    site.install("offhook-acme", version="1.2", metadata="\n".join(metadata) + "\n")
    return site


# One requirement.


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        ("offhook-acme", None),
        ("Offhook_Acme", None),
        ("offhook-acme>=1", None),
        ("offhook-acme>=1,<2", None),
        ("offhook-acme~=1.1", None),
        ("offhook-acme>=2", "offhook-acme 1.2 is installed"),
        ("offhook-acme==1.0", "offhook-acme 1.2 is installed"),
        ("offhook-absent", "offhook-absent is not installed"),
        ("offhook-absent>=1", "offhook-absent is not installed"),
        ('offhook-absent; sys_platform == "no such system"', None),
        ("offhook-acme[loud]", "offhook-horn is not installed"),
        ("offhook-acme[quiet]", "offhook-horn is not installed"),
        ("offhook-acme[unheard-of]", None),
    ],
)
def test_what_a_requirement_lacks(acme, wanted, missing):
    assert lack(Requirement(wanted)) == missing


def test_an_extra_is_there_once_all_it_needs_is(acme):
    acme.install("offhook-horn", version="2.0")
    assert lack(Requirement("offhook-acme[quiet]>=1")) is None


def test_a_part_of_an_extra_may_be_too_old(acme):
    acme.install("offhook-horn", version="1.9")
    assert lack(Requirement("offhook-acme[loud]")) == "offhook-horn 1.9 is installed"


def test_an_installed_prerelease_counts(site):
    site.install("offhook-acme", version="2.0rc1")
    assert lack(Requirement("offhook-acme>=1")) is None


@pytest.mark.parametrize(("wanted", "missing"), [("acme", None), ("acme>=1", "acme (no version) is installed")])
def test_without_a_version_only_a_name_can_be_met(site, wanted, missing):
    site.install("acme")
    (site.folder / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\n")
    assert lack(Requirement(wanted)) == missing


def test_what_a_distribution_needs_always_and_for_an_extra(acme):
    found = distribution("offhook-acme")
    assert [str(part) for part in needs(found)] == ["attrs>=20"]
    assert [str(part) for part in needs(found, "loud")] == ["offhook-horn>=2"]


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        (["offhook-webrtc"], "pip install offhook-webrtc"),
        (["offhook-webrtc>=1"], 'pip install "offhook-webrtc>=1"'),
        (["offhook[cli]", "b"], 'pip install "offhook[cli]" b'),
    ],
)
def test_the_command_is_quoted_where_shells_want_it(wanted, command):
    assert pip_install(*wanted) == command


# The config.


def test_a_config_that_requires_nothing_needs_no_packaging(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    check_required(Settings())


def test_what_is_required_and_missing_is_told_with_one_command_before_any_import(site, tmp_path):
    site.transport("acme", version="0.1.0")
    (tmp_path / "offhook.toml").write_text('requires = ["offhook-acme>=1", "pluggy", "offhook-absent"]')
    settings = load_settings(environ={}, cwd=tmp_path)
    with pytest.raises(PluginNotFound) as caught:
        make_transport("acme", settings=settings)
    assert str(caught.value) == (
        f"requires in {tmp_path / 'offhook.toml'} asks for offhook-acme>=1 (but offhook-acme 0.1.0 is installed); "
        "offhook-absent (but offhook-absent is not installed). "
        'Run: pip install "offhook-acme>=1" offhook-absent.'
    )
    assert caught.value.name == "offhook-acme"
    assert "acme_plugin" not in sys.modules


def test_with_everything_there_the_transport_is_made(site):
    site.transport("acme", version="1.5")
    settings = Settings(requires=("offhook-acme>=1,<2", "pluggy>=1"))
    assert isinstance(make_transport("acme", settings=settings), Loopback)


@pytest.mark.parametrize("text", ["offhook webrtc", "", ">=1", "offhook-webrtc=>1"])
def test_what_is_no_requirement_is_told_with_its_place(tmp_path, text):
    (tmp_path / "offhook.toml").write_text(f'requires = ["{text}"]')
    settings = load_settings(environ={}, cwd=tmp_path)
    with pytest.raises(
        ConfigError, match=r"requires in .*offhook\.toml holds .*no requirement: .*Write it as"
    ) as caught:
        check_required(settings)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


def test_required_is_a_list(tmp_path):
    (tmp_path / "offhook.toml").write_text('requires = "offhook-acme"')
    with pytest.raises(ConfigError, match=r"requires in .* must be a list"):
        load_settings(environ={}, cwd=tmp_path)
