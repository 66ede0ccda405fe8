import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { bytes, count, short } from '../format';
import { href, useStream, useTopic } from '../hooks';
import { Crumbs, Gaps, ID, Problem } from '../parts';
import { Table, type Column } from '../table';
import type { Log, LogPart } from '../types';

export function LogsPage() {
  const logs = useTopic<never, Log>('logs');
  const columns: Column<Log>[] = [
    { title: 'Worker', by: (l) => l.worker, cell: (l) => <ID of={l.worker} to="logs" /> },
    { title: 'Node', by: (l) => l.node, cell: (l) => l.node },
    { title: 'Size', number: true, by: (l) => l.size, cell: (l) => bytes(l.size) },
    { title: 'Writer', grow: true, by: (l) => (l.ended ? 'ended' : 'runs'), cell: (l) => (l.ended ? 'has ended' : 'runs') },
  ];
  return (
    <>
      <h1 tabIndex={-1}>Logs</h1>
      <p class="soft">What workers have written. Lines of tasks begin with the task’s name and id; a task’s page shows its own lines.</p>
      <Gaps topic={logs} what="logs" />
      {logs.loaded && <Table label="Logs" columns={columns} rows={logs.rows} id={(l) => l.worker} sort="Size" down none="No worker has written anything." />}
    </>
  );
}

export function LogPage({ worker }: { worker: string }) {
  return (
    <>
      <Crumbs of={[['Logs', href('logs')]]} />
      <h1 tabIndex={-1}>Log of worker {short(worker)}</h1>
      <LogView worker={worker} />
    </>
  );
}

const keep = 20_000; // lines on the page

/** Lines that are known, with the part of one that has not ended. */
interface Lines { all: string[]; rest: string; dropped: number }

/** Adds a text to lines; those that lack the marker are left out. */
export function addText(lines: Lines, text: string, marker: string): Lines {
  const parts = (lines.rest + text).split('\n');
  const rest = parts.pop() ?? '';
  const fresh = marker ? parts.filter((l) => l.includes(marker)) : parts;
  const all = lines.all.concat(fresh);
  const over = Math.max(0, all.length - keep);
  return { all: over > 0 ? all.slice(over) : all, rest, dropped: lines.dropped + over };
}

const none: Lines = { all: [], rest: '', dropped: 0 };

/** The end of a worker's log, and what is added to it; with a marker, the lines of one task. */
export function LogView({ worker, marker = '' }: { worker: string; marker?: string }) {
  const [lines, setLines] = useState(none);
  const [part, setPart] = useState<LogPart | null>(null);
  const [follow, setFollow] = useState(true);
  const [search, setSearch] = useState('');
  const box = useRef<HTMLPreElement>(null);
  const params: Record<string, string> = { worker };
  if (marker) params.tail = String(4 << 20); // its lines may be far from the end
  const topic = useStream<LogPart>('log', params, (p, full) => {
    setPart((was) => (was && !full ? { ...p, from: was.from } : p));
    setLines((was) => addText(full ? none : was, p.text, marker));
  });
  useEffect(() => setLines(none), [worker, marker]);
  useLayoutEffect(() => { if (follow && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines, follow]);
  const text = search.toLowerCase();
  const all = lines.rest && (!marker || lines.rest.includes(marker)) ? [...lines.all, lines.rest] : lines.all;
  const shown = text ? all.filter((l) => l.toLowerCase().includes(text)) : all;
  const scrolled = () => {
    const b = box.current;
    if (b) setFollow(b.scrollTop + b.clientHeight >= b.scrollHeight - 30);
  };
  return (
    <section aria-label="Log">
      <div class="filters">
        <label>Find <input type="search" data-search value={search} placeholder="text in these lines" onInput={(e) => setSearch(e.currentTarget.value)} /></label>
        <label class="check"><input type="checkbox" checked={follow} onChange={(e) => setFollow(e.currentTarget.checked)} /> Follow</label>
        <a href={`api/logs/${worker}`} download>Download all of the log</a>
      </div>
      {topic.error && <Problem>{topic.error}</Problem>}
      {part && (part.from > 0 || lines.dropped > 0) && <p class="soft">These are the last lines; the download has all that is kept.</p>}
      {search && part && (part.from > 0 || lines.dropped > 0) && <WholeSearch worker={worker} text={search} />}
      <pre class="log" ref={box} tabIndex={0} role="region" aria-label="Lines of the log" onScroll={scrolled}>{shown.join('\n')}</pre>
      <p class="soft" role="status">{search ? `${count(shown.length)} of ${count(all.length)} lines match` : `${count(all.length)} lines`}{part?.ended ? '; the worker has ended' : ''}.</p>
    </section>
  );
}

interface Found { matches: { line: number; text: string }[]; lines: number; more?: boolean }

/** Searches what is not on the page, too. */
function WholeSearch({ worker, text }: { worker: string; text: string }) {
  const [found, setFound] = useState<Found | string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => setFound(null), [text, worker]);
  const look = async () => {
    setBusy(true);
    try {
      const answer = await fetch(`api/logs/${worker}/search?q=${encodeURIComponent(text)}`);
      const body = await answer.json() as Found & { error?: string };
      setFound(answer.ok ? body : body.error ?? answer.statusText);
    } catch (e) {
      setFound(String(e));
    }
    setBusy(false);
  };
  return (
    <div>
      <button type="button" disabled={busy} onClick={() => { void look(); }}>{busy ? 'Searching…' : 'Search all of the log'}</button>
      {typeof found === 'string' && <Problem>{found}</Problem>}
      {found !== null && typeof found !== 'string' && <>
        <p class="soft" role="status">{count(found.matches.length)}{found.more ? ' or more' : ''} of {count(found.lines)} lines match.</p>
        {found.matches.length > 0 && <pre class="log" tabIndex={0} role="region" aria-label="Lines that match">{found.matches.map((m) => `${String(m.line).padStart(7)}  ${m.text}`).join('\n')}</pre>}
      </>}
    </div>
  );
}
