// An application that answers one phone call: `node answer.mjs <url> <call id>`.
// It prints what the session tells, a JSON object a line, and hangs up once the answer was given.

import OpenAI from 'openai';
import { OpenAIRealtimeSIP, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const [, , url, callId] = process.argv;
const apiKey = 'offline';
const client = new OpenAI({ apiKey, baseURL: url });

const getWeather = tool({
  name: 'get_weather',
  description: 'Tell the weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `It is foggy in ${city}.`,
});
const agent = new RealtimeAgent({ name: 'Clerk', instructions: 'You know the weather.', tools: [getWeather] });
const tell = (event, told = {}) => console.log(JSON.stringify({ event, ...told }));

const session = new RealtimeSession(agent, { transport: new OpenAIRealtimeSIP() });
session.on('agent_tool_end', (_context, _agent, _tool, output) => tell('agent_tool_end', { output }));
session.on('error', ({ error }) => tell('error', { error }));
const played = new Promise((resolve) => {
  session.transport.on('*', ({ type }) => type === 'output_audio_buffer.stopped' && resolve());
});
const disconnected = new Promise((resolve) => {
  session.transport.on('connection_change', (status) => status === 'disconnected' && resolve());
});

await client.realtime.calls.accept(callId, await OpenAIRealtimeSIP.buildInitialConfig(agent));
await session.connect({ apiKey, callId, url: `${url.replace('http', 'ws')}/realtime?call_id=${callId}` });
tell('connected');
await played;
await client.realtime.calls.hangup(callId);
await disconnected;
tell('disconnected');
