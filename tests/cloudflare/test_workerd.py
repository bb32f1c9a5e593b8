"""The ``cloudflare`` transport in the real Workers runtime, with our built wheels.

The Worker (``worker/``) holds a session with a service that runs here: the emulator, or a few lines where the emulator is
too well-behaved. Each test looks at both ends.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import asynccontextmanager

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.server import ServerProtocol

from offhook_emulator.voice.scripted import ScriptedSpeaker

CREATED = '{"type":"session.created","session":{"type":"realtime","id":"sess_1"}}'
UPDATED = '{"type":"session.updated","session":{"type":"realtime","id":"sess_1"}}'


@asynccontextmanager
async def service(handler):
    """A WebSocket server: ``handler`` is called with each connection."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=["realtime"]) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def accept_config(connection):
    await connection.send(CREATED)
    while json.loads(await connection.recv())["type"] != "session.update":
        pass
    await connection.send(UPDATED)


async def test_core_and_plugin_run_there_as_pure_python(worker):
    assert await worker("environment") == {
        "python": [3, 12],
        "plugin": True,
        "speedups": [],
        "threads": False,
        "clock_stands_still": True,
    }


async def test_connect_reaches_the_service_with_key_model_and_protocol(worker):
    seen = []

    async def handler(connection):
        seen.append((connection.request.path, dict(connection.request.headers), connection.subprotocol))
        await accept_config(connection)
        await connection.wait_closed()
        seen.append((connection.protocol.close_rcvd.code, connection.protocol.close_rcvd.reason))

    async with service(handler) as url:
        told = await worker("connect", url=url)
    (path, headers, protocol), closed = seen
    assert told == {"status": "connected", "ready": ["sess_1"], "after": "disconnected"}
    assert path == "/v1/realtime?model=gpt-realtime-2.1"
    assert headers["authorization"] == "Bearer sk-worker"
    assert protocol == "realtime"
    assert closed == (1000, "")


async def test_connect_gives_the_service_the_config_of_the_session(worker, emulator):
    async with emulator() as far_end:
        told = await worker("connect", url=far_end.url)
    assert told["ready"] == [far_end.server("session.created")[0]["session"]["id"]]
    (update,) = far_end.client("session.update")
    assert update["session"]["instructions"] == "Be brief."
    assert [tool["name"] for tool in update["session"]["tools"]] == ["get_weather", "get_time"]


async def test_connect_over_tls(worker, emulator, certificate):
    cert, key = certificate
    async with emulator(tls_cert=cert, tls_key=key) as far_end:
        url = far_end.url.replace("https:", "wss:")
        assert url.startswith("wss:")
        told = await worker("connect", url=url)
    assert told["ready"] == [far_end.server("session.created")[0]["session"]["id"]]


async def test_text_turn(worker, emulator):
    async with emulator() as far_end:
        told = await worker("text_turn", url=far_end.url, question="Hello")
    assert told["answer"] == told["pieces"] == far_end.server("response.output_text.done")[0]["text"]
    assert told["history"] == ["Hello", told["answer"]]
    assert len(far_end.client("response.create")) == 1


async def test_tool_round_trip_of_a_plain_function_and_a_coroutine_function(worker, emulator):
    question = "What is the weather in Paris, and what is the time in Rome?"
    async with emulator() as far_end:
        told = await worker("tool_turn", url=far_end.url, question=question)
    assert sorted(told["outputs"]) == [["get_time", "It is noon in Rome."], ["get_weather", "It is sunny in Paris."]]
    assert told["errors"] == []
    assert "sunny in Paris" in told["answer"]
    sent = [frame["item"] for frame in far_end.client("conversation.item.create")]
    outputs = {item["call_id"]: item["output"] for item in sent if item["type"] == "function_call_output"}
    calls = far_end.server("response.function_call_arguments.done")
    assert sorted(outputs.values()) == ["It is noon in Rome.", "It is sunny in Paris."]
    assert outputs.keys() == {call["call_id"] for call in calls}


async def test_spoken_turn(worker, emulator):
    question = "What is the weather in Paris?"
    speech = b"".join([piece async for piece in ScriptedSpeaker().speak(question)])
    async with emulator() as far_end:
        told = await worker("audio_turn", url=far_end.url, audio=base64.b64encode(speech).decode())
    assert told["words"] == [["user", question], ["assistant", told["answer"]]]
    assert "sunny in Paris" in told["answer"]
    spoken = b"".join(base64.b64decode(frame["delta"]) for frame in far_end.server("response.output_audio.delta"))
    assert told["heard"] == hashlib.sha256(spoken).hexdigest()
    arrived = sum(len(base64.b64decode(frame["audio"])) for frame in far_end.client("input_audio_buffer.append"))
    assert arrived == len(speech) + 48_000


async def test_interruption_cuts_at_what_was_heard_and_the_next_answer_is_whole(worker, emulator):
    async with emulator() as far_end:
        told = await worker("interruption", url=far_end.url)
    assert told["heard_ms"] == 500
    assert told["status"] == "cancelled"
    assert told["late"] == 0
    assert told["fresh"] > 0
    assert len(far_end.client("response.cancel")) == 1
    assert [frame["audio_end_ms"] for frame in far_end.client("conversation.item.truncate")] == [500]
    assert [frame["audio_end_ms"] for frame in far_end.server("conversation.item.truncated")] == [500]
    assert far_end.server("error") == []


async def test_close_by_the_service_is_told_and_answered(worker):
    answered = []

    async def handler(connection):
        await accept_config(connection)
        await connection.close(4001, "bye")  # within the close timeout only if the other side answers
        answered.append(connection.protocol.close_rcvd.code)

    async with service(handler) as url:
        told = await worker("until_closed", url=url)
    assert told["end"] == {"reason": "lost", "code": 4001, "recoverable": True}
    (error,) = told["errors"]
    assert "4001" in error
    assert "bye" in error
    assert answered == [1000]


async def test_a_session_that_expires_is_told_as_expired(worker, emulator):
    async with emulator(session_s=0.5) as far_end:
        told = await worker("until_closed", url=far_end.url)
    assert told["end"]["reason"] == "expired"
    assert told["errors"] == [far_end.server("error")[0]["error"]["message"]]
    assert far_end.server("error")[0]["error"]["code"] == "session_expired"


async def test_a_connection_that_is_cut_is_told_as_lost(worker):
    async def handler(connection):
        await accept_config(connection)
        connection.transport.abort()

    async with service(handler) as url:
        told = await worker("until_closed", url=url)
    assert told["end"] == {"reason": "lost", "code": 1006, "recoverable": True}
    assert len(told["errors"]) == 1


async def test_wrong_key_carries_the_words_of_the_service(worker, emulator):
    async with emulator(api_key="sk-right") as far_end:
        told = await worker("connect", url=far_end.url, key="sk-wrong")
        assert (await worker("connect", url=far_end.url, key="sk-right"))["status"] == "connected"
    assert told["error"] == "AuthenticationError"
    assert "HTTP 401: Incorrect API key provided" in told["message"]
    assert told["after"] == "disconnected"
    assert len(far_end.server("session.created")) == 1


async def test_nobody_there_is_a_connect_error_with_the_next_step(worker):
    async with service(accept_config) as url:
        pass  # now nobody listens there
    told = await worker("connect", url=url)
    assert told["error"] == "ConnectError"
    assert (
        f"{url}/realtime cannot be reached from this Worker: Network connection lost. Check the url" in told["message"]
    )


async def test_a_worker_without_network_permission_is_told_what_it_needs(worker, emulator):
    async with emulator() as far_end:
        told = await worker("connect", worker="shut", url=far_end.url)
    assert told["error"] == "ConnectError"
    assert "globalOutbound" in told["message"]
    assert far_end.frames == []


async def test_a_frame_of_900_kb_passes_whole_both_ways(worker, emulator):
    async with emulator() as far_end:
        assert await worker("big_frame", url=far_end.url, size=900_000) == 900_000
    (sent,) = far_end.client("conversation.item.create")
    assert sent["item"]["content"][0]["text"] == "y" * 900_000


async def test_two_sessions_at_once_keep_apart_in_one_request_and_in_two(worker, emulator):
    async with emulator() as far_end:
        together, alone = await asyncio.gather(
            worker("two_sessions", url=far_end.url),
            worker("tool_turn", url=far_end.url, question="What is the time in Berlin?"),
        )
    assert ["sunny in Paris" in together[0][0], "sunny in Rome" in together[1][0]] == [True, True]
    assert "noon in Berlin" in alone["answer"]
    ids = {frame["session"]["id"] for frame in far_end.server("session.created")}
    assert len(ids) == 3
    outputs = [frame["item"].get("output") for frame in far_end.client("conversation.item.create")]
    assert sorted(filter(None, outputs)) == ["It is noon in Berlin.", "It is sunny in Paris.", "It is sunny in Rome."]


async def test_nothing_is_lost_between_accept_and_the_first_listener(worker):
    """The frames come in one piece with the handshake's answer: as early as can be."""
    early = ["session.created", *(f"early.{number}" for number in range(50))]

    async def handler(reader, writer):
        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        protocol.send_response(protocol.accept(request))
        protocol.send_text(CREATED.encode())
        for kind in early[1:]:
            protocol.send_text(json.dumps({"type": kind}).encode())
        writer.write(b"".join(protocol.data_to_send()))
        while data := await reader.read(65536):
            protocol.receive_data(data)
            for frame in protocol.events_received():
                if b'"session.update"' in frame.data:
                    protocol.send_text(UPDATED.encode())
            writer.write(b"".join(protocol.data_to_send()))
        writer.close()

    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        told = await worker("first_frames", url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    assert told == [*early, "session.updated"]


async def test_200_connections_a_third_of_them_closed_while_connecting_leave_nothing_behind(worker):
    connected, gone = set(), asyncio.Event()

    async def handler(connection):
        connected.add(connection)
        gone.clear()
        try:
            await accept_config(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            pass  # by the third that would not wait
        finally:
            connected.discard(connection)
            if not connected:
                gone.set()

    async with service(handler) as url:
        told = await worker("cycles", url=url, count=200)
        await asyncio.wait_for(gone.wait(), 5)
    assert (told["tasks_left"], told["channels_left"]) == (0, 0)
    assert told["ends"].keys() == {"NoneType", "ConnectCancelled"}
    assert told["ends"]["NoneType"] >= 133
