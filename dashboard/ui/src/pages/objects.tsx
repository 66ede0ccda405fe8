import { useState } from 'preact/hooks';
import { bytes, count, short } from '../format';
import { useTopic } from '../hooks';
import { Gaps, ID, State } from '../parts';
import { Table, type Column } from '../table';
import type { StoredObject } from '../types';

export function ObjectsPage() {
  const objects = useTopic<{ objects: number; bytes: number }, StoredObject>('objects');
  const [search, setSearch] = useState('');
  const text = search.toLowerCase();
  const rows = objects.rows.filter((o) => [o.object, short(o.object), o.job, o.type, ...o.holders.map((h) => h.node)].some((s) => s?.toLowerCase().includes(text)));
  const sum = (o: StoredObject, f: (h: StoredObject['holders'][number]) => number) => o.holders.reduce((n, h) => n + f(h), 0);
  const columns: Column<StoredObject>[] = [
    { title: 'Object', by: (o) => o.object, cell: (o) => <ID of={o.object} /> },
    { title: 'Size', number: true, by: (o) => o.size, cell: (o) => bytes(o.size) },
    { title: 'Type', by: (o) => o.type, cell: (o) => o.type || '–', hint: (o) => o.type },
    { title: 'Job', by: (o) => o.job, cell: (o) => (o.job && o.job.length === 32 ? <ID of={o.job} to="jobs" /> : o.job || '–') },
    { title: 'Cell', number: true, by: (o) => o.cell, cell: (o) => o.cell ?? '–' },
    { title: 'Holders', grow: true, by: (o) => o.holders.length, cell: (o) => <span class="counts">{o.holders.map((h) => <span key={h.node}>{h.node} <State of={h.state} />{h.on_disk ? ' on disk' : ''}</span>)}</span> },
    { title: 'References', number: true, by: (o) => sum(o, (h) => h.refs), cell: (o) => count(sum(o, (h) => h.refs)) },
    { title: 'Pins', number: true, by: (o) => sum(o, (h) => h.pins), cell: (o) => count(sum(o, (h) => h.pins)) },
  ];
  return (
    <>
      <h1 tabIndex={-1}>Objects</h1>
      <form class="filters" role="search" aria-label="Filter objects" onSubmit={(e) => e.preventDefault()}>
        <label>Search <input type="search" data-search value={search} placeholder="id, type, job or node" onInput={(e) => setSearch(e.currentTarget.value)} /></label>
      </form>
      <Gaps topic={objects} what="objects" />
      {objects.meta && <p class="soft" role="status">{count(objects.meta.objects)} {objects.meta.objects === 1 ? 'object' : 'objects'}, {bytes(objects.meta.bytes)} in all copies{objects.meta.objects > objects.rows.length ? `; the largest ${count(objects.rows.length)} are shown` : ''}.</p>}
      {objects.loaded && <Table label="Objects" columns={columns} rows={rows} id={(o) => o.object} sort="Size" down none={search ? 'No object matches.' : 'The object stores are empty. Small values travel in messages, and are not here.'} />}
    </>
  );
}
