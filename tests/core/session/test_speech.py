"""offhook.session.speech: whose speech it is, and when it begins and ends."""

from __future__ import annotations

from offhook.agent import RealtimeAgent
from offhook.session.events import AudioStart, AudioStopped


async def test_speech_is_of_the_agent_whose_turn_it_is_whoever_is_in_charge_by_then(line):
    async with line() as it:
        it.begins()
        await it.settled()
        await it.session.update_agent(RealtimeAgent(name="B", instructions="Be somebody else."))
        it.sounds()
        it.falls_silent()
        it.ends()
        it.begins("resp_2")
        it.sounds(response="resp_2", item="next")
        it.falls_silent("resp_2", "next")
        await it.settled()
        for kind in (AudioStart, AudioStopped):
            assert [event.agent.name for event in it.heard.of(kind)] == ["A", "B"]
