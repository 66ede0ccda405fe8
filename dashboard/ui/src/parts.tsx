// Small parts that several pages share.

import type { ComponentChildren } from 'preact';
import { amount, brief, resourceName, short } from './format';
import { href } from './hooks';
import type { Resource } from './types';

/** What the colour of a state says. It is never the only sign: the word is there, too. */
const tones: Record<string, string> = {
  alive: 'good', ready: 'good', finished: 'good', succeeded: 'good', created: 'good', sealed: 'good',
  running: 'busy', starting: 'busy', restarting: 'warn', retried: 'warn', suspect: 'warn', draining: 'warn', ending: 'warn', spilled: 'warn',
  failed: 'bad', dead: 'bad', lost: 'bad',
};

export function State({ of }: { of: string }) {
  return <span class={`state ${tones[of] ?? 'idle'}`}>{of}</span>;
}

export function Card({ title, children, wide, id }: { title: string; children: ComponentChildren; wide?: boolean; id?: string }) {
  return (
    <section class={wide ? 'card wide' : 'card'} aria-label={title} id={id}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** A part of a whole as a bar, with its numbers. */
export function Bar({ label, used, total, text, tone }: { label: string; used: number; total: number; text: string; tone?: string }) {
  const part = total > 0 ? Math.max(0, Math.min(1, used / total)) : 0;
  return (
    <div class="bar">
      <span class="bar-label">{label}</span>
      <span class="bar-text">{text}</span>
      <div class="bar-track" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(100 * part)} aria-valuetext={text}>
        <div class={`bar-fill ${tone ?? (part > 0.9 ? 'warn' : '')}`} style={{ width: `${100 * part}%` }} />
      </div>
    </div>
  );
}

export function ResourceBars({ all }: { all: Resource[] }) {
  return <>{all.map((r) => <Bar key={r.name} label={resourceName(r.name)} used={r.used} total={r.total} text={`${amount(r.name, r.used)} of ${amount(r.name, r.total)}`} />)}</>;
}

/** The same in a cell of a table. */
export function Use({ used, total, format = brief, label }: { used: number; total: number; format?: (n: number) => string; label: string }) {
  if (!(total > 0)) return <>–</>;
  const part = Math.max(0, Math.min(1, used / total));
  const text = `${format(used)} of ${format(total)}`;
  return (
    <span class="use">
      <span class="bar-track" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(100 * part)} aria-valuetext={text}>
        <span class={`bar-fill ${part > 0.9 ? 'warn' : ''}`} style={{ width: `${100 * part}%` }} />
      </span>
      {text}
    </span>
  );
}

export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return <dl class="facts">{of.filter(([, v]) => v !== undefined && v !== '' && v !== null).map(([name, v]) => <div key={name}><dt>{name}</dt><dd>{v}</dd></div>)}</dl>;
}

export function Problem({ children }: { children: ComponentChildren }) { return <p class="problem" role="alert">{children}</p>; }

/** What is not complete, and that it has not come yet. */
export function Gaps({ topic, what }: { topic: { error: string; loaded: boolean; missing: string[] }; what: string }) {
  return (
    <>
      {topic.error && <Problem>{topic.error}</Problem>}
      {!topic.error && !topic.loaded && <p class="soft">Loading {what}…</p>}
      {topic.missing.length > 0 && <details class="gaps"><summary>{topic.missing.length === 1 ? 'One node has' : `${topic.missing.length} nodes have`} not answered: {what} may be missing.</summary>
        <ul>{topic.missing.map((m) => <li key={m}>{m}</li>)}</ul></details>}
    </>
  );
}

export function ID({ of, to }: { of: string | undefined; to?: string }) {
  const text = short(of);
  if (!of || !text) return <>–</>;
  return to ? <a class="id" href={href(to, of)} title={of}>{text}</a> : <span class="id" title={of}>{text}</span>;
}

export function NodeLink({ name, nodes }: { name: string | undefined; nodes?: { id: string; name: string }[] }) {
  if (!name) return <>–</>;
  const node = nodes?.find((n) => n.name === name);
  return node ? <a href={href('nodes', node.id)}>{name}</a> : <>{name}</>;
}

export function Crumbs({ of }: { of: [string, string][] }) {
  return <nav aria-label="You are here" class="crumbs">{of.map(([title, to]) => <a key={to} href={to}>{title}</a>)}</nav>;
}

/** How many there are of each state, as one bar. The states that count most come first. */
const order = ['failed', 'dead', 'lost', 'canceled', 'retried', 'restarting', 'suspect', 'running', 'alive', 'starting', 'submitted', 'queued', 'pending', 'finished', 'succeeded'];
const rank = (state: string) => { const i = order.indexOf(state); return i < 0 ? order.length : i; };

export function Counts({ of, to }: { of: Record<string, number>; to?: (state: string) => string }) {
  const states = Object.entries(of).filter(([, n]) => n > 0).sort((a, b) => rank(a[0]) - rank(b[0]));
  if (states.length === 0) return <span class="soft">none</span>;
  return <span class="counts">{states.map(([state, n]) => {
    const text = <>{n.toLocaleString('en')} <State of={state} /></>;
    return to ? <a key={state} href={to(state)}>{text}</a> : <span key={state}>{text}</span>;
  })}</span>;
}
