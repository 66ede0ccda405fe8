// How people read numbers, times and ids. The words are those of the command line.

export function bytes(n: number | undefined): string {
  if (n === undefined || Number.isNaN(n)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let i = 0;
  let x = n;
  while (Math.abs(x) >= 1024 && i < units.length - 1) { x /= 1024; i++; }
  return `${i === 0 ? x : x.toFixed(1).replace(/\.0$/, '')} ${units[i]}`;
}

export function count(n: number): string { return n.toLocaleString('en'); }

/** A number with few digits. */
export function brief(n: number): string { return Number.isInteger(n) ? count(n) : n.toFixed(Math.abs(n) < 10 ? 2 : 1).replace(/\.?0+$/, ''); }

/** A duration of so many ms. */
export function duration(ms: number): string {
  if (!(ms > 0)) return '0ms';
  if (ms < 1) return `${ms.toFixed(2)}ms`;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(1)}s`;
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h${two((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d`;
}

/** ms since 1970 of an ISO text or a number; undefined for none. */
export function time(t: string | number | undefined): number | undefined {
  if (t === undefined || t === 0 || t === '') return undefined;
  const ms = typeof t === 'number' ? t : Date.parse(t);
  return Number.isNaN(ms) ? undefined : ms;
}

export function since(now: number, t: string | number | undefined): string {
  const ms = time(t);
  return ms === undefined ? '–' : duration(Math.max(0, now - ms));
}

export function clock(t: string | number | undefined): string {
  const ms = time(t);
  return ms === undefined ? '–' : new Date(ms).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

/** 8 digits of an id for people: half of them of the process, half of the number. */
export function short(id: string | undefined): string {
  if (!id || /^0+$/.test(id)) return '';
  return id.length === 32 ? id.slice(0, 4) + id.slice(28) : id;
}

export function amount(name: string, n: number): string { return name === 'memory' ? bytes(n) : brief(n); }

export function resourceName(name: string): string { return name === 'cpu' || name === 'gpu' ? name.toUpperCase() + 's' : name; }

/** What is asked for, as in "2 CPU, 1 GiB memory". */
export function quantities(q: { cpu?: string; gpu?: string; memory?: number; custom?: Record<string, string> }): string {
  const parts: string[] = [];
  if (q.cpu) parts.push(`${q.cpu} CPU`);
  if (q.gpu) parts.push(`${q.gpu} GPU`);
  if (q.memory) parts.push(`${bytes(q.memory)} memory`);
  for (const [name, n] of Object.entries(q.custom ?? {})) parts.push(`${n} ${name}`);
  return parts.join(', ') || 'nothing';
}
