/** What `doctor` checks, from the ground up: what stands on something that fails is not checked. */
import { sources, type Source } from '../activities/types.js';
import { Ledger, LedgerError } from '../database/ledger.js';
import type { Connections } from '../settings/connections.js';
import { readEnvironment, type Environment } from '../settings/environment.js';
import { failed, ok, warning, type Check } from './check.js';
import { describeError, oneLine } from './cli-error.js';
import { connections, withTemporal } from './context.js';
import { countFailedDays, readLedgerStatus, type LedgerStatus } from './ledger-status.js';
import { plural } from './output.js';
import { checkSchedule } from './schedule-check.js';
import { checkServeSettings } from './serve-check.js';
import { conflictingSetting } from './settings-check.js';
import { isPolled, taskQueue, type TemporalSession } from './temporal.js';

const nodeMajor_min = 20;

/** Runs every check that makes sense; none of them throws. */
export async function runChecks(): Promise<Check[]> {
  const checks = [checkNode()];
  let env: Environment;
  let where: Connections;
  try {
    env = readEnvironment();
    where = await connections();
  } catch (error) {
    return [...checks, failed('environment', describeError(error, null).line, null)];
  }
  const parts = where.dataDir === null ? 'as the environment says' : `the embedded stack of ${where.dataDir}`;
  checks.push(ok('environment', parts));
  const [ledgerChecks, temporalChecks] = await Promise.all([checkLedger(where, env), checkTemporal(env)]);
  return [...checks, ...ledgerChecks, ...temporalChecks, ...checkServeSettings(env)];
}

function checkNode(): Check {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= nodeMajor_min) return ok('node', `version ${node}`);
  return failed('node', `version ${node}`, `install Node.js ${nodeMajor_min} or newer`);
}

async function checkLedger(where: Connections, env: Environment): Promise<Check[]> {
  const ledger = new Ledger(where);
  try {
    await ledger.call('read_settings');
  } catch (error) {
    const { line } = describeError(error, where.dataDir);
    const code = error instanceof LedgerError ? error.code : '';
    return [failed(code === 'PGRST202' ? 'schema' : 'database', line, null)];
  }
  const checks = [
    ok('database', `reached at ${where.postgrestUrl ?? where.supabaseUrl}, the service key works`),
    ok('schema', 'current'),
  ];
  checks.push(await checkAnonymous(where));
  try {
    const conflict = await conflictingSetting(ledger, env);
    checks.push(
      conflict === null
        ? ok('settings', 'the environment says nothing else than the ledger')
        : failed('settings', conflict, null),
    );
    checks.push(...checkContent(await readLedgerStatus(ledger)));
  } catch (error) {
    checks.push(failed('ledger', describeError(error, where.dataDir).line, null));
  }
  return checks;
}

/** Asks as somebody without a key, wherever one can: PostgREST takes that for the role anon, Supabase's gateway refuses it. */
async function checkAnonymous({ supabaseUrl, postgrestUrl }: Connections): Promise<Check> {
  const name = 'row security';
  const gateway = { origin: `${supabaseUrl}/rest/v1`, setting: 'SUPABASE_URL' };
  const itself = postgrestUrl === null ? [] : [{ origin: postgrestUrl, setting: 'POSTGREST_URL' }];
  for (const { origin, setting } of [gateway, ...itself]) {
    for (const table of ['calls', 'twilio_snapshots', 'workspaces', 'communication_costs']) {
      const answer = await anonymousAnswer(origin, table);
      if (answer === 'refused') continue;
      if (answer === 'given')
        return failed(name, `anybody can read ${table} without a key`, 'run: hourledger migrate');
      return failed(name, `cannot be checked: ${answer.unclear}`, `check ${setting}`);
    }
  }
  return ok(name, 'nothing can be read without the service key');
}

async function anonymousAnswer(
  origin: string,
  table: string,
): Promise<'given' | 'refused' | { unclear: string }> {
  try {
    const response = await fetch(`${origin}/${table}?limit=1`);
    await response.body?.cancel();
    if (response.ok) return 'given';
    if (response.status === 401 || response.status === 403) return 'refused';
    return { unclear: `${origin} answers HTTP ${response.status}` };
  } catch (error) {
    return { unclear: oneLine(String(error)) };
  }
}

function checkContent(status: LedgerStatus): Check[] {
  const { failedDays, setAside, pending, rejectedRecords, unsettled } = status;
  const failedCount = countFailedDays(status);
  const newest = failedDays[0];
  const givenUp = sources.reduce((sum, source) => sum + unsettled[source].givenUp, 0);
  const waiting = sources.reduce((sum, source) => sum + unsettled[source].waiting, 0);
  return [
    newest === undefined
      ? ok('failed days', 'none')
      : failed(
          'failed days',
          `${failedCount}, the newest ${newest.source} ${newest.day}: ${oneLine(newest.error ?? '')}`,
          `hourledger backfill --source ${newest.source} --from ${newest.day} --to ${newest.day}`,
        ),
    setAside.length === 0
      ? ok('set aside', 'nothing')
      : failed(
          'set aside',
          `${plural(setAside.length, 'piece')}: ${oneLine(setAside[0] ?? '')}`,
          'see: hourledger status',
        ),
    pending.hours + pending.keys === 0
      ? ok('to drain', 'nothing')
      : warning(
          'to drain',
          `${plural(pending.hours, 'hour')}, ${plural(pending.keys, 'group')} of records`,
          'a running worker does it',
        ),
    rejectedRecords === 0
      ? ok('rejected', 'none')
      : warning('rejected', plural(rejectedRecords, 'record'), 'see: hourledger status'),
    status.refusedRecords === 0
      ? ok('refused', 'none')
      : warning('refused', plural(status.refusedRecords, 'record'), 'see: hourledger status'),
    givenUp === 0
      ? ok('unsettled', `${plural(waiting, 'record')} asked again daily, none given up`)
      : warning('unsettled', `${plural(givenUp, 'record')} given up after 14 days`, 'see: hourledger status'),
  ];
}

async function checkTemporal(env: Environment): Promise<Check[]> {
  try {
    return await withTemporal(async (session) => {
      const { address, namespace } = session;
      const missing = await checkNamespace(session);
      if (missing !== null) return [ok('temporal', `reached at ${address}`), missing];
      const checks = [ok('temporal', `reached at ${address}, namespace ${namespace}`)];
      checks.push(...(await checkWorkers(session, env)), await checkSchedule(session));
      return checks;
    });
  } catch (error) {
    return [failed('temporal', describeError(error, null).line, null)];
  }
}

async function checkNamespace({ client, namespace }: TemporalSession): Promise<Check | null> {
  try {
    await client.workflowService.describeNamespace({ namespace });
    return null;
  } catch (error) {
    const fact = `"${namespace}": ${oneLine(error instanceof Error ? error.message : String(error))}`;
    return failed('namespace', fact, `create it, or set TEMPORAL_NAMESPACE`);
  }
}

/** The sources that have credentials here; the worker may have been started elsewhere, with others. */
function sourcesOf(env: Environment): Source[] {
  return [
    ...(env.TWILIO_ACCOUNT_SID === undefined ? [] : ['twilio' as const]),
    ...(env.ELEVENLABS_API_KEY === undefined ? [] : ['elevenlabs' as const]),
  ];
}

async function checkWorkers(session: TemporalSession, env: Environment): Promise<Check[]> {
  const configured = sourcesOf(env);
  const [workflows, activities, ...perSource] = await Promise.all([
    isPolled(session, taskQueue, 'workflow'),
    isPolled(session, taskQueue, 'activity'),
    ...sources.map((source) => isPolled(session, `${taskQueue}-${source}`, 'activity')),
  ]);
  const worker =
    workflows && activities
      ? ok('worker', `polls task queue ${taskQueue}`)
      : failed('worker', `none polls task queue ${taskQueue}`, 'npx hourledger worker');
  const isAnyOn = perSource.some(Boolean) || configured.length > 0;
  const perSourceChecks = sources.map((source, index) => {
    const queue = `${taskQueue}-${source}`;
    if (perSource[index] === true) return ok(source, `on: a worker polls task queue ${queue}`);
    if (configured.includes(source)) {
      return failed(
        source,
        `credentials are set here, but no worker polls task queue ${queue}`,
        'restart the worker with them',
      );
    }
    const remedy = `set ${source === 'twilio' ? 'TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN' : 'ELEVENLABS_API_KEY'} for the worker`;
    return isAnyOn
      ? warning(source, 'off', `${remedy}, to switch it on`)
      : failed(source, 'off, as all sources are', remedy);
  });
  return [worker, ...perSourceChecks];
}
