import { call, speak } from './caller.mjs';

const { session, until } = await call();
session.sendMessage('Tell me a very long story');
await until('audio', 3);
speak(session);
await until('audio_interrupted');
await until('agent_end', 2); // the story, and the answer to who interrupted it
session.close();
