import { call } from './caller.mjs';

const { session, until } = await call();
session.sendMessage('Hello there');
await until('agent_end');
session.close();
