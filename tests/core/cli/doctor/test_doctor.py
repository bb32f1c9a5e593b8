"""offhook.cli.doctor: what it finds, and what it says to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from offhook.audio.devices import AudioDevices
from offhook.cli import doctor
from offhook.cli.app import app
from offhook.cli.doctor import machine
from offhook.cli.doctor.reach import Place
from offhook.errors import AudioError

SECRET = "sk-never-shown"
OBSERVER = "class Observer:\n    @hookimpl\n    def turn_started(self, event): pass\n"


@pytest.fixture
def clinic(site, tmp_path, kit, monkeypatch, capsys):
    """An empty folder and environment, a machine with devices, and ``acme`` chosen; ``run`` gives findings by subject."""
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "quiet_devices", lambda: AudioDevices(kit.Backend()))
    site.install("offhook", version="0.1.0")  # beside the true one, whose entry points are out of sight

    def run(*, network=False):
        code = doctor.show(as_json=True, with_network=network)
        found = {row["about"]: SimpleNamespace(**row) for row in json.loads(capsys.readouterr().out)}
        return SimpleNamespace(code=code, of=found.__getitem__, all=found)

    def config(text):
        (tmp_path / "offhook.toml").write_text(text)

    config('transport = "acme"')
    site.transport("acme")
    return SimpleNamespace(run=run, config=config, site=site, folder=tmp_path, setenv=monkeypatch.setenv)


def test_where_all_is_well_nothing_is_broken_and_it_exits_with_0(clinic):
    found = clinic.run()
    assert found.code == 0
    assert {row.state for row in found.all.values()} == {"ok"}
    assert list(found.all) == ["Python", "offhook", "offhook-acme", "transport acme", "config", "in use", "devices"]


def test_whatever_is_not_well_comes_with_a_remedy(clinic, monkeypatch):
    def no_devices():
        raise AudioError('no library. Run: pip install "offhook[devices]"')

    monkeypatch.setattr(machine, "quiet_devices", no_devices)
    monkeypatch.setattr(machine, "reach", lambda _place: TimeoutError())
    clinic.config('transport = "acme"\nrequires = ["absent"]\nblock = ["misspelt"]')
    clinic.site.install("needy", commands={"go": "x"}, metadata="Requires-Dist: absent\n")
    clinic.site.transport("bad", "1 / 0")
    clinic.site.transport("newer", clinic.site.good.replace("(1, 0)", "(9, 0)"))
    clinic.site.transport("double", distribution="double-one")
    clinic.site.transport("double", distribution="double-two")
    clinic.site.observer("blind", "1 / 0")
    found = clinic.run(network=True)
    wrong = {name: row for name, row in found.all.items() if row.state != "ok"}
    assert set(wrong) == {
        "needy",
        "transport bad",
        "transport newer",
        "transport double",
        "observer blind",
        "requires",
        "block",
        "devices",
        "network",
    }
    assert [name for name, row in wrong.items() if not row.remedy] == []


# What is installed.


def test_python_and_platform_are_named(clinic):
    assert re.match(rf"{sys.version.split()[0]} \(\w+\), \S+", clinic.run().of("Python").what)


def test_a_distribution_is_named_with_the_versions_of_what_it_needs_and_its_extras(clinic):
    metadata = [
        "Requires-Dist: pluggy>=1",
        "Provides-Extra: there",
        "Provides-Extra: missing",
        'Requires-Dist: attrs ; extra == "there"',
        'Requires-Dist: absent ; extra == "missing"',
    ]
    clinic.site.install("offhook-much", version="2.0", commands={"go": "x"}, metadata="\n".join(metadata) + "\n")
    row = clinic.run().of("offhook-much")
    assert row.state == "ok"
    assert re.fullmatch(r"2\.0; with pluggy [\d.]+; extras: there; extras not installed: missing", row.what)
    assert row.remedy == 'To have them, run: pip install "offhook-much[missing]"'


def test_a_distribution_that_lacks_what_it_needs_is_broken(clinic):
    clinic.site.install("needy", commands={"go": "x"}, metadata="Requires-Dist: pluggy>=99\nRequires-Dist: absent\n")
    found = clinic.run()
    row = found.of("needy")
    assert (found.code, row.state) == (1, "broken")
    assert re.fullmatch(
        r"1\.0 needs pluggy>=99, but pluggy \S+ is installed; needs absent, but absent is not installed", row.what
    )
    assert row.remedy == 'Run: pip install "pluggy>=99" absent'


def test_metadata_without_a_name_is_broken_and_the_rest_is_looked_at(clinic):
    (clinic.site.folder / "offhook_acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    found = clinic.run()
    assert found.of("(no name)").state == "broken"
    assert found.of("devices").state == "ok"


def test_a_broken_transport_that_nobody_uses_is_broken(clinic):
    clinic.site.transport("bad", "import a_module_that_is_missing")
    found = clinic.run()
    row = found.of("transport bad")
    assert (found.code, row.state) == (1, "broken")
    assert "offhook-bad 1.0: broken, cannot be imported from bad_plugin: ModuleNotFoundError" in row.what
    assert row.remedy == "Run: pip install --upgrade offhook-bad"
    assert found.of("transport acme").state == "ok"


def test_an_incompatible_transport_says_which_side_to_upgrade(clinic):
    clinic.site.transport("newer", clinic.site.good.replace("(1, 0)", "(9, 0)"))
    row = clinic.run().of("transport newer")
    assert "version 9.0 of the contract" in row.what
    assert row.remedy.startswith("Run: pip install --upgrade offhook")


def test_what_is_blocked_is_not_imported_and_fine(clinic):
    clinic.site.transport("bad", "1 / 0")
    clinic.setenv("OFFHOOK_BLOCK", "bad")
    found = clinic.run()
    assert (found.code, found.of("transport bad").state) == (0, "ok")
    assert found.of("transport bad").what == "offhook-bad 1.0: blocked, 'bad', OFFHOOK_BLOCK"


def test_observers_are_looked_at(clinic):
    clinic.site.observer("good", OBSERVER)
    clinic.site.observer("blind", "1 / 0")
    found = clinic.run()
    assert (found.of("observer good").state, found.of("observer blind").state) == ("ok", "broken")
    assert "ZeroDivisionError" in found.of("observer blind").what


def test_what_a_plugin_prints_is_not_in_the_json(clinic, capsys):
    clinic.site.transport("loud", f"print('hello')\n{clinic.site.good}")
    assert clinic.run().of("transport loud").state == "ok"


# The config.


def test_the_file_is_named(clinic):
    assert clinic.run().of("config").what == str(clinic.folder / "offhook.toml")


def test_without_a_file_that_is_said(clinic):
    (clinic.folder / "offhook.toml").unlink()
    assert clinic.run().of("config").what.startswith("no offhook.toml is found")


def test_a_config_with_a_mistake_is_broken_and_the_rest_is_looked_at(clinic):
    clinic.config("transprot = 'acme'")
    found = clinic.run()
    assert (found.code, found.of("config").state) == (1, "broken")
    assert "transprot in" in found.of("config").what
    assert found.of("config").remedy.startswith("Did you mean transport?")
    assert found.of("devices").state == "ok"


@pytest.mark.parametrize(("wanted", "state"), [("pluggy", "ok"), ("pluggy>=99", "broken"), ("a b", "broken")])
def test_what_is_required_is_looked_for(clinic, wanted, state):
    clinic.config(f'transport = "acme"\nrequires = ["{wanted}"]')
    assert clinic.run().of("requires").state == state


def test_a_block_that_blocks_nothing_deserves_attention(clinic):
    clinic.setenv("OFFHOOK_BLOCK", "acmee")
    row = clinic.run().of("block")
    assert (row.state, row.what) == ("attention", "'acmee' is the name of nothing that is installed")
    assert "OFFHOOK_BLOCK" in row.remedy


@pytest.mark.parametrize("variable", ["OFFHOOK_TRANSPRT", "OFFHOOK_ACME_RETRYS"])
def test_a_variable_that_is_nearly_one_of_ours_deserves_attention(clinic, variable):
    clinic.setenv(variable, "5")
    row = clinic.run().of("variables")
    assert (row.state, row.what) == ("attention", f"{variable} is read by nobody")
    assert row.remedy in {"Did you mean OFFHOOK_TRANSPORT?", "Did you mean OFFHOOK_ACME_RETRIES?"}


def test_variables_of_ours_and_of_other_transports_are_in_order(clinic):
    clinic.site.transport("acme2")
    for variable in ("OFFHOOK_DEBUG", "OFFHOOK_ACME_RETRIES", "OFFHOOK_ACME2_RETRIES", "OFFHOOK_CORPUS"):
        clinic.setenv(variable, "1")
    assert "variables" not in clinic.run().all


def test_the_transport_in_use_is_named_with_who_chose_it(clinic):
    assert clinic.run().of("in use").what == f"acme, chosen by transport in {clinic.folder / 'offhook.toml'}"


def test_a_chosen_transport_that_is_not_there_is_broken(clinic):
    clinic.config('transport = "webrtc"')
    row = clinic.run().of("in use")
    assert row.state == "broken"
    assert "'webrtc' (asked for by transport in" in row.what
    assert row.remedy.startswith("Run: pip install offhook-webrtc.")


def test_a_default_that_is_not_there_only_deserves_attention(clinic):
    clinic.config("")
    found = clinic.run()
    assert (found.code, found.of("in use").state) == (0, "attention")


def test_wrong_options_of_the_transport_in_use_are_broken(clinic):
    clinic.setenv("OFFHOOK_ACME_RETRIES", "many")
    row = clinic.run().of("in use")
    assert (row.state, row.what) == ("broken", "OFFHOOK_ACME_RETRIES must be a whole number, and is str 'many'")


# Keys.


@pytest.fixture
def keyed(clinic):
    """``acme`` takes a key."""
    clinic.site.transport(
        "keyed",
        clinic.site.good.replace("import frozen", "import field, frozen").replace(
            "retries: int = 3", "api_key: str | None = field(default=None, repr=False)"
        ),
    )
    clinic.config('transport = "keyed"')
    return clinic


def test_a_key_that_is_nowhere_deserves_attention(keyed):
    row = keyed.run().of("keys")
    assert row.state == "attention"
    assert "OPENAI_API_KEY, OFFHOOK_KEYED_API_KEY, or api_key in [transports.keyed]" in row.what


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OFFHOOK_KEYED_API_KEY"])
def test_a_key_in_the_environment_is_named_and_never_shown(keyed, variable):
    keyed.setenv(variable, SECRET)
    keyed.setenv("SOMEBODY_ELSES_API_KEY", SECRET)
    found = keyed.run()
    assert found.of("keys").what == f"{variable}: set, and not shown"
    assert SECRET not in str(found.all)


def test_an_empty_variable_is_no_key(keyed):
    keyed.setenv("OPENAI_API_KEY", "")
    assert keyed.run().of("keys").state == "attention"


def test_a_key_in_the_file_is_named_by_its_place_and_never_shown(keyed):
    keyed.config(f'transport = "keyed"\n[transports.keyed]\napi_key = "{SECRET}"')
    found = keyed.run()
    assert found.of("keys").what == f"transports.keyed.api_key in {keyed.folder / 'offhook.toml'}: set, and not shown"
    assert SECRET not in str(found.all)


def test_p11_a_key_where_none_belongs_is_not_shown(keyed):
    """P11: no key in the output, not even in that of a mistake."""
    keyed.config(f'transport = "keyed"\n[transports.keyed]\napi_key = ["{SECRET}"]')
    found = keyed.run()
    assert found.of("in use").state == "broken"
    assert SECRET not in str(found.all)


# The machine.


def test_devices_are_counted(clinic):
    assert clinic.run().of("devices").what == "1 to record with, 1 to play on (fake)"


def test_a_machine_without_sound_deserves_attention_and_is_not_broken(clinic, kit, monkeypatch):
    monkeypatch.setattr(machine, "quiet_devices", lambda: AudioDevices(kit.Backend({"input": [], "output": []})))
    found = clinic.run()
    assert (found.code, found.of("devices").state) == (0, "attention")


@pytest.mark.parametrize(
    ("error", "state", "what"),
    [
        (None, "ok", "nowhere:80 answers"),
        (TimeoutError(), "broken", "nowhere:80 does not answer"),
        (ConnectionRefusedError(), "broken", "nothing listens at nowhere:80"),
        (
            machine.socket.gaierror(-2, "Name or service not known"),
            "broken",
            "the name of nowhere:80 cannot be resolved",
        ),
        (OSError(101, "Network is unreachable"), "broken", "nowhere:80 cannot be reached (Network is unreachable)"),
    ],
)
def test_the_way_to_the_service_is_looked_at(clinic, monkeypatch, error, state, what):
    monkeypatch.setattr(machine, "reach", lambda place: {Place("nowhere", 80): error}[place])
    found = clinic.run(network=True)
    assert (found.of("network").state, found.of("network").what) == (state, what)
    assert found.code == (state == "broken")


def test_without_network_nobody_is_called(clinic, monkeypatch):
    monkeypatch.setattr(machine, "reach", None)
    assert "network" not in clinic.run(network=False).all


def test_a_transport_without_an_address_needs_none(clinic):
    clinic.site.transport("inside", clinic.site.good.replace('url: str = "ws://nowhere"', "size: int = 1"))
    clinic.config('transport = "inside"')
    assert "network" not in clinic.run(network=True).all


# The command.


def test_as_text_each_finding_is_a_line_with_its_remedy_below(clinic, capsys):
    clinic.site.transport("bad", "1 / 0")
    assert doctor.show(as_json=False, with_network=False) == 1
    lines = capsys.readouterr().out.splitlines()
    [at] = [number for number, line in enumerate(lines) if "transport bad" in line]
    assert lines[at].startswith("broken  transport bad")
    assert lines[at + 1].strip() == "→ Run: pip install --upgrade offhook-bad"
    assert lines[-1] == "1 of 9 broken."


def test_the_command_takes_its_options(clinic, monkeypatch):
    given = []
    monkeypatch.setattr(doctor, "show", lambda **options: given.append(options) or 0)
    for arguments in ([], ["--json"], ["--no-network"]):
        assert CliRunner().invoke(app, ["doctor", *arguments]).exit_code == 0
    assert [(row["as_json"], row["with_network"]) for row in given] == [(False, True), (True, True), (False, False)]


def test_it_works_without_the_cli_extra(clinic):
    program = "import sys; sys.modules['typer'] = None; sys.argv = ['offhook', 'doctor', '--json', '--no-network']\n"
    program += "from offhook.__main__ import main; sys.exit(main())"
    environ = {"PYTHONPATH": str(clinic.site.folder), "PATH": os.environ["PATH"], "OFFHOOK_TRANSPORT": "acme"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, cwd=clinic.folder, capture_output=True, text=True, timeout=60
    )
    rows = {row["about"]: row for row in json.loads(done.stdout)}
    assert rows["in use"]["what"] == "acme, chosen by OFFHOOK_TRANSPORT"
