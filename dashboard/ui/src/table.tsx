// Tables that sort, and that draw only the rows that are seen where there are many.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  title: string;
  /** What rows are sorted by; without it they are not. */
  by?: (row: Row) => string | number | undefined;
  cell: (row: Row) => ComponentChildren;
  number?: boolean;
  /** The text that a cut cell shows when it is pointed at. */
  hint?: (row: Row) => string | undefined;
  grow?: boolean;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  /** The column that rows are sorted by at first, and whether the largest come first. */
  sort?: string;
  down?: boolean;
  none?: string;
}

const rowHeight = 34; // px, as in style.css
const drawAll = 150; // rows
const margin = 15; // rows that are drawn beyond what is seen

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined || a === '') return 1;
  if (b === undefined || b === '') return -1;
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
}

export function Table<Row>({ label, columns, rows, id, sort = '', down = false, none = 'None.' }: Props<Row>) {
  const [order, setOrder] = useState({ title: sort, down });
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: drawAll });
  const by = columns.find((c) => c.title === order.title)?.by;
  const sorted = useMemo(() => {
    if (!by) return rows;
    const sign = order.down ? -1 : 1;
    return rows.map((row) => ({ row, key: by(row) })).sort((a, b) => {
      const unknown = (a.key === undefined ? 1 : 0) - (b.key === undefined ? 1 : 0); // these come last, either way
      return unknown || sign * compare(a.key, b.key) || compare(id(a.row), id(b.row));
    }).map((x) => x.row);
  }, [rows, order.title, order.down]);
  const many = sorted.length > drawAll;
  const look = () => {
    const b = box.current;
    if (!b || !many) return;
    const from = Math.max(0, Math.floor(b.scrollTop / rowHeight) - margin);
    const to = Math.ceil((b.scrollTop + b.clientHeight) / rowHeight) + margin;
    setSeen((was) => (was.from === from && was.to === to ? was : { from, to }));
  };
  useLayoutEffect(look, [many, sorted.length]);
  if (rows.length === 0) return <p class="soft">{none}</p>;
  const from = many ? Math.min(seen.from, Math.max(0, sorted.length - 1)) : 0;
  const to = many ? Math.min(sorted.length, seen.to) : sorted.length;
  return (
    <div class={many ? 'table many' : 'table'} ref={box} onScroll={look} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={sorted.length + 1}>
        <thead>
          <tr aria-rowindex={1}>{columns.map((c) => <Head key={c.title} column={c} order={order} set={setOrder} />)}</tr>
        </thead>
        <tbody>
          {from > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns.length} style={{ height: `${from * rowHeight}px` }} /></tr>}
          {sorted.slice(from, to).map((row, i) => (
            <tr key={id(row)} aria-rowindex={from + i + 2}>
              {columns.map((c) => <td key={c.title} class={cellClass(c)} title={c.hint?.(row)}>{c.cell(row)}</td>)}
            </tr>
          ))}
          {to < sorted.length && <tr aria-hidden="true" class="space"><td colSpan={columns.length} style={{ height: `${(sorted.length - to) * rowHeight}px` }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

function cellClass<Row>(c: Column<Row>): string { return [c.number ? 'number' : '', c.grow ? 'grow' : ''].join(' ').trim(); }

interface Order { title: string; down: boolean }

function Head<Row>({ column: c, order, set }: { column: Column<Row>; order: Order; set: (o: Order) => void }) {
  if (!c.by) return <th scope="col" class={cellClass(c)}>{c.title}</th>;
  const mine = order.title === c.title;
  return (
    <th scope="col" class={cellClass(c)} aria-sort={mine ? (order.down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort" onClick={() => set({ title: c.title, down: mine ? !order.down : c.number === true })}>
        {c.title}<span aria-hidden="true">{mine ? (order.down ? ' ▾' : ' ▴') : ''}</span>
      </button>
    </th>
  );
}
