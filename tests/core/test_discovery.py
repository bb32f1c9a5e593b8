"""offhook.discovery: what is installed, from metadata alone."""

from __future__ import annotations

import sys

import pytest

from offhook.discovery import COMMANDS, TRANSPORTS, claims, find, listing, pip_line
from offhook.errors import PluginBlocked, PluginConflict, PluginNotFound
from offhook.settings import Settings, load_settings


def rows(settings=None):
    return [(row.name, row.distribution, row.state) for _, row in listing(TRANSPORTS, settings or Settings())]


def test_listing_reads_metadata_and_imports_nothing(site):
    site.transport("acme", "raise RuntimeError('imported')", version="2.5")
    [(_, row)] = listing(TRANSPORTS, Settings())
    assert (row.name, row.distribution, row.version, row.value) == ("acme", "offhook-acme", "2.5", "acme_plugin")
    assert (row.state, row.reason, row.capabilities) == ("available", None, None)
    assert "acme_plugin" not in sys.modules


def test_transports_and_commands_do_not_mix(site):
    site.install("both", transports={"wire": "a"}, commands={"serve": "b"})
    assert list(claims(TRANSPORTS)) == ["wire"]
    assert list(claims(COMMANDS)) == ["serve"]


def test_the_list_is_sorted_by_name(site):
    for name in ("zulu", "alpha", "mike"):
        site.transport(name)
    assert [name for name, _, _ in rows()] == ["alpha", "mike", "zulu"]


def test_a_distribution_twice_on_the_path_counts_once_and_the_first_one_wins(site, monkeypatch):
    site.transport("acme", version="2.0")
    second = type(site)(site.folder.parent / "second")
    second.transport("acme", version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(second.folder)])
    [(_, row)] = listing(TRANSPORTS, Settings())
    assert (row.version, row.state) == ("2.0", "available")


def test_spellings_of_one_distribution_are_one_distribution(site, monkeypatch):
    site.transport("acme", distribution="Offhook.Acme")
    second = type(site)(site.folder.parent / "second")
    second.transport("acme", distribution="offhook_acme")
    monkeypatch.setattr(sys, "path", [*sys.path, str(second.folder)])
    assert rows() == [("acme", "Offhook.Acme", "available")]


def test_two_distributions_with_one_name_are_a_conflict_that_names_both(site):
    site.transport("acme", distribution="acme-one", version="1.1")
    site.transport("acme", distribution="acme-two", version="2.2")
    assert rows() == [("acme", "acme-one", "conflict"), ("acme", "acme-two", "conflict")]
    with pytest.raises(PluginConflict, match=r"acme-one 1\.1 and acme-two 2\.2.*Uninstall one") as caught:
        find(TRANSPORTS, "acme", Settings())
    assert caught.value.name == "acme"


def test_blocking_one_of_two_settles_the_conflict(site):
    site.transport("acme", distribution="acme-one")
    site.transport("acme", distribution="acme-two")
    settings = Settings(block=("acme-one",))
    assert find(TRANSPORTS, "acme", settings).distribution == "acme-two"
    assert rows(settings) == [("acme", "acme-one", "blocked"), ("acme", "acme-two", "available")]


@pytest.mark.parametrize("word", ["acme", "offhook-acme", "Offhook_Acme", "offhook.acme"])
def test_a_name_is_blocked_by_entry_point_or_by_distribution_however_spelt(site, word):
    site.transport("acme")
    with pytest.raises(PluginBlocked, match=r"'acme' \(offhook-acme 1\.0\) is blocked.*Take it out there"):
        find(TRANSPORTS, "acme", Settings(block=(word,)))


@pytest.mark.parametrize("word", ["acm", "ACME", "offhook", ""])
def test_only_a_whole_name_blocks(site, word):
    site.transport("acme")
    assert find(TRANSPORTS, "acme", Settings(block=(word,))).name == "acme"


def test_blocked_names_the_variable_that_blocks(site, tmp_path):
    site.transport("acme")
    settings = load_settings(environ={"OFFHOOK_BLOCK": "other, acme"}, cwd=tmp_path)
    with pytest.raises(PluginBlocked, match="OFFHOOK_BLOCK names 'acme'"):
        find(TRANSPORTS, "acme", settings)


def test_blocked_names_the_file_that_blocks(site, tmp_path):
    site.transport("acme")
    (tmp_path / "offhook.toml").write_text('block = ["offhook-acme"]')
    settings = load_settings(environ={}, cwd=tmp_path)
    with pytest.raises(PluginBlocked) as caught:
        find(TRANSPORTS, "acme", settings)
    assert f"block in {tmp_path / 'offhook.toml'} names 'offhook-acme'" in str(caught.value)
    [(_, row)] = listing(TRANSPORTS, settings)
    assert str(tmp_path / "offhook.toml") in str(row.reason)


@pytest.mark.parametrize(
    ("group", "name", "command"),
    [
        (TRANSPORTS, "websocket", "pip install offhook-websocket"),
        (TRANSPORTS, "webrtc", "pip install offhook-webrtc"),
        (TRANSPORTS, "sip", "pip install offhook-sip"),
        (TRANSPORTS, "cloudflare", "pip install offhook-cloudflare"),
        (COMMANDS, "emulator", 'pip install "offhook-emulator[speech]"'),
        (COMMANDS, "demo", 'pip install "offhook-emulator[speech]"'),
        (COMMANDS, "calls", 'pip install "offhook-sip[serve]"'),
    ],
)
def test_a_known_name_that_is_not_installed_is_told_with_the_command_that_installs_it(site, group, name, command):
    assert pip_line(group, name) == command
    with pytest.raises(PluginNotFound) as caught:
        find(group, name, Settings())
    assert f"the {group.noun} {name!r} is not installed. Run: {command}." in str(caught.value)


def test_a_misspelt_name_is_told_with_the_near_one_and_what_is_installed(site):
    site.transport("acme")
    site.transport("loopback")
    with pytest.raises(PluginNotFound, match=r"Did you mean 'loopback'\? Installed: acme, loopback\.") as caught:
        find(TRANSPORTS, "loopbak", Settings())
    assert "pip install" not in str(caught.value)


def test_a_misspelt_name_may_be_near_one_that_has_to_be_installed(site):
    with pytest.raises(PluginNotFound, match=r"Did you mean 'webrtc'\? Run: pip install offhook-webrtc\."):
        find(TRANSPORTS, "WebRCT", Settings())


def test_a_name_like_no_other_is_told_with_what_exists(site):
    site.transport("acme")
    with pytest.raises(PluginNotFound, match=r"named 'qqq' is installed\. Choose .*Installed: acme\..*webrtc"):
        find(TRANSPORTS, "qqq", Settings())


def test_not_found_says_who_asked(site):
    with pytest.raises(PluginNotFound, match=r"'qqq' \(asked for by OFFHOOK_TRANSPORT\)"):
        find(TRANSPORTS, "qqq", Settings(), asked_by="OFFHOOK_TRANSPORT")


def test_names_without_a_distribution_are_near_too(site):
    with pytest.raises(PluginNotFound, match="Did you mean 'transports'"):
        find(COMMANDS, "transport", Settings(), others=["transports"])


def test_metadata_without_name_and_version_is_listed_all_the_same(site):
    site.transport("acme")
    (site.folder / "offhook_acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    [(_, row)] = listing(TRANSPORTS, Settings())
    assert (row.distribution, row.version) == ("(no name)", "(no version)")
