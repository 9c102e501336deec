/** The server's log: one JSON line an event on standard error. Headers, queries and bodies stay out of it. */
import { pino } from 'pino';

export const log = pino({ base: null }, pino.destination({ dest: 2, sync: true }));
