// An application that is written with @openai/agents-realtime: `node <scenario>.mjs <url> [<PCM16 24 kHz>]`.
// It prints what the session tells, a JSON object a line.

import { readFileSync } from 'node:fs';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const PIECE_BYTES = 1920; // 40 ms

const getWeather = tool({
  name: 'get_weather',
  description: 'Tell the weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `It is foggy in ${city}.`,
});

// What is worth telling of the arguments that an event comes with.
const TOLD = {
  agent_start: () => ({}),
  agent_end: (_context, _agent, text) => ({ text }),
  agent_tool_end: (_context, _agent, _tool, output, { toolCall }) => ({ output, arguments: toolCall.arguments }),
  audio: ({ data, responseId }) => ({ bytes: data.byteLength, responseId }),
  audio_interrupted: () => ({}),
  history_updated: (history) => ({ history }),
  error: ({ error }) => ({ error }),
};

// Connects; gives the session and what to wait for its events with.
export async function call(config = {}) {
  const agent = new RealtimeAgent({ name: 'Clerk', instructions: 'You know the weather.', tools: [getWeather] });
  const session = new RealtimeSession(agent, { transport: 'websocket', config });
  const events = [];
  let wake = () => {};
  for (const [name, told] of Object.entries(TOLD)) {
    session.on(name, (...args) => {
      events.push({ event: name, ...told(...args) });
      console.log(JSON.stringify(events.at(-1)));
      wake();
    });
  }
  // The count-th event of a name, counted from the beginning. Whoever started this process limits its time.
  async function until(name, count = 1) {
    for (;;) {
      const found = events.filter(({ event }) => event === name);
      if (found.length >= count) return found[count - 1];
      await new Promise((resolve) => (wake = resolve));
    }
  }
  await session.connect({ apiKey: 'offline', url: `${process.argv[2].replace('http', 'ws')}/realtime` });
  return { session, until };
}

export function speak(session) {
  const pcm = readFileSync(process.argv[3]);
  for (let at = 0; at < pcm.length; at += PIECE_BYTES) {
    session.sendAudio(new Uint8Array(pcm.subarray(at, at + PIECE_BYTES)).buffer);
  }
}
