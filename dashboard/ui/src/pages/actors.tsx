import { useState } from 'preact/hooks';
import { clock, since } from '../format';
import { useNow, useTopic } from '../hooks';
import { Gaps, ID, NodeLink, State } from '../parts';
import { Table, type Column } from '../table';
import type { Actor, Node } from '../types';

export function ActorsPage() {
  const [search, setSearch] = useState('');
  return (
    <>
      <h1 tabIndex={-1}>Actors</h1>
      <form class="filters" role="search" aria-label="Filter actors" onSubmit={(e) => e.preventDefault()}>
        <label>Search <input type="search" data-search value={search} placeholder="name, class or id" onInput={(e) => setSearch(e.currentTarget.value)} /></label>
      </form>
      <ActorTable search={search} />
    </>
  );
}

export function ActorTable({ job, search = '' }: { job?: string; search?: string }) {
  const actors = useTopic<never, Actor>('actors', job ? { job } : {}), nodes = useTopic<never, Node>('nodes'), now = useNow();
  const text = search.toLowerCase();
  const rows = actors.rows.filter((a) => [a.id, a.name, a.class, a.state, a.namespace].some((s) => s?.toLowerCase().includes(text)));
  const columns: Column<Actor>[] = [
    { title: 'Actor', by: (a) => a.id, cell: (a) => <ID of={a.id} /> },
    { title: 'Name', by: (a) => a.name, cell: (a) => a.name || '–' },
    { title: 'Class', by: (a) => a.class, cell: (a) => a.class || '–', hint: (a) => a.class },
    { title: 'State', by: (a) => a.state, cell: (a) => <State of={a.state} /> },
    { title: 'Restarts', number: true, by: (a) => a.restarts, cell: (a) => a.restarts },
    { title: 'Node', by: (a) => a.node_name, cell: (a) => <NodeLink name={a.node_name} nodes={nodes.rows} /> },
    { title: 'Worker', cell: (a) => <ID of={a.worker} to="logs" /> },
    ...(job ? [] : [{ title: 'Job', by: (a: Actor) => a.job, cell: (a: Actor) => <ID of={a.job} to="jobs" /> }]),
    { title: 'Namespace', by: (a) => a.namespace, cell: (a) => a.namespace || '–', hint: (a) => a.namespace },
    { title: 'Kept', by: (a) => (a.detached ? 'detached' : 'job'), cell: (a) => (a.detached ? 'detached' : 'with its job') },
    { title: 'Reason', grow: true, cell: (a) => (a.state === 'alive' ? '–' : a.cause || '–'), hint: (a) => a.cause },
    { title: 'Age', number: true, by: (a) => a.created, cell: (a) => since(now, a.created), hint: (a) => clock(a.created) },
  ];
  return (
    <>
      <Gaps topic={actors} what="actors" />
      {actors.loaded && <Table label="Actors" columns={columns} rows={rows} id={(a) => a.id} sort="Age" none={search ? 'No actor matches.' : 'No actor.'} />}
    </>
  );
}
