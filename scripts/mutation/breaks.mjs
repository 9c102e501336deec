/** The list of breaks, law by law. Each is small: a text that is there exactly once, and what takes its place. */
import { assignment } from './breaks/assignment.mjs';
import { mergedAtOnce } from './breaks/at-once.mjs';
import { exact } from './breaks/exact.mjs';
import { newestWins } from './breaks/newest.mjs';
import { order } from './breaks/order.mjs';
import { resume } from './breaks/resume.mjs';
import { secrets } from './breaks/secrets.mjs';
import { service } from './breaks/service.mjs';
import { settle } from './breaks/settle.mjs';
import { sum } from './breaks/sum.mjs';
import { windows } from './breaks/window.mjs';
import { wire } from './breaks/wire.mjs';

const { history, whole } = service;

export const breaks = [
  ...[...sum, ...order, ...assignment, ...newestWins, ...mergedAtOnce, ...exact, ...windows, ...settle],
  ...[...history, ...whole, ...wire.ids, ...secrets, ...resume, ...wire.answers],
];
