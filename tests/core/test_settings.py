"""offhook.settings: file, then environment, then arguments; and every mistake told with its place."""

from __future__ import annotations

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import UNSET, AudioConfig, AudioInput, SessionConfig
from offhook.errors import ConfigError
from offhook.settings import Settings, load_settings, options_for, variable_of


@frozen(kw_only=True)
class Options:
    url: str = "ws://default"
    model: str | None = "gpt"
    retries: int = 3
    subjects: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)


@pytest.fixture
def folder(tmp_path):
    """A folder at the root of a repository, so that no config above it is found."""
    (tmp_path / ".git").mkdir()
    return tmp_path


def write(folder, text, name="offhook.toml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def refused(folder, environ=None, **arguments):
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=environ or {}, cwd=folder, **arguments)
    return str(caught.value)


# Which file.


def test_without_any_file_everything_is_default(folder):
    settings = load_settings(environ={}, cwd=folder)
    assert settings == Settings()
    assert (settings.transport, settings.block, settings.source) == ("websocket", (), None)


def test_the_file_is_found_upwards_to_the_root_of_the_repository(folder):
    source = write(folder, 'transport = "acme"')
    settings = load_settings(environ={}, cwd=folder / "a" / "b")
    assert (settings.transport, settings.source) == ("acme", source)


def test_the_nearest_file_is_taken_alone(folder):
    write(folder, 'transport = "far"\nblock = ["x"]')
    write(folder / "a", 'transport = "near"')
    settings = load_settings(environ={}, cwd=folder / "a")
    assert (settings.transport, settings.block) == ("near", ())


@pytest.mark.parametrize("git", ["folder", "file"])
def test_a_file_above_the_repository_is_none_of_its_business(tmp_path, git):
    write(tmp_path, 'transport = "outside"')
    repository = tmp_path / "repository"
    (repository / "deep").mkdir(parents=True)
    # In a worktree .git is a file.
    (repository / ".git").mkdir() if git == "folder" else (repository / ".git").write_text("gitdir: elsewhere")
    assert load_settings(environ={}, cwd=repository / "deep").source is None


def test_pyproject_toml_serves_where_it_has_a_table_for_us(folder):
    source = write(folder, '[project]\nname = "x"\n[tool.offhook]\ntransport = "acme"', "pyproject.toml")
    settings = load_settings(environ={}, cwd=folder)
    assert (settings.transport, settings.source) == ("acme", source)


def test_offhook_toml_beats_pyproject_toml_beside_it(folder):
    write(folder, '[tool.offhook]\ntransport = "project"', "pyproject.toml")
    write(folder, 'transport = "own"')
    assert load_settings(environ={}, cwd=folder).transport == "own"


@pytest.mark.parametrize(
    "text", ['[project]\nname = "x"', '[project]\ndependencies = ["offhook"]', "this is no TOML", "[tool.offhook]"]
)
def test_a_pyproject_toml_without_our_table_is_passed_by(folder, text):
    write(folder, 'transport = "above"')
    write(folder / "a", text, "pyproject.toml")
    assert load_settings(environ={}, cwd=folder / "a").transport == "above"


def test_a_named_file_is_taken_and_none_is_looked_for(folder):
    write(folder, 'transport = "found"')
    named = write(folder / "elsewhere", 'transport = "named"', "other.toml")
    assert load_settings(named, environ={}, cwd=folder).transport == "named"
    assert load_settings(environ={"OFFHOOK_CONFIG": str(named)}, cwd=folder).transport == "named"
    assert load_settings(environ={"OFFHOOK_CONFIG": "elsewhere/other.toml"}, cwd=folder).transport == "named"
    assert load_settings(named, environ={"OFFHOOK_CONFIG": "/not/there"}, cwd=folder).transport == "named"


def test_a_named_pyproject_toml_is_read_as_one(folder):
    named = write(folder, '[tool.offhook]\ntransport = "acme"', "pyproject.toml")
    assert load_settings(named, environ={}, cwd=folder).transport == "acme"


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_named_file_that_cannot_be_read_is_told_with_its_path(folder, name):
    complaint = refused(folder, {"OFFHOOK_CONFIG": name})
    assert str(folder / name) in complaint
    assert "cannot be read" in complaint


@pytest.mark.parametrize("content", [b"transport =", b"transport = 'caf\xe9'"])
def test_what_is_no_toml_is_told_with_its_path(folder, content):
    (folder / "offhook.toml").write_bytes(content)
    assert f"the config file {folder / 'offhook.toml'} is not TOML" in refused(folder)


# Precedence.


def test_the_file_is_beaten_by_the_environment_and_that_by_arguments(folder):
    write(folder, 'transport = "file"\nblock = ["file"]')
    environ = {"OFFHOOK_TRANSPORT": "environment", "OFFHOOK_BLOCK": "one,two"}
    assert load_settings(environ={}, cwd=folder).transport == "file"
    settings = load_settings(environ=environ, cwd=folder)
    assert (settings.transport, settings.block) == ("environment", ("one", "two"))
    settings = load_settings(environ=environ, cwd=folder, transport="argument", block=["three"])
    assert (settings.transport, settings.block) == ("argument", ("three",))


PLACES = ("file", "environment", "arguments")


@given(st.dictionaries(st.sampled_from(["url", "model", "retries"]), st.sets(st.sampled_from(PLACES))))
def test_each_option_comes_from_the_strongest_place_that_sets_it(wanted):
    def value(key, place):
        return PLACES.index(place) + 10 if key == "retries" else f"{key} of {place}"

    def given_in(place):
        return {key: value(key, place) for key, places in wanted.items() if place in places}

    environ = {f"OFFHOOK_ACME_{key.upper()}": str(entry) for key, entry in given_in("environment").items()}
    settings = Settings(transports={"acme": given_in("file")})
    options = options_for(settings, "acme", Options, environ, **given_in("arguments"))
    for key in ("url", "model", "retries"):
        places = [place for place in PLACES if place in wanted.get(key, ())]
        expected = value(key, places[-1]) if places else getattr(Options(), key)
        assert getattr(options, key) == expected


@pytest.mark.parametrize("variable", ["OFFHOOK_TRANSPORT", "OFFHOOK_BLOCK", "OFFHOOK_CONFIG"])
def test_an_empty_variable_counts_as_not_set(folder, variable):
    write(folder, 'transport = "file"\nblock = ["file"]')
    settings = load_settings(environ={variable: ""}, cwd=folder)
    assert (settings.transport, settings.block) == ("file", ("file",))


def test_an_empty_variable_of_an_option_counts_as_not_set():
    assert options_for(Settings(), "acme", Options, {"OFFHOOK_ACME_URL": ""}).url == "ws://default"


def test_a_session_given_as_argument_is_laid_over_the_file_s(folder):
    write(folder, '[session]\ninstructions = "Be brief."\naudio.output.voice = "marin"')
    given_ = SessionConfig(instructions="Be long.", model="gpt")
    session = load_settings(environ={}, cwd=folder, session=given_).session
    assert (session.instructions, session.model, session.audio.output.voice) == ("Be long.", "gpt", "marin")


# The session.


def test_none_in_the_file_switches_off_and_absence_leaves_as_it_is(folder):
    write(folder, '[session.audio.input]\nturn_detection = "none"')
    session = load_settings(environ={}, cwd=folder).session
    assert session == SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=None)))
    assert session.audio.input.transcription is UNSET


def test_a_typo_is_told_with_file_whole_key_and_the_nearest_valid_one(folder):
    source = write(folder, "[session.audio.input.turn_detection]\nsilence_ms = 200")
    complaint = refused(folder)
    assert f"session.audio.input.turn_detection.silence_ms in {source} is unknown." in complaint
    assert "Did you mean session.audio.input.turn_detection.silence_duration_ms?" in complaint


@pytest.mark.parametrize(("name", "today"), SessionConfig.ELSEWHERE.items())
def test_b27_a_name_of_the_apis_first_version_is_refused_with_where_it_stands_today(folder, name, today):
    """As offhook has it: nothing of what was set is silently ignored."""
    write(folder, f'[session]\n{name} = "x"\n')
    assert f"session.{name} in {folder / 'offhook.toml'} is unknown. Did you mean session.{today}?" in refused(folder)
    place = SessionConfig()
    for part in today.split("."):
        place = getattr(place, part)


def test_a_typo_at_the_top_is_told_likewise(folder):
    source = write(folder, 'transprot = "acme"')
    assert f"transprot in {source} is unknown. Did you mean transport?" in refused(folder)


def test_a_typo_in_pyproject_toml_is_told_with_its_key_from_the_top(folder):
    source = write(folder, '[tool.offhook.session]\ninstruction = "x"', "pyproject.toml")
    complaint = refused(folder)
    assert f"tool.offhook.session.instruction in {source} is unknown" in complaint
    assert "Did you mean tool.offhook.session.instructions?" in complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("transport = 3", "must be a string, and is int 3"),
        ('block = "acme"', "block in"),
        ("session = 3", "must be a table, and is int 3"),
        ('transports = ["websocket"]', "must be a table"),
        ('transports.websocket = "x"', "transports.websocket in"),
        ('[session.audio.output]\nspeed = "fast"', "must be a number, and is str 'fast'"),
    ],
)
def test_a_wrong_type_is_told_with_file_and_key(folder, text, complaint):
    source = write(folder, text)
    found = refused(folder)
    assert complaint in found
    assert str(source) in found


def test_a_wrong_argument_is_told_as_one(folder):
    assert "tranport in the arguments is unknown. Did you mean transport?" in refused(folder, tranport="x")
    assert "block in the arguments must be a list" in refused(folder, block="x")


# The tables of the transports.


def test_tables_of_transports_that_are_not_selected_are_not_validated(folder):
    write(
        folder,
        'transport = "acme"\n[transports.other]\nwhatever = [1, { deep = true }]\n[transports.acme]\nretries = 5',
    )
    settings = load_settings(environ={}, cwd=folder)
    assert options_for(settings, "acme", Options, {}) == Options(retries=5)


def test_a_mistake_in_the_table_is_told_with_file_and_key(folder):
    source = write(folder, '[transports.acme]\nretries = "many"\nulr = 3')
    settings = load_settings(environ={}, cwd=folder)
    with pytest.raises(ConfigError) as caught:
        options_for(settings, "acme", Options, {})
    assert f"transports.acme.retries in {source} must be a whole number, and is str 'many'" in str(caught.value)


def test_a_mistake_in_a_variable_is_told_with_its_name():
    with pytest.raises(ConfigError, match=r"^OFFHOOK_ACME_RETRIES must be a whole number, and is str 'many'\.$"):
        options_for(Settings(), "acme", Options, {"OFFHOOK_ACME_RETRIES": "many"})


def test_variables_are_read_as_their_option_wants_them():
    environ = {"OFFHOOK_ACME_SUBJECTS": "a, b", "OFFHOOK_ACME_MODEL": "none", "OFFHOOK_ACME_RETRIES": "7"}
    assert options_for(Settings(), "acme", Options, environ) == Options(subjects=("a", "b"), model=None, retries=7)


def test_variables_of_other_transports_are_not_ours():
    assert options_for(Settings(), "acme", Options, {"OFFHOOK_OTHER_URL": "ws://other"}) == Options()


@pytest.mark.parametrize(
    ("name", "option", "variable"),
    [("websocket", "url", "OFFHOOK_WEBSOCKET_URL"), ("my-wire.v2", "api_key", "OFFHOOK_MY_WIRE_V2_API_KEY")],
)
def test_a_variable_is_named_after_transport_and_option(name, option, variable):
    assert variable_of(name, option) == variable


def test_a_key_is_never_shown_wherever_it_was_wrong(folder):
    write(folder, '[transports.acme]\napi_key = ["sk-very-secret"]')
    settings = load_settings(environ={}, cwd=folder)
    with pytest.raises(ConfigError) as caught:
        options_for(settings, "acme", Options, {})
    assert "transports.acme.api_key in" in str(caught.value)
    assert "sk-very-secret" not in str(caught.value)
    write(folder, '[[transports]]\napi_key = "sk-very-secret"')
    assert "sk-very-secret" not in refused(folder)


def test_settings_do_not_show_keys_either(folder):
    write(folder, '[transports.acme]\napi_key = "sk-very-secret"')
    assert "sk-very-secret" not in repr(load_settings(environ={}, cwd=folder))


def test_what_an_option_needs_is_told_with_the_table_to_set_it_in(folder):
    @frozen(kw_only=True)
    class Needy:
        account: str

    source = write(folder, "")
    settings = load_settings(environ={}, cwd=folder)
    with pytest.raises(ConfigError) as caught:
        options_for(settings, "acme", Needy, {})
    assert f"account must be set; add it to transports.acme in {source}" in str(caught.value)
    source.unlink()
    nothing_found = load_settings(environ={}, cwd=folder)
    with pytest.raises(ConfigError, match=r"add it to transports\.acme in offhook\.toml\.$"):
        options_for(nothing_found, "acme", Needy, {})
    assert options_for(Settings(), "acme", Needy, {"OFFHOOK_ACME_ACCOUNT": "a"}).account == "a"
