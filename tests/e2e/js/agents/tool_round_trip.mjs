import { call } from './caller.mjs';

const { session, until } = await call();
session.sendMessage('What is the weather in Paris?');
await until('agent_end', 2); // the response that calls, and the one that answers
session.close();
