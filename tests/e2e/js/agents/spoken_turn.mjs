import { call, speak } from './caller.mjs';

const { session, until } = await call({ audio: { input: { turnDetection: { type: 'server_vad' } } } });
speak(session);
await until('agent_end', 2); // the response that calls, and the one that answers
session.close();
