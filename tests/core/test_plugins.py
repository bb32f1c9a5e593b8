"""offhook.plugins: the chosen one is loaded, and whatever is wrong with it is its own."""

from __future__ import annotations

import sys

import pytest

from offhook.discovery import Listed
from offhook.errors import (
    AudioError,
    ConfigError,
    ContractError,
    PluginBlocked,
    PluginBroken,
    PluginConflict,
    PluginIncompatible,
    PluginNotFound,
)
from offhook.hookspecs import SPEC_VERSION
from offhook.loopback import Loopback
from offhook.plugins import check_transports, list_transports, load_command, make_transport
from offhook.settings import Settings, load_settings


def replaced(site, old, new):
    assert old in site.good
    return site.good.replace(old, new)


def test_make_transport_gives_a_transport_made_from_its_options(site):
    site.transport("acme")
    transport = make_transport("acme", settings=Settings(), url="ws://there")
    assert isinstance(transport, Loopback)
    assert (transport.options.url, transport.options.retries) == ("ws://there", 3)
    assert transport.status == "disconnected"


def test_choosing_one_imports_only_that_one(site):
    site.transport("acme")
    site.transport("other")
    make_transport("acme", settings=Settings())
    assert "acme_plugin" in sys.modules
    assert "other_plugin" not in sys.modules


def test_without_a_name_the_configured_transport_is_made(site):
    site.transport("acme")
    tables = {"acme": {"retries": 9}, "absent": {"whatever": True}}
    transport = make_transport(settings=Settings(transport="acme", transports=tables))
    assert transport.options.retries == 9


def test_without_settings_they_are_loaded(site, tmp_path, monkeypatch):
    site.transport("acme")
    (tmp_path / "offhook.toml").write_text('transport = "acme"\n[transports.acme]\nretries = 4\nurl = "ws://file"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OFFHOOK_TRANSPORT", raising=False)
    monkeypatch.setenv("OFFHOOK_ACME_URL", "ws://environment")
    options = make_transport(retries=5).options
    assert (options.url, options.retries) == ("ws://environment", 5)


def test_a_transport_may_be_an_object_instead_of_a_module(site):
    source = f"""{site.good}
class Plugin:
    SPEC_VERSION = (1, 0)

    @hookimpl
    def transport_options(self):
        return Options

    @hookimpl
    def make_transport(self, options):
        return Loopback()

plugin = Plugin()
"""
    site.install("offhook-acme", transports={"acme": "acme_plugin:plugin"}, modules={"acme_plugin": source})
    assert isinstance(make_transport("acme", settings=Settings()), Loopback)


def test_core_s_own_transport_comes_in_through_the_same_door():
    assert isinstance(make_transport("loopback", settings=Settings()), Loopback)
    [row] = [row for row in list_transports(Settings()) if row.name == "loopback"]
    assert (row.distribution, row.state) == ("offhook", "available")


def test_not_found_names_the_setting_that_asked_for_it(site, tmp_path):
    settings = load_settings(environ={"OFFHOOK_TRANSPORT": "webrtc"}, cwd=tmp_path)
    with pytest.raises(PluginNotFound, match=r"asked for by OFFHOOK_TRANSPORT.*pip install offhook-webrtc"):
        make_transport(settings=settings)
    with pytest.raises(PluginNotFound) as caught:
        make_transport("sip", settings=settings)
    assert "asked for" not in str(caught.value)


def test_a_conflict_is_refused_before_any_import(site):
    site.transport("acme", distribution="acme-one")
    site.transport("acme", distribution="acme-two")
    with pytest.raises(PluginConflict):
        make_transport("acme", settings=Settings())
    assert "acme_plugin" not in sys.modules


def test_a_blocked_plugin_is_refused_before_its_import(site):
    site.transport("acme")
    with pytest.raises(PluginBlocked):
        make_transport("acme", settings=Settings(block=("offhook-acme",)))
    assert "acme_plugin" not in sys.modules


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_module_that_is_missing", ModuleNotFoundError),
        ("raise RuntimeError('no such luck')", RuntimeError),
        ("this is no Python", SyntaxError),
        ("import sys; sys.exit(3)", SystemExit),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_broken_and_the_others_still_work(site, source, cause):
    site.transport("acme", source, version="3.1")
    site.transport("other")
    with pytest.raises(PluginBroken, match=rf"\(offhook-acme 3\.1\) cannot be imported.*{cause.__name__}") as caught:
        make_transport("acme", settings=Settings())
    assert isinstance(caught.value.__cause__, cause)
    assert "Other transports still work. Install a working version: pip install --upgrade offhook-acme." in str(
        caught.value
    )
    assert isinstance(make_transport("other", settings=Settings()), Loopback)


def test_an_entry_point_that_names_nothing_is_broken(site):
    site.install("offhook-acme", transports={"acme": "acme_plugin:absent"}, modules={"acme_plugin": site.good})
    with pytest.raises(PluginBroken, match="acme_plugin:absent"):
        make_transport("acme", settings=Settings())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("@hookimpl\ndef make_transport", "def make_transport", "has no hook make_transport"),
        ("@hookimpl\ndef transport_options", "def transport_options", "has no hook transport_options"),
        ("def make_transport", "def make_transports", "unknown hook 'make_transports'"),
        ("def make_transport(options)", "async def make_transport(options)", "has an async hook make_transport"),
        ("def transport_options", "async def transport_options", "has an async hook transport_options"),
        ("def make_transport(options)", "def make_transport(options=None)", "with other arguments"),
        ("def make_transport(options)", "def make_transport(*, options)", "with other arguments"),
        ("def make_transport(options)", "def make_transport()", "with other arguments"),
        ("def make_transport(options)", "def make_transport(config)", "does not fit the hook specifications"),
        ("SPEC_VERSION = (1, 0)", "", "must state SPEC_VERSION"),
        ("SPEC_VERSION = (1, 0)", "SPEC_VERSION = '1.0'", "must state SPEC_VERSION"),
        ("SPEC_VERSION = (1, 0)", "SPEC_VERSION = (1,)", "must state SPEC_VERSION"),
        ("return Options", "return None", "must give an attrs class as its options, and gives None"),
        ("return Options", "return Options()", "must give an attrs class as its options"),
        ("return Options", "return dict", "must give an attrs class as its options"),
        ("return Options", "raise ZeroDivisionError", "cannot give its options class: ZeroDivisionError"),
        ("transport = Loopback()", "raise ValueError('odd')", "cannot make its transport: ValueError: odd"),
    ],
)
def test_a_plugin_that_does_not_fit_its_specification_is_broken(site, old, new, complaint):
    site.transport("acme", replaced(site, old, new))
    with pytest.raises(PluginBroken) as caught:
        make_transport("acme", settings=Settings())
    assert complaint in str(caught.value)
    assert "(offhook-acme 1.0)" in str(caught.value)


def test_a_class_in_place_of_an_object_is_broken(site):
    source = site.good + "\nclass Plugin:\n    SPEC_VERSION = (1, 0)\n"
    site.install("offhook-acme", transports={"acme": "acme_plugin:Plugin"}, modules={"acme_plugin": source})
    with pytest.raises(PluginBroken, match="acme_plugin:Plugin is a class"):
        make_transport("acme", settings=Settings())


@pytest.mark.parametrize("minor", [0, 1, 99])
def test_a_minor_difference_of_the_contract_is_welcome(site, minor):
    site.transport("acme", replaced(site, "(1, 0)", f"({SPEC_VERSION[0]}, {minor})"))
    assert isinstance(make_transport("acme", settings=Settings()), Loopback)


@pytest.mark.parametrize(
    ("major", "remedy"),
    [(SPEC_VERSION[0] + 1, "--upgrade offhook."), (SPEC_VERSION[0] - 1, "--upgrade offhook-acme.")],
)
def test_a_major_difference_of_the_contract_is_refused_naming_both_versions_and_which_to_upgrade(site, major, remedy):
    site.transport("acme", replaced(site, "(1, 0)", f"({major}, 7)"))
    with pytest.raises(PluginIncompatible) as caught:
        make_transport("acme", settings=Settings())
    assert f"version {major}.7 of the contract" in str(caught.value)
    assert f"has {SPEC_VERSION[0]}.{SPEC_VERSION[1]}" in str(caught.value)
    assert str(caught.value).endswith(remedy)


def test_what_is_no_transport_is_refused_when_it_is_made_naming_distribution_and_class(site):
    site.transport("acme", replaced(site, "transport = Loopback()", "class Odd: pass\n    transport = Odd()"))
    with pytest.raises(ContractError, match=r"acme_plugin\..*Odd of offhook-acme 1\.0 is not a transport"):
        make_transport("acme", settings=Settings())


def test_an_error_that_the_factory_raises_on_purpose_is_left_as_it_is(site):
    source = replaced(
        site, "transport = Loopback()", "from offhook.errors import AudioError\n    raise AudioError('no')"
    )
    site.transport("acme", source)
    with pytest.raises(AudioError, match=r"^no$"):
        make_transport("acme", settings=Settings())


def test_a_wrong_option_names_the_argument(site):
    site.transport("acme")
    with pytest.raises(ConfigError, match=r"retires in the arguments is unknown\. Did you mean retries\?"):
        make_transport("acme", settings=Settings(), retires=3)


def test_a_check_imports_each_in_isolation_and_tells_what_it_found(site):
    site.transport("blocked", "raise RuntimeError")
    site.transport("broken", "import a_module_that_is_missing")
    site.transport("good")
    site.transport("newer", replaced(site, "(1, 0)", "(9, 0)"))
    site.transport("wrong", replaced(site, "transport = Loopback()", "class Odd: pass\n    transport = Odd()"))
    site.transport("double", distribution="double-one")
    site.transport("double", distribution="double-two")
    rows = check_transports(Settings(block=("blocked",)))
    states = [(row.name, row.state) for row in rows]
    assert states == [
        ("blocked", "blocked"),
        ("broken", "broken"),
        ("double", "conflict"),
        ("double", "conflict"),
        ("good", "loaded"),
        ("newer", "incompatible"),
        ("wrong", "broken"),
    ]
    by_name = {row.name: row for row in rows}
    assert by_name["good"].capabilities == Loopback().capabilities
    assert by_name["broken"].reason == (
        "cannot be imported from broken_plugin: ModuleNotFoundError: No module named 'a_module_that_is_missing'"
    )
    assert str(by_name["newer"].reason).startswith("is written for version 9.0 of the contract")
    assert "is not a transport" in str(by_name["wrong"].reason)


def test_the_capabilities_of_a_transport_that_needs_options_are_not_known_beforehand(site):
    site.transport("acme", replaced(site, 'url: str = "ws://nowhere"', "url: str"))
    [row] = check_transports(Settings())
    assert (row.state, row.capabilities) == ("loaded", None)


def test_a_command_is_imported_only_when_it_is_asked_for(site):
    site.install("acme", commands={"serve": "acme_commands:serve"}, modules={"acme_commands": "serve = 'the command'"})
    assert "acme_commands" not in sys.modules
    assert load_command("serve", Settings()) == "the command"


def test_a_broken_command_says_that_others_work(site):
    site.install("acme", commands={"serve": "acme_commands:serve"}, modules={"acme_commands": "1 / 0"})
    with pytest.raises(PluginBroken, match=r"the command 'serve' \(acme 1\.0\).*Other commands still work"):
        load_command("serve", Settings())


def test_a_row_of_the_list_says_no_more_than_metadata_knows(site):
    site.transport("acme")
    assert list_transports(Settings()) == (
        Listed(name="acme", distribution="offhook-acme", version="1.0", value="acme_plugin", state="available"),
    )
