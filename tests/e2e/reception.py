"""The agent of the tests, as ``offhook calls serve --agent reception:agent`` finds it."""

from __future__ import annotations

from offhook import RealtimeAgent, function_tool


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


agent = RealtimeAgent(name="Reception", instructions="You know the weather.", tools=[get_weather])
