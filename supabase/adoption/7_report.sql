-- Adoption: what it found, as one JSON document: counts of each table, and of each finding with some examples.
select jsonb_build_object(
  'tables', (
    select jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.before, 'kept', t.kept, 'rejected', t.rejected) order by t.position)
    from (
      values
        (1, 'workspaces', (select count(*) from predecessor.workspaces), (select count(*) from predecessor.workspaces o join public.workspaces w on w.id = o.id), 0),
        (2, 'workspace_phones', (select count(*) from predecessor.workspace_phones), (select count(*) from predecessor.workspace_phones o join public.workspace_phones p on p.id = o.id), 0),
        (3, 'calls', (select count(*) from predecessor.calls), (select count(*) from public.calls), (select count(*) from predecessor.findings where finding = 'call-rejected')),
        (4, 'elevenlabs_conversations', (select count(*) from predecessor.elevenlabs_conversations), (select count(*) from public.elevenlabs_conversations), (select count(*) from predecessor.findings where finding = 'conversation-rejected'))
    ) t (position, name, before, kept, rejected)),
  'replacedSnapshots', (select count(*) from predecessor.twilio_snapshots) + (select count(*) from predecessor.elevenlabs_snapshots),
  'findings', (
    select coalesce(jsonb_agg(jsonb_build_object('finding', g.finding, 'count', g.count, 'examples', g.examples) order by g.finding), '[]')
    from (
      select n.finding, count(*) as count,
        jsonb_agg(concat_ws(': ', coalesce(n.id, 'a row of ' || n.place), n.detail) order by n.position) filter (where n.position <= 5) as examples
      from (
        select f.*, row_number() over (partition by f.finding order by f.place, f.id, f.detail) as position from predecessor.findings f
      ) n
      group by n.finding
    ) g)
) as report
