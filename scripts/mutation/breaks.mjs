/** The list of breaks, law by law. Each is small: a text that is there exactly once, and what takes its place. */
import { assignment } from './breaks/assignment.mjs';
import { exact } from './breaks/exact.mjs';
import { newestWins } from './breaks/newest.mjs';
import { order } from './breaks/order.mjs';
import { sum } from './breaks/sum.mjs';
import { windows } from './breaks/window.mjs';

export const breaks = [...sum, ...order, ...assignment, ...newestWins, ...exact, ...windows];
