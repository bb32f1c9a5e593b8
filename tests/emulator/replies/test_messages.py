"""A conversation becomes a chat-completions request."""

from __future__ import annotations

from offhook_emulator.replies.messages import chat_body, chat_messages

from .talk import assistant, call, output, request, spoke, system, tool, user


def test_instructions_and_messages_keep_their_roles_and_order() -> None:
    asked = request(system("Be kind."), user("a"), assistant("b"), spoke("c"), instructions="Be brief.")

    assert chat_messages(asked) == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_calls_are_followed_by_their_outputs_whatever_was_said_between() -> None:
    items = [call("f", "1", '{"x": 1}'), call("g", "2"), user("wait"), output("two", "2"), output("one", "1")]

    assert chat_messages(request(*items)) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "user", "content": "wait"},
    ]


def test_a_call_without_an_output_is_left_out() -> None:
    assert chat_messages(request(user("a"), call("f"), user("b"))) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_pictures_are_sent_along() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "See"}, picture]}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

    assert chat_messages(request(message)) == [{"role": "user", "content": [{"type": "text", "text": "See"}, image]}]
    assert chat_messages(request({**message, "content": [picture]})) == [{"role": "user", "content": [image]}]


def test_tools_and_their_choice_are_translated() -> None:
    weather = tool("get_weather", {"city": {"type": "string"}}, description="Weather")
    choice = {"type": "function", "name": "get_weather"}

    body = chat_body(request(user("a"), tools=[weather, {"type": "mcp"}], tool_choice=choice), "llama")

    assert body["model"] == "llama"
    assert body["stream"] is True
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "get_weather", "description": "Weather", "parameters": weather["parameters"]},
        }
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert chat_body(request(tools=[weather]), "llama")["tool_choice"] == "auto"


def test_without_tools_nothing_is_said_of_them() -> None:
    assert not {"tools", "tool_choice"} & chat_body(request(user("a")), "llama").keys()
