// The page: the frame around all pages, and which one is shown.

import { Component, render, type ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { duration } from './format';
import { href, useConnection, useNow, useRoute, type Route } from './hooks';
import { live } from './live';
import { ActorsPage } from './pages/actors';
import { JobPage, JobsPage } from './pages/jobs';
import { LogPage, LogsPage } from './pages/logs';
import { MetricsPage } from './pages/metrics';
import { NodePage, NodesPage } from './pages/nodes';
import { ObjectsPage } from './pages/objects';
import { OverviewPage } from './pages/overview';
import { TaskPage, TasksPage } from './pages/tasks';

const pages: { name: string; title: string; show: (id: string | undefined) => ComponentChildren }[] = [
  { name: 'overview', title: 'Overview', show: () => <OverviewPage /> },
  { name: 'nodes', title: 'Nodes', show: (id) => (id ? <NodePage key={id} id={id} /> : <NodesPage />) },
  { name: 'jobs', title: 'Jobs', show: (id) => (id ? <JobPage key={id} id={id} /> : <JobsPage />) },
  { name: 'tasks', title: 'Tasks', show: (id) => (id ? <TaskPage key={id} id={id} /> : <TasksPage />) },
  { name: 'actors', title: 'Actors', show: () => <ActorsPage /> },
  { name: 'objects', title: 'Objects', show: () => <ObjectsPage /> },
  { name: 'logs', title: 'Logs', show: (id) => (id ? <LogPage key={id} worker={id} /> : <LogsPage />) },
  { name: 'metrics', title: 'Metrics', show: () => <MetricsPage /> },
];

function App() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const page = pages.find((p) => p.name === (route.path[0] ?? 'overview'));
  const where = route.path.join('/');
  const first = useRef(true);
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · Mobula`;
    if (!first.current) main.current?.querySelector<HTMLElement>('h1')?.focus(); // so that a screen reader says where it is
    first.current = false;
    scrollTo(0, 0);
  }, [where]);
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      const typing = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement || e.target instanceof HTMLTextAreaElement;
      if (e.key !== '/' || typing || e.ctrlKey || e.metaKey || e.altKey) return;
      const search = document.querySelector<HTMLElement>('[data-search]');
      if (search) { e.preventDefault(); search.focus(); }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.querySelector<HTMLElement>('h1')?.focus(); }}>To the content</a>
      <Frame route={route} />
      <main id="main" ref={main}>
        <Guard key={where}>{page ? page.show(route.path[1]) : <NotFound where={where} />}</Guard>
      </main>
    </>
  );
}

function NotFound({ where }: { where: string }) {
  return <><h1 tabIndex={-1}>Not found</h1><p>There is no page “{where}”. <a href={href('overview')}>To the overview</a></p></>;
}

function Frame({ route }: { route: Route }) {
  return (
    <header>
      <a class="brand" href={href('overview')}><img src="icon.svg" alt="" width="24" height="24" />Mobula</a>
      <nav aria-label="Pages">
        {pages.map((p) => <a key={p.name} href={href(p.name)} aria-current={p.name === (route.path[0] ?? 'overview') ? 'page' : undefined}>{p.title}</a>)}
      </nav>
      <Connected />
      <form method="post" action="logout"><button type="submit" class="plain">Sign out</button></form>
    </header>
  );
}

/** Whether what is shown is what is. It is announced when that changes, not each second. */
function Connected() {
  const connection = useConnection();
  return (
    <div class={`connection ${connection}`}>
      <span role="status">{connection === 'live' ? 'Live' : connection === 'connecting' ? 'Connecting…' : connection === 'lost' ? 'Connection lost: what is shown is old' : 'Signed out'}</span>
      {connection === 'lost' && <Age />}
      {connection === 'signed-out' && <button type="button" onClick={() => location.reload()}>Sign in again</button>}
    </div>
  );
}

function Age() {
  const now = useNow();
  return <span> ({duration(now - live.ahead - live.lostAt)})</span>;
}

/** Shows that a page has failed, in place of an empty one. */
class Guard extends Component<{ children: ComponentChildren }, { failed: string }> {
  override state = { failed: '' };
  static override getDerivedStateFromError(e: unknown) { return { failed: String(e) }; }
  override componentDidCatch(e: unknown) { console.error(e); }
  override render() {
    return this.state.failed ? <><h1 tabIndex={-1}>This page has failed</h1><p class="problem" role="alert">{this.state.failed}</p><p>Load it again; if that does not help, please report it.</p></> : this.props.children;
  }
}

const app = document.getElementById('app');
if (app) render(<App />, app);
