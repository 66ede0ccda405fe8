// Numbers as people read them; the same as in the plain text that the kernel writes.

export function bytes(n) {
  const size = Math.abs(n);
  for (const [name, unit] of [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) {
    if (size >= unit) return `${trimmed((n / unit).toFixed(1))} ${name}`;
  }
  return `${n} B`;
}

const trimmed = (s) => s.replace(/\.0+$/, '');

// number keeps all of an integer, else about five digits that matter.
export function number(v) {
  if (v === null || v === undefined || Number.isNaN(v)) return '–';
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e15) return String(v);
  if (size >= 1e4 && size < 1e15) return v.toFixed(0);
  return String(Number(v.toPrecision(5)));
}

// duration is a number of seconds, as in 1.2s or 3m20s.
export function duration(seconds) {
  if (!(seconds >= 0)) return '';
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  if (seconds < 60) return `${trimmed((Math.round(seconds * 10) / 10).toFixed(1))}s`; // half up, as Go does
  const s = Math.round(seconds);
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
  if (hours >= 48) return `${Math.round(s / 86400)}d`;
  return (hours ? `${hours}h` : '') + (minutes || hours ? `${minutes}m` : '') + (hours ? '' : `${s % 60}s`);
}

// counted is n with what it counts, as in "1 node" or "2 nodes".
export const counted = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

export const joined = (separator, ...parts) => parts.filter((p) => p).join(separator);

// moment is a time of the kernel in the reader's zone.
export function moment(time) {
  const t = new Date(time);
  return Number.isNaN(t.getTime()) ? '' : t.toLocaleString();
}

// csv is rows of cells as text/csv. A cell that a spreadsheet would take for a formula is marked as text.
export function csv(rows) {
  const cell = (v) => {
    let t = v === null || v === undefined ? '' : String(v);
    if (/^[=+@\t\r]/.test(t) || (/^-/.test(t) && Number.isNaN(Number(t)))) t = `'${t}`;
    return /[",\r\n]/.test(t) ? `"${t.replace(/"/g, '""')}"` : t;
  };
  return rows.map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n';
}
