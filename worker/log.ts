/** The worker's log: one JSON line an event on standard error, through pino, Temporal's own lines included. */
import { DefaultLogger, Runtime, makeTelemetryFilterString, type LogLevel } from '@temporalio/worker';
import { pino } from 'pino';

const levels: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

export const log = pino({ base: null }, pino.destination({ dest: 2, sync: true }));

/** Sends what the Temporal SDK logs the same way; once a process, before anything of Temporal is made. */
export function installTemporalLog(): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => log[levels[level]](meta ?? {}, message)),
    // What the SDK's core says goes the same way; it would write coloured lines of its own otherwise.
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
    },
    // The worker shuts down by its own handler, which also ends the drain.
    shutdownSignals: [],
  });
}
