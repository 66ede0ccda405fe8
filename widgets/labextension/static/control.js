// The comm by which the extension talks to the kernel of a notebook; README.md has the protocol. No code goes over it.

export const TARGET = 'mobula.ctl';
export const PATIENCE = 2000; // milliseconds within which a kernel that has the target answers
const SLOW = 120000; // what a request may take, as starting a cluster does
const RENEW = 30000; // the kernel drops a subscription that is not renewed: the page may be gone

const controls = new WeakMap(); // by kernel connection

// controlOf returns the control of a kernel connection. Each call needs one release.
export function controlOf(kernel) {
  let c = controls.get(kernel);
  if (!c) {
    c = new Control(kernel);
    controls.set(kernel, c);
  }
  c.retain();
  return c;
}

// Control is in one of three states: "connecting", "ready", or "absent" where nothing answers.
export class Control {
  constructor(kernel) {
    this.kernel = kernel;
    this.state = 'connecting';
    this.users = 0;
    this.seq = 0;
    this.pending = new Map(); // by seq
    this.topics = new Map(); // name to set of functions
    this.last = new Map(); // name to its last state
    this.listeners = new Set();
    this.comm = null;
    this.ranSince = false; // a cell has run since nothing answered
    this.onStatus = (_, status) => this.statusChanged(status);
  }

  retain() {
    this.users++;
    if (this.users > 1) return;
    this.kernel.statusChanged.connect(this.onStatus);
    this.renewal = setInterval(() => this.renew(), RENEW);
    this.open();
  }

  release() {
    this.users--;
    if (this.users > 0) return;
    clearInterval(this.renewal);
    if (!this.kernel.isDisposed) this.kernel.statusChanged.disconnect(this.onStatus);
    this.drop('the panel was closed');
    this.set('connecting');
  }

  // onState calls f now and after each change of the state.
  onState(f) {
    this.listeners.add(f);
    f(this.state);
    return () => this.listeners.delete(f);
  }

  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.listeners.forEach((f) => f(state));
  }

  statusChanged(status) {
    switch (status) {
      case 'busy':
        this.ranSince = true;
        return;
      case 'idle':
        // What did not answer may do so now: a cell has run, or the kernel is up again.
        if (this.state === 'absent' && this.ranSince) this.open();
        return;
      case 'restarting':
      case 'autorestarting':
      case 'dead':
      case 'terminating':
        this.drop(`the kernel is ${status}`);
        this.set('absent');
        this.ranSince = true;
    }
  }

  open() {
    this.drop('the connection was opened again');
    this.ranSince = false;
    this.set('connecting');
    let comm;
    try {
      comm = this.kernel.createComm(TARGET);
    } catch (e) { // this connection has no comms, or there is no kernel
      this.set('absent');
      return;
    }
    this.comm = comm;
    comm.onMsg = (m) => { if (comm === this.comm) this.message(m.content.data); };
    comm.onClose = () => {
      if (comm !== this.comm) return;
      this.comm = null;
      this.drop('the kernel has closed the connection');
      this.set('absent');
    };
    try {
      comm.open({});
    } catch (e) {
      this.set('absent');
      return;
    }
    // Any answer will do, also that the op is not known.
    this.ask({ op: 'hello' }, PATIENCE).catch(() => {}).then(() => {
      if (comm === this.comm && this.state === 'connecting') this.set('absent');
    });
    this.renew();
  }

  // drop closes the comm and fails what waits for answers.
  drop(why) {
    const comm = this.comm;
    this.comm = null;
    this.last.clear();
    this.pending.forEach((p) => p.reject(new Error(why)));
    this.pending.clear();
    if (comm && !comm.isDisposed) {
      try { comm.close(); } catch (e) { /* the kernel is gone */ }
      if (comm.dispose) comm.dispose();
    }
  }

  message(data) {
    if (!data || typeof data !== 'object') return;
    this.set('ready');
    if (typeof data.topic === 'string') {
      this.last.set(data.topic, data.state);
      (this.topics.get(data.topic) || []).forEach((f) => f(data.state));
      return;
    }
    const p = this.pending.get(data.seq);
    if (!p) return;
    this.pending.delete(data.seq);
    // refused tells what the kernel will not do from what went wrong on the way.
    if (data.error) p.reject(Object.assign(new Error(String(data.error)), { refused: true }));
    else p.resolve(data.value);
  }

  send(data) {
    if (!this.comm) throw new Error('run the cell to reconnect');
    this.comm.send(data);
  }

  ask(message, timeout) {
    const seq = ++this.seq;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(seq);
        reject(new Error('the kernel does not answer'));
      }, timeout);
      const settled = (f) => (v) => { clearTimeout(timer); f(v); };
      this.pending.set(seq, { resolve: settled(resolve), reject: settled(reject) });
      try {
        this.send({ ...message, seq });
      } catch (e) {
        this.pending.get(seq).reject(e);
        this.pending.delete(seq);
      }
    });
  }

  // request does an op of the protocol and resolves to its value.
  request(op, args) { return this.ask({ ...args, op }, SLOW); }

  // subscribe calls f with each state of a topic, until the function that it returns is called.
  subscribe(topic, f) {
    const all = this.topics.get(topic) || new Set();
    this.topics.set(topic, all);
    all.add(f);
    if (this.last.has(topic)) f(this.last.get(topic));
    else this.renew();
    return () => {
      all.delete(f);
      if (all.size === 0) this.topics.delete(topic);
    };
  }

  renew() {
    if (!this.comm) return;
    for (const topic of this.topics.keys()) {
      try { this.send({ op: 'subscribe', topic }); } catch (e) { return; }
    }
  }
}

// finder finds the kernel connection of the notebook that a node is in. extension.js sets it; without it, as in an export, there is none.
let finder = () => null;
export function setFinder(f) { finder = f; }
export const kernelAt = (node) => finder(node);
