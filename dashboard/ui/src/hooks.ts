import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { live, type Connection, type Params, type Snapshot } from './live';

/** A topic as a component sees it. */
export interface Topic<Meta, Row> { meta: Meta | undefined; rows: Row[]; missing: string[]; error: string; loaded: boolean }

const nothing: Snapshot = { meta: undefined, rows: new Map(), missing: [], error: '', loaded: false };

/** Reads a topic for as long as the component is shown. */
export function useTopic<Meta, Row = never>(topic: string, params: Params = {}): Topic<Meta, Row> {
  const [snapshot, set] = useState<Snapshot>(nothing);
  const key = JSON.stringify(params);
  useEffect(() => {
    set(nothing);
    return live.read(topic, JSON.parse(key) as Params, (s) => set({ ...s }));
  }, [topic, key]);
  const rows = useMemo(() => [...snapshot.rows.values()] as Row[], [snapshot]);
  return { ...snapshot, meta: snapshot.meta as Meta | undefined, rows };
}

/** Reads a topic whose metas are added to each other: full says that everything begins anew. */
export function useStream<Meta>(topic: string, params: Params, take: (meta: Meta, full: boolean) => void): { error: string; loaded: boolean } {
  const [state, set] = useState({ error: '', loaded: false });
  const latest = useRef(take);
  latest.current = take;
  const key = JSON.stringify(params);
  useEffect(() => live.read(topic, JSON.parse(key) as Params, (s, u) => {
    if (u.meta !== undefined) latest.current(u.meta as Meta, u.full === true);
    set((was) => (was.error === s.error && was.loaded === s.loaded ? was : { error: s.error, loaded: s.loaded }));
  }), [topic, key]);
  return state;
}

export function useConnection(): Connection {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    again(0); // it may have changed since the first rendering
    return live.watch(() => again(0));
  }, []);
  return live.connection;
}

/** The server's time, anew each second. */
export function useNow(): number {
  const [now, set] = useState(live.now());
  useEffect(() => {
    const timer = setInterval(() => set(live.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Where the page is: #/tasks/ID?state=failed is the path ["tasks", "ID"] with a query. */
export interface Route { path: string[]; query: URLSearchParams }

function parse(hash: string): Route {
  const [path, query] = hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, set] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => set(parse(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

export function href(...path: string[]): string { return '#/' + path.map(encodeURIComponent).join('/'); }

/** Replaces a part of the query, without a step in the history. An empty value removes it. */
export function setQuery(name: string, value: string): void {
  const { path, query } = parse(location.hash);
  if (value) query.set(name, value); else query.delete(name);
  const text = query.toString();
  history.replaceState(null, '', href(...path) + (text ? '?' + text : ''));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** Whether the system asks for dark colours; it changes with them. */
export function useDark(): boolean {
  const media = matchMedia('(prefers-color-scheme: dark)');
  const [dark, set] = useState(media.matches);
  useEffect(() => {
    const changed = () => set(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return dark;
}
