"""What is sent: the setup, what somebody said, and the outputs of calls. Values in, JSON objects out.

The service knows two roles, ``user`` and ``model``. It has no message ids, and its config is one message: the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from attrs import evolve

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.config import SessionConfig, TurnDetection
from offhook.errors import ConfigRejected, Unsupported
from offhook.hookspecs import Delivery
from offhook.items import (
    ContentPart,
    ConversationItem,
    FunctionCallItem,
    InputImage,
    InputText,
    MessageItem,
    OutputText,
)
from offhook.wire.codec import as_object, b64encode
from offhook.wire.config import names, to_wire
from offhook_gemini_live.options import PCM16_16K

Json = dict[str, Any]
#: What of a session config has a counterpart here.
_UNDERSTOOD: Final = frozenset(
    {
        "model", "instructions", "output_modalities", "tools", "max_output_tokens", "audio.input.format",
        "audio.input.transcription", "audio.input.turn_detection", "audio.output.format", "audio.output.voice",
    }
)  # fmt: skip
_SCHEDULING: Final[Mapping[Delivery, str]] = {"when_idle": "WHEN_IDLE", "silent": "SILENT", "interrupt": "INTERRUPT"}
#: How soon the user is taken to have finished.
_SENSITIVITY: Final = {"low": "END_SENSITIVITY_LOW", "high": "END_SENSITIVITY_HIGH"}
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.+)", re.DOTALL)


def setup(config: SessionConfig, *, model: str, handle: str | None = None, non_blocking: bool = False) -> Json:
    """Write the body of ``setup``: ``config``, a handle to resume with, and ``config.provider`` over all of it.

    Raises ``ConfigRejected`` for what the service would refuse or, worse, take for something else.
    """
    body: Json = {
        "model": model if "/" in model else f"models/{model}",
        "generationConfig": _generation(config),
        "outputAudioTranscription": {},
        "sessionResumption": {"handle": handle} if handle else {},
    }
    if isinstance(config.instructions, str):
        body["systemInstruction"] = {"role": "user", "parts": [{"text": config.instructions}]}
    if isinstance(config.tools, tuple) and config.tools:
        body["tools"] = _tools(config.tools, non_blocking=non_blocking)
    if config.audio.input.transcription is not None:
        body["inputAudioTranscription"] = {}
    if turns := _turns(config.audio.input.turn_detection):
        body["realtimeInputConfig"] = turns
    return _merged(body, config.provider)


def not_understood(config: SessionConfig) -> frozenset[str]:
    """Name the fields that are set in ``config`` and have no counterpart here."""
    return names(to_wire(evolve(config, provider={}))) - _UNDERSTOOD


def input_format(config: SessionConfig) -> AudioFormat:
    """Give the format in which audio will be sent. Raises ``ConfigRejected``."""
    wanted = config.audio.input.format
    if not isinstance(wanted, AudioFormat):
        return PCM16_16K
    if wanted.encoding != "audio/pcm" or wanted.channels != 1:
        raise ConfigRejected(f"audio.input.format {wanted} is not PCM16 mono. Leave it unset to send {PCM16_16K}.")
    return wanted


def client_content(turns: Iterable[Mapping[str, Any]] = (), *, complete: bool) -> Json:
    """Write ``clientContent``. With ``complete`` the model answers; without, it falls silent and listens."""
    content: Json = {"turnComplete": complete}
    return {"clientContent": {"turns": said, **content} if (said := list(turns)) else content}


def realtime_input(**what: Any) -> Json:
    """Write ``realtimeInput``: one of ``audio``, ``activityStart``, ``activityEnd``, ``audioStreamEnd``."""
    return {"realtimeInput": what}


def audio(data: bytes, form: AudioFormat) -> Json:
    """Write a piece of the user's speech."""
    return realtime_input(audio={"data": b64encode(data), "mimeType": f"{form.encoding};rate={form.rate_hz}"})


def tool_response(call_id: str, name: str, output: str, *, delivery: Delivery | None, final: bool) -> Json:
    """Write a call's output. ``delivery`` and ``final`` are for calls that do not hold the turn."""
    response: Json = {"id": call_id, "name": name, "response": {"output": output}}
    if delivery is not None:
        response["scheduling"] = _SCHEDULING[delivery]
    if not final:
        response["willContinue"] = True
    return {"toolResponse": {"functionResponses": [response]}}


def turn(message: MessageItem) -> Json:
    """Write a message. What a system said goes to the user's role, as context. Raises ``Unsupported``."""
    role = "model" if message.role == "assistant" else "user"
    return {"role": role, "parts": [_part(part) for part in message.content if not _is_silent(part)]}


def history(items: Sequence[ConversationItem]) -> list[Json]:
    """Write what was said before, calls with their outputs. Raises ``Unsupported``."""
    turns: list[Json] = []
    for item in items:
        if isinstance(item, MessageItem):
            turns.append(turn(item))
        elif isinstance(item, FunctionCallItem) and item.output is not None:
            call = {"id": item.call_id, "name": item.name}
            turns.append({"role": "model", "parts": [{"functionCall": {**call, "args": _arguments(item)}}]})
            answer = {**call, "response": {"output": item.output}}
            turns.append({"role": "user", "parts": [{"functionResponse": answer}]})
    return [said for said in turns if said["parts"]]


def _generation(config: SessionConfig) -> Json:
    speech = config.audio.output
    if isinstance(speech.format, AudioFormat) and speech.format != PCM16_24K:
        raise ConfigRejected(f"audio.output.format {speech.format} is not given here. Leave it unset: {PCM16_24K}.")
    modalities = config.output_modalities if isinstance(config.output_modalities, tuple) else ("audio",)
    generation: Json = {"responseModalities": [modality.upper() for modality in modalities]}
    if isinstance(speech.voice, str):
        generation["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": speech.voice}}}
    if isinstance(config.max_output_tokens, int):
        generation["maxOutputTokens"] = config.max_output_tokens
    return generation


def _turns(detection: object) -> Json:
    """How turns end: by the service's ear, or (``None``) where the client says so."""
    if detection is None:
        return {"automaticActivityDetection": {"disabled": True}}
    if not isinstance(detection, TurnDetection):
        return {}
    ears = {"prefixPaddingMs": detection.prefix_padding_ms, "silenceDurationMs": detection.silence_duration_ms}
    chosen: Json = {name: ms for name, ms in ears.items() if isinstance(ms, int)}
    if isinstance(eagerness := detection.eagerness, str) and eagerness in _SENSITIVITY:
        chosen["endOfSpeechSensitivity"] = _SENSITIVITY[eagerness]
    turns: Json = {"automaticActivityDetection": chosen} if chosen else {}
    return {**turns, "activityHandling": "NO_INTERRUPTION"} if detection.interrupt_response is False else turns


def _tools(tools: Sequence[Mapping[str, Any]], *, non_blocking: bool) -> list[Json]:
    """Function tools in one declaration; a tool without a ``type`` is the service's own, such as ``{"googleSearch": {}}``."""
    strange = sorted({str(tool["type"]) for tool in tools if tool.get("type", "function") != "function"})
    if strange:
        raise ConfigRejected(f"tools of type {', '.join(strange)} are unknown here. Offer them as function tools.")
    functions = [_declaration(tool, non_blocking=non_blocking) for tool in tools if "type" in tool]
    own = [dict(tool) for tool in tools if "type" not in tool]
    return [{"functionDeclarations": functions}, *own] if functions else own


def _declaration(tool: Mapping[str, Any], *, non_blocking: bool) -> Json:
    declared: Json = {"name": tool["name"], "description": tool.get("description", "")}
    if as_object(tool.get("parameters")).get("properties"):
        declared["parametersJsonSchema"] = tool["parameters"]
    return {**declared, "behavior": "NON_BLOCKING"} if non_blocking else declared


def _part(part: ContentPart) -> Json:
    match part:
        case InputText(text) | OutputText(text):
            return {"text": text}
        case InputImage():
            if (found := _DATA_URL.fullmatch(part.image_url)) is None:
                raise Unsupported("an image by its address", "images", "Give it as a data: URL with base64.")
            return {"inlineData": {"mimeType": found[1], "data": found[2]}}
        case _:
            return {"text": part.transcript}


def _is_silent(part: ContentPart) -> bool:
    # Speech that was never written down.
    return not isinstance(part, InputText | OutputText | InputImage) and not part.transcript


def _arguments(item: FunctionCallItem) -> Json:
    try:
        return dict(as_object(json.loads(item.arguments or "{}")))
    except ValueError:  # the model wrote it; what it meant is gone
        return {}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], cast("Mapping[str, Any]", value)) if both else value
    return merged
