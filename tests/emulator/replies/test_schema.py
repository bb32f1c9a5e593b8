"""Schemas are read through references and alternatives."""

from __future__ import annotations

from offhook_emulator.replies.schema import arguments_of

OPTIONAL = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def test_arguments_have_type_choices_and_whether_they_are_required() -> None:
    schema = {
        "type": "object",
        "properties": {
            "departureCity": {"type": "string", "examples": ["Oslo"]},
            "unit": {"type": ["string", "null"], "enum": ["c", "f", None]},
            "days": {"type": "integer", "default": 3},
            "anything": {},
        },
        "required": ["departureCity"],
    }

    city, unit, days, anything = arguments_of(schema)

    assert (city.spoken, city.required, city.suggestions) == ("departure city", True, ["Oslo"])
    assert (unit.type, unit.choices, unit.nullable) == ("string", ["c", "f"], True)
    assert (days.type, days.suggestions) == ("integer", [3])
    assert (anything.type, list(anything.choices), list(anything.suggestions)) == ("string", [], [])


def test_references_and_alternatives_are_followed_as_pydantic_writes_them() -> None:
    schema = {
        "$defs": {"Unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "properties": {
            "unit": {"$ref": "#/$defs/Unit", "description": "Which one"},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}]},
            "all": {"allOf": [{"$ref": "#/$defs/Unit"}], "default": "celsius"},
            "note": OPTIONAL,
            "lost": {"$ref": "#/$defs/Gone"},
        },
    }

    unit, maybe, everything, note, lost = arguments_of(schema)

    assert unit.choices == maybe.choices == everything.choices == ["celsius", "fahrenheit"]
    assert (maybe.nullable, note.nullable, unit.nullable) == (True, True, False)
    assert everything.suggestions == ["celsius"]
    assert (note.type, lost.type) == ("string", "string")


def test_a_schema_that_refers_to_itself_is_read_to_its_first_level() -> None:
    tree = {"type": "object", "properties": {"inside": {"$ref": "#"}}}

    [inside] = arguments_of(tree)

    assert inside.type == "object"
