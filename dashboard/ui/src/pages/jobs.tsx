import { clock, count, duration, short, since, time } from '../format';
import { href, useNow, useTopic } from '../hooks';
import { Card, Counts, Crumbs, Facts, Gaps, ID, State } from '../parts';
import { Table, type Column } from '../table';
import type { JobRow } from '../types';
import { ActorTable } from './actors';
import { TasksOf } from './tasks';

const total = (j: JobRow) => Object.values(j.tasks ?? {}).reduce((a, b) => a + b, 0);

export function JobsPage() {
  const jobs = useTopic<never, JobRow>('jobs'), now = useNow();
  const columns: Column<JobRow>[] = [
    { title: 'Job', by: (j) => j.id, cell: (j) => <ID of={j.id} to="jobs" /> },
    { title: 'Name', by: (j) => j.name, cell: (j) => (j.name ? <a href={href('jobs', j.id)}>{j.name}</a> : '–') },
    { title: 'State', by: (j) => j.state, cell: (j) => <State of={j.state} /> },
    { title: 'Tasks', by: total, cell: (j) => <Counts of={j.tasks ?? {}} /> },
    { title: 'Node', by: (j) => j.node_name, cell: (j) => (j.node_name && j.node ? <a href={href('nodes', j.node)}>{j.node_name}</a> : '–') },
    { title: 'Process', number: true, by: (j) => j.pid, cell: (j) => j.pid ?? '–' },
    { title: 'Namespace', by: (j) => j.namespace, cell: (j) => j.namespace || '–', hint: (j) => j.namespace },
    { title: 'Message', grow: true, cell: (j) => j.message || '–', hint: (j) => j.message },
    { title: 'Ran', number: true, by: (j) => (j.ended || now) - j.created, cell: (j) => duration((j.ended || now) - j.created) },
    { title: 'Begun', number: true, by: (j) => j.created, cell: (j) => `${since(now, j.created)} ago`, hint: (j) => clock(j.created) },
  ];
  return (
    <>
      <h1 tabIndex={-1}>Jobs</h1>
      <Gaps topic={jobs} what="jobs" />
      {jobs.loaded && <Table label="Jobs" columns={columns} rows={jobs.rows} id={(j) => j.id} sort="Begun" down none="No job yet. A notebook or a program that connects is one." />}
    </>
  );
}

export function JobPage({ id }: { id: string }) {
  const topic = useTopic<never, JobRow>('jobs', { job: id }), now = useNow();
  const j = topic.rows[0];
  return (
    <>
      <Crumbs of={[['Jobs', href('jobs')]]} />
      <h1 tabIndex={-1}>Job {j?.name || short(id)} {j && <State of={j.state} />}</h1>
      <Gaps topic={topic} what="the job" />
      {j && <div class="cards">
        <Card title="Job">
          <Facts of={[
            ['Id', <span class="id">{j.id}</span>], ['Name', j.name], ['Namespace', j.namespace], ['Driver', j.pid && `process ${j.pid}${j.node_name ? ` on ${j.node_name}` : ''}`], ['Entrypoint', j.entrypoint && <code>{j.entrypoint}</code>],
            ['Begun', clock(j.created)], ['Ended', time(j.ended) && clock(j.ended)], ['Ran for', duration((j.ended || now) - j.created)], ['Message', j.message],
          ]} />
        </Card>
        <Card title="Tasks"><p class="big">{count(total(j))}</p><Counts of={j.tasks ?? {}} to={(s) => `${href('tasks')}?job=${id}&state=${s}`} /></Card>
      </div>}
      <TasksOf job={id} />
      <h2>Actors</h2>
      <ActorTable job={id} />
    </>
  );
}
