// The live topics: one websocket, shared by all that is shown. A lost connection is made again; what was shown stays, marked as old.

export type Params = Record<string, string>;

/** What is known of a topic. */
export interface Snapshot { meta: unknown; rows: Map<string, unknown>; missing: string[]; error: string; loaded: boolean }

export type Connection = 'connecting' | 'live' | 'lost' | 'signed-out';

interface Update { id: number; full?: boolean; meta?: unknown; rows?: { id: string; data: unknown }[]; gone?: string[]; missing?: string[]; error?: string }

interface Entry { id: number; topic: string; params: Params; snapshot: Snapshot; readers: Set<(s: Snapshot, u: Update) => void> }

const firstPause = 500, lastPause = 15_000, lingering = 1000;

const empty = (): Snapshot => ({ meta: undefined, rows: new Map(), missing: [], error: '', loaded: false });

export class Live {
  private socket: WebSocket | null = null;
  private entries = new Map<string, Entry>();
  private byID = new Map<number, Entry>();
  private last = 0;
  private pause = firstPause;
  private watchers = new Set<() => void>();
  connection: Connection = 'connecting';
  lostAt = 0;
  /** What the server's clock is ahead of this one, in ms. */
  ahead = 0;
  version = '';

  constructor() { this.connect(); }

  /** Calls back on each change of the connection. */
  watch(f: () => void): () => void {
    this.watchers.add(f);
    return () => this.watchers.delete(f);
  }

  now(): number { return Date.now() + this.ahead; }

  /** Reads a topic until the returned function is called. Readers of the same share it. */
  read(topic: string, params: Params, reader: (s: Snapshot, u: Update) => void): () => void {
    const key = JSON.stringify([topic, Object.entries(params).sort()]);
    let entry = this.entries.get(key);
    if (!entry) {
      entry = { id: ++this.last, topic, params, snapshot: empty(), readers: new Set() };
      this.entries.set(key, entry);
      this.byID.set(entry.id, entry);
      this.send(entry);
    }
    const shared = entry;
    shared.readers.add(reader);
    if (shared.snapshot.loaded || shared.snapshot.error) reader(shared.snapshot, { id: shared.id, full: true, meta: shared.snapshot.meta });
    return () => {
      shared.readers.delete(reader);
      setTimeout(() => { // the next page may want it, too
        if (shared.readers.size > 0 || this.entries.get(key) !== shared) return;
        this.entries.delete(key);
        this.byID.delete(shared.id);
        this.say({ id: shared.id });
      }, lingering);
    };
  }

  private say(message: unknown): void {
    if (this.connection === 'live' && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private send(e: Entry): void { this.say({ id: e.id, topic: e.topic, params: e.params }); }

  private set(c: Connection): void {
    if (this.connection === c) return;
    this.connection = c;
    if (c === 'lost') this.lostAt = Date.now();
    for (const f of this.watchers) f();
  }

  private connect(): void {
    const url = new URL('ws', document.baseURI);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.hash = url.search = '';
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = (m) => this.take(JSON.parse(m.data as string) as Update & { now?: number; version?: string });
    socket.onclose = (e) => { void this.closed(e.code); };
  }

  private take(u: Update & { now?: number; version?: string }): void {
    if (u.now !== undefined) { // the first message
      this.ahead = u.now - Date.now();
      this.version = u.version ?? '';
      this.pause = firstPause;
      this.set('live');
      for (const e of this.entries.values()) this.send(e); // not before: a proxy may have nobody to pass it on to yet
      return;
    }
    const e = this.byID.get(u.id);
    if (!e) return;
    const s = e.snapshot;
    if (u.error) {
      e.snapshot = { ...s, error: u.error };
    } else {
      const rows = u.full ? new Map<string, unknown>() : s.rows;
      for (const r of u.rows ?? []) rows.set(r.id, r.data);
      for (const id of u.gone ?? []) rows.delete(id);
      e.snapshot = { meta: u.meta !== undefined ? u.meta : u.full ? undefined : s.meta, rows, missing: u.missing ?? [], error: '', loaded: true };
    }
    for (const f of e.readers) f(e.snapshot, u);
  }

  private async closed(code: number): Promise<void> {
    this.socket = null;
    if (code === 4401 || await this.signedOut()) {
      this.set('signed-out');
      return;
    }
    this.set('lost');
    const pause = this.pause * (0.5 + Math.random() / 2);
    this.pause = Math.min(2 * this.pause, lastPause);
    setTimeout(() => this.connect(), pause);
  }

  /** Whether the server answers, and does not know this browser any more. A socket that is refused does not tell. */
  private async signedOut(): Promise<boolean> {
    try {
      return (await fetch('api/state', { cache: 'no-store' })).status === 401;
    } catch {
      return false;
    }
  }
}

export const live = new Live();
