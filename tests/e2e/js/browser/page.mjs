// A page that is written with @openai/agents-realtime: it talks to the model, and the model to whoever sits before it.
// Whoever drives the browser calls `page.…`; what the session tells goes to the console, a JSON object a line.

import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const RATE_HZ = 16000;

const getWeather = tool({
  name: 'get_weather',
  description: 'Tell the weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `It is foggy in ${city}.`,
});

// What is worth telling of the arguments that an event comes with.
const TOLD = {
  agent_end: (_context, _agent, text) => ({ text }),
  agent_tool_end: (_context, _agent, _tool, output) => ({ output }),
  history_updated: (history) => ({ history }),
  error: ({ error }) => ({ error: String(error?.error?.message ?? error?.message ?? JSON.stringify(error)) }),
};

let transport;
let session;
let recorder;
let heard = [];

const tell = (event, rest) => console.log(JSON.stringify({ event, ...rest }));

function newTransport(url) {
  const audioElement = document.createElement('audio');
  audioElement.autoplay = true;
  transport = new OpenAIRealtimeWebRTC({ baseUrl: `${url}/realtime/calls`, audioElement });
  transport.on('*', ({ type, ...rest }) => tell(type, rest));
  return audioElement;
}

// Keeps what the loudspeaker is given, as PCM16.
async function record({ srcObject }) {
  recorder = new AudioContext({ sampleRate: RATE_HZ });
  const code = `registerProcessor('tap', class extends AudioWorkletProcessor {
    process([[samples]]) { if (samples) this.port.postMessage(samples.slice()); return true; }
  })`;
  await recorder.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  const tap = new AudioWorkletNode(recorder, 'tap');
  tap.port.onmessage = ({ data }) => heard.push(Int16Array.from(data, (sample) => Math.round(sample * 32767)));
  recorder.createMediaStreamSource(srcObject).connect(tap);
}

globalThis.page = {
  // Connects as an application does: the session holds the tool.
  async call(url, apiKey) {
    const audioElement = newTransport(url);
    const agent = new RealtimeAgent({ name: 'Clerk', instructions: 'You know the weather.', tools: [getWeather] });
    session = new RealtimeSession(agent, { transport, model: 'gpt-realtime' });
    for (const [name, told] of Object.entries(TOLD)) session.on(name, (...args) => tell(name, told(...args)));
    await session.connect({ apiKey });
    await record(audioElement);
    return transport.callId;
  },
  // Connects the line alone: whoever listens on the sideband holds the tools.
  async callWithoutTools(url, apiKey) {
    const audioElement = newTransport(url);
    await transport.connect({ apiKey, model: 'gpt-realtime' });
    await record(audioElement);
    return transport.callId;
  },
  say: (text) => session.sendMessage(text),
  interrupt: () => session.interrupt(),
  async hangUp() {
    await recorder.close();
    transport.close();
  },
  // What was heard, PCM16 16 kHz mono, as base64.
  heard: () =>
    new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
      reader.readAsDataURL(new Blob(heard));
    }),
};
