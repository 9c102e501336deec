/** Breaks of L2, in the rules: which workspace a record belongs to is a function of the facts, whenever they came. */
const rules = 'supabase/migrations/0004_assignment.sql';
const mapping = 'supabase/migrations/0002_mapping.sql';
const cases = ['test/laws/assignment.test.ts'];

const transfers = [
  {
    name: 'farther-call-matched',
    breaks: 'A transfer belongs to the farther of two calls to its lead.',
    file: rules,
    find: 'order by abs(extract(epoch from m.ended - match_of.ended)), m.ended',
    replacement: 'order by abs(extract(epoch from m.ended - match_of.ended)) desc, m.ended',
    tests: cases,
  },
  {
    name: 'later-call-wins-a-tie',
    breaks: 'Of two calls that ended equally near the later one is matched.',
    file: rules,
    find: 'm.ended - match_of.ended)), m.ended, m.id',
    replacement: 'm.ended - match_of.ended)), m.ended desc, m.id',
    tests: cases,
  },
  {
    name: 'larger-sid-wins-a-tie',
    breaks: 'Of two calls that ended together the one with the larger SID is matched.',
    file: rules,
    find: 'order by coalesce(c.end_date, c.call_date) desc, c.id\n',
    replacement: 'order by coalesce(c.end_date, c.call_date) desc, c.id desc\n',
    tests: cases,
  },
  {
    name: 'later-calls-not-matched',
    breaks: 'Calls that ended after the transfer are not looked at.',
    file: rules,
    find: '> match_of.ended\n',
    replacement: '> match_of.ended and false\n',
    tests: cases,
  },
  {
    name: 'end-of-the-transfer-ignored',
    breaks: 'A transfer is matched by when it began.',
    file: rules,
    find: 'coalesce(c.end_date, c.call_date))::hourledger.call_facts as facts',
    replacement: 'c.call_date)::hourledger.call_facts as facts',
    tests: cases,
  },
  {
    name: 'end-of-the-match-ignored',
    breaks: 'Of the calls before and after a transfer the nearer one is told by when they began.',
    file: rules,
    find: 'coalesce(c.end_date, c.call_date) as ended',
    replacement: 'c.call_date as ended',
    tests: cases,
  },
  {
    name: 'accounts-mixed',
    breaks: 'A transfer is matched with calls of another account.',
    file: rules,
    find: `and coalesce(c.account_sid, '') = coalesce(match_of.account_sid, '') and c.to_digits = match_of.lead_digits
       and coalesce(c.end_date, c.call_date) <=`,
    replacement: `and c.to_digits = match_of.lead_digits
       and coalesce(c.end_date, c.call_date) <=`,
    tests: cases,
  },
  {
    name: 'trunk-calls-reach-no-lead',
    breaks: 'Calls of direction trunking-terminating are not assigned by who called.',
    file: rules,
    find: `return coalesce(direction in ('outbound-api', 'trunking-terminating'), false)`,
    replacement: `return coalesce(direction = 'outbound-api', false)`,
    tests: cases,
  },
  {
    name: 'wrong-side-of-a-transfer',
    breaks: 'The lead of a transfer is looked for in `to`.',
    file: rules,
    find: 'match_of(f.account_sid, f.from_digits, f.ended)',
    replacement: 'match_of(f.account_sid, f.to_digits, f.ended)',
    tests: cases,
  },
  {
    name: 'owner-at-another-time',
    breaks: 'A transfer gets the owner at its own time, and not at the time of the matching call.',
    file: rules,
    find: 'owner_of(m.from_digits, m.call_date)',
    replacement: 'owner_of(m.from_digits, f.call_date)',
    tests: cases,
  },
];

const owners = [
  {
    name: 'first-instant-not-owned',
    breaks: 'A number has no owner yet at the first instant of its validity (`<` for `<=`).',
    file: rules,
    find: 'own.valid_from <= c.call_date',
    replacement: 'own.valid_from < c.call_date',
    tests: cases,
  },
  {
    name: 'end-of-ownership-owned',
    breaks: 'A number still has its owner at the instant at which that ends (`<=` for `<`).',
    file: rules,
    find: 'c.call_date < own.valid_to',
    replacement: 'c.call_date <= own.valid_to',
    tests: cases,
  },
  {
    name: 'conflicts-decided-by-chance',
    breaks: 'A number that is found under two workspaces maps to one of them.',
    file: rules,
    inside: 'create function hourledger.decide_calls(',
    find: 'and not own.in_conflict',
    replacement: '',
    tests: cases,
  },
  {
    name: 'plus-makes-another-number',
    breaks: 'A number with a plus is another one than the same without.',
    file: mapping,
    find: `ltrim(address, '+')`,
    replacement: 'address',
    tests: cases,
  },
  {
    name: 'parent-read-as-stored',
    breaks: 'The workspace of a parent is read from what an earlier pass stored.',
    file: rules,
    find: 'select k.start_id, p.parent_call_sid, d.workspace_id,',
    replacement: 'select k.start_id, p.parent_call_sid, p.workspace_id,',
    tests: cases,
  },
  {
    name: 'agent-before-number',
    breaks: 'The workspace of the agent decides before the owner of its number.',
    file: rules,
    find: 'coalesce(own.workspace_id, agent.workspace_id)',
    replacement: 'coalesce(agent.workspace_id, own.workspace_id)',
    tests: cases,
  },
  {
    name: 'days-of-the-session',
    breaks: 'A day is one in the time zone of the session, and not in UTC.',
    file: rules,
    find: `return (instant at time zone 'UTC')::date`,
    replacement: 'return instant::date',
    tests: ['test/database/days.test.ts', 'test/laws/orders-elsewhere.test.ts'],
  },
  {
    name: 'hours-of-the-session',
    breaks: 'An hour is one in the time zone of the session, and not in UTC.',
    file: rules,
    find: `timestamptz '2000-01-01 00:00:00+00'`,
    replacement: `(timestamp '2000-01-01 00:00:00')::timestamptz`,
    tests: ['test/laws/orders-elsewhere.test.ts'],
  },
];

export const assignment = [...transfers, ...owners].map((one) => ({ law: 'L2', ...one }));
