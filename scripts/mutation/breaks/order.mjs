/** Breaks of L2, in what is noted: whatever depends on a fact that changes is looked at again. */
const drain = 'supabase/migrations/0007_drain.sql';
const dirt = 'supabase/migrations/0005_dirt.sql';
const isolation = ['test/database/isolation.test.ts'];
const dependants = ['test/laws/dependants.test.ts'];
const changes = ['test/laws/changes.test.ts'];

const ownDirt = [
  {
    name: 'no-second-look-at-new-calls',
    breaks: 'A call that is stored first is not looked at again after its commit.',
    file: dirt,
    find: `perform hourledger.add_dirty_records('calls', array_agg(id)) from new_rows;`,
    replacement: '',
    tests: isolation,
  },
  {
    name: 'no-second-look-at-changed-calls',
    breaks: 'A call that has changed is not looked at again, nor what depends on it.',
    file: dirt,
    find: `perform hourledger.add_dirty_records('calls', v_changed);`,
    replacement: '',
    tests: changes,
  },
  {
    name: 'no-second-look-at-new-conversations',
    breaks: 'A conversation that is stored first is not looked at again after its commit.',
    file: dirt,
    find: `perform hourledger.add_dirty_records('conversations', array_agg(conversation_id)) from new_rows;`,
    replacement: '',
    tests: isolation,
  },
  {
    name: 'no-second-look-at-changed-conversations',
    breaks: 'A conversation that has changed is not looked at again.',
    file: dirt,
    find: `perform hourledger.add_dirty_records('conversations', v_changed);`,
    replacement: '',
    tests: changes,
  },
  {
    name: 'deleted-calls-forgotten',
    breaks: 'Children and conversations of a call that somebody deletes stay where they were.',
    file: dirt,
    find: `perform hourledger.add_dirty_records('calls', array_agg(id)) from old_rows;`,
    replacement: '',
    tests: changes,
  },
];

const leads = [
  {
    name: 'old-leads-forgotten',
    breaks: 'Transfers stay with a call that turns out to be to another lead.',
    file: dirt,
    find: 'where o.id = any (v_changed) and hourledger.is_leg_to_lead(o.direction)',
    replacement: 'where false and o.id = any (v_changed) and hourledger.is_leg_to_lead(o.direction)',
    tests: dependants,
  },
  {
    name: 'leads-of-deleted-calls-forgotten',
    breaks: 'Transfers stay with a call that somebody deletes.',
    file: dirt,
    inside: 'create function hourledger.note_deleted_calls(',
    find: 'where hourledger.is_leg_to_lead(direction)',
    replacement: 'where false and hourledger.is_leg_to_lead(direction)',
    tests: dependants,
  },
  {
    name: 'transfers-not-followed',
    breaks: 'Transfers to the lead of a call that has changed are not assigned again.',
    file: drain,
    inside: 'create function hourledger.classify_taken(',
    find: 'and c.to_digits is not null) end;',
    replacement: 'and c.to_digits is not null and false) end;',
    tests: dependants,
  },
  {
    name: 'children-not-followed',
    breaks: 'Children of a call that has changed are not assigned again.',
    file: drain,
    find: 'where c.parent_call_sid = any (p_keys)',
    replacement: 'where false and c.parent_call_sid = any (p_keys)',
    tests: dependants,
  },
  {
    name: 'carried-conversations-not-followed',
    breaks: 'Conversations of a call that has changed (`call_sid`) are not assigned again.',
    file: drain,
    find: 'where c.call_sid = any (p_keys)',
    replacement: 'where false and c.call_sid = any (p_keys)',
    tests: changes,
  },
];

const mapping = [
  ...['from-number', 'to-number', 'agent-number'].map((kind) => ({
    name: `${kind}-not-noted`,
    breaks: `A number that is mapped or unmapped is not noted as ${kind}.`,
    file: dirt,
    inside: 'create function hourledger.note_inserted_phones(',
    find: `'${kind}'`,
    replacement: `'from-number'`,
    ...(kind === 'from-number' ? { replacement: `'to-number'` } : {}),
    tests: changes,
  })),
  {
    name: 'changed-owner-not-noted',
    breaks: 'A number whose workspace is edited leaves no dirt.',
    file: dirt,
    inside: 'create function hourledger.note_changed_phones(',
    find: '(select digits from old_rows union select digits from new_rows) touched',
    replacement: '(select digits from old_rows where false) touched',
    tests: changes,
  },
  {
    name: 'old-number-not-noted',
    breaks: 'A number that is edited into another one keeps its records.',
    file: dirt,
    find: 'select digits from old_rows union select digits from new_rows',
    replacement: 'select digits from new_rows',
    tests: changes,
  },
  {
    name: 'new-number-not-noted',
    breaks: 'A number that another one is edited into does not get its records.',
    file: dirt,
    find: 'select digits from old_rows union select digits from new_rows',
    replacement: 'select digits from old_rows',
    tests: changes,
  },
  {
    name: 'unmapped-agent-not-noted',
    breaks: 'Conversations stay with an agent that is taken from its workspace.',
    file: dirt,
    find: `select old.agent_id where tg_op <> 'INSERT'`,
    replacement: `select old.agent_id where tg_op = 'UPDATE'`,
    tests: changes,
  },
  {
    name: 'renamed-agent-not-noted',
    breaks: 'Conversations stay with an agent whose id is edited.',
    file: dirt,
    find: `select old.agent_id where tg_op <> 'INSERT'`,
    replacement: `select old.agent_id where tg_op = 'DELETE'`,
    tests: changes,
  },
  {
    name: 'mapped-agent-not-noted',
    breaks: 'Conversations of an agent that is mapped stay where they were.',
    file: dirt,
    find: `select new.agent_id where tg_op <> 'DELETE'`,
    replacement: `select new.agent_id where false`,
    tests: changes,
  },
  {
    name: 'default-of-calls-not-noted',
    breaks: 'Calls stay in the old default workspace.',
    file: dirt,
    find: `('default', '{calls}'), `,
    replacement: '',
    tests: changes,
  },
  {
    name: 'default-of-conversations-not-noted',
    breaks: 'Conversations stay in the old default workspace.',
    file: dirt,
    find: `, ('default', '{conversations}')`,
    replacement: '',
    tests: changes,
  },
];

const assigning = [
  {
    name: 'calls-assigned-without-lock',
    breaks: 'What decides over calls is read in the statement that waits for their rows.',
    file: drain,
    find: 'perform from calls where id = any (v_moved) order by id for update;',
    replacement: '',
    tests: isolation,
  },
  {
    name: 'conversations-assigned-without-lock',
    breaks: 'What decides over conversations is read in the statement that waits for their rows.',
    file: drain,
    find: 'perform from elevenlabs_conversations where conversation_id = any (v_moved) order by conversation_id for update;',
    replacement: '',
    tests: isolation,
  },
  {
    name: 'taken-dirt-counts-as-done',
    breaks: 'Records that another drain is still assigning count as assigned.',
    file: drain,
    inside: 'create function public.classify_dirt(',
    find: `'left', (select count(*) from dirty_keys where set_aside is null and id <= v_up_to)`,
    replacement: `'left', 0`,
    tests: isolation,
  },
  {
    name: 'taken-hours-count-as-done',
    breaks: 'Hours that another drain is still summing count as summed.',
    file: drain,
    inside: 'create function public.rollup_dirt(',
    find: `'left', (select count(*) from dirty_hours where set_aside is null and id <= v_up_to)`,
    replacement: `'left', 0`,
    tests: isolation,
  },
];

export const order = [...ownDirt, ...leads, ...mapping, ...assigning].map((one) => ({ law: 'L2', ...one }));
