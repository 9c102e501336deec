/** The demonstration's mapping written into its database, and its figures read back and held against what they must be. */
import pg from 'pg';

// Nobody but the demonstration loads the simulator, and it only when it runs.
const { demoFigures, demoMapping } = await import('../../simulator/demo-data.js');

/** What the demonstration shows; sums are texts as the database wrote them. */
export interface Figures {
  calls: number;
  conversations: number;
  twilioSnapshots: number;
  elevenlabsSnapshots: number;
  workedExample: {
    calls: number;
    callCost: string;
    callSeconds: number;
    conversations: number;
    credits: string;
    llmCharge: string;
    callCharge: string;
    conversationSeconds: number;
  } | null;
}

/** Writes the workspaces, numbers, agents and credit rates with SQL, as a person may; what is there stays. */
export async function seedMapping(databaseUrl: string): Promise<void> {
  await withDatabase(databaseUrl, async (client) => {
    await client.query('begin');
    await client.query(
      `insert into workspaces (id, name) select id, name from jsonb_to_recordset($1) r (id integer, name text)
       on conflict (id) do update set name = excluded.name`,
      [JSON.stringify(demoMapping.workspaces)],
    );
    await client.query(
      `insert into workspace_phones (phone_number, workspace_id, is_primary, valid_from, valid_to)
       select r.* from jsonb_to_recordset($1) r (phone_number text, workspace_id integer, is_primary boolean,
         valid_from timestamptz, valid_to timestamptz)
       where not exists (select from workspace_phones p where p.phone_number = r.phone_number)`,
      [JSON.stringify(demoMapping.workspace_phones)],
    );
    await client.query(
      `insert into workspace_agents (agent_id, workspace_id)
       select agent_id, workspace_id from jsonb_to_recordset($1) r (agent_id text, workspace_id integer)
       on conflict do nothing`,
      [JSON.stringify(demoMapping.workspace_agents)],
    );
    await client.query(
      `insert into credit_rates (valid_from, usd_per_credit)
       select valid_from, usd_per_credit from jsonb_to_recordset($1) r (valid_from timestamptz, usd_per_credit numeric)
       on conflict do nothing`,
      [JSON.stringify(demoMapping.credit_rates)],
    );
    await client.query('commit');
  });
}

/** Reads the counts and the worked example. */
export async function readFigures(databaseUrl: string): Promise<Figures> {
  const { workspaceId, hour } = demoFigures.workedExample;
  return withDatabase(databaseUrl, async (client) => {
    const counts = await client.query<Omit<Figures, 'workedExample'>>(
      `select (select count(*) from calls)::integer as calls,
         (select count(*) from elevenlabs_conversations)::integer as conversations,
         (select count(*) from twilio_snapshots)::integer as "twilioSnapshots",
         (select count(*) from elevenlabs_snapshots)::integer as "elevenlabsSnapshots"`,
    );
    const example = await client.query<NonNullable<Figures['workedExample']>>(
      `select t.total_calls::integer as calls, t.total_cost::text as "callCost", t.total_duration::integer as "callSeconds",
         e.total_conversations::integer as conversations, e.total_cost::text as credits, e.llm_charge::text as "llmCharge",
         e.call_charge::text as "callCharge", e.total_duration::integer as "conversationSeconds"
       from twilio_snapshots t join elevenlabs_snapshots e using (workspace_id, snapshot_date)
       where workspace_id = $1 and snapshot_date = $2`,
      [workspaceId, hour],
    );
    const [first] = counts.rows;
    if (first === undefined) throw new Error('Postgres gave no counts.');
    return { ...first, workedExample: example.rows[0] ?? null };
  });
}

/** Each figure that is not what it must be, as a line; costs are compared as texts, without trailing zeros. */
export function differingFigures(figures: Figures): string[] {
  const { workedExample, ...counts } = figures;
  const lines: string[] = [];
  const compare = (what: string, found: string | number | undefined, wanted: string | number) => {
    if (withoutZeros(found) === withoutZeros(wanted)) return;
    lines.push(`${what} is ${found ?? 'missing'}, and must be ${wanted}`);
  };
  for (const key of ['calls', 'conversations', 'twilioSnapshots', 'elevenlabsSnapshots'] as const) {
    compare(key, counts[key], demoFigures[key]);
  }
  const { workspaceId, hour, ...wanted } = demoFigures.workedExample;
  for (const [key, value] of Object.entries(wanted)) {
    const place = `${key} of workspace ${workspaceId} at ${hour}`;
    compare(place, workedExample?.[key as keyof typeof wanted], value);
  }
  return lines;
}

function withoutZeros(value: string | number | undefined): string {
  const text = String(value ?? '');
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

async function withDatabase<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
