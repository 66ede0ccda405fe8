// The connection to the kernel of a notebook: one comm for each kernel, shared by all that is drawn. The protocol is in README.md.
const target = "mobula.ctl";
const patience = 2000; // ms until a kernel that does not answer counts as gone; what it has begun may take longer

let tracker; // of notebooks, once the plug-in runs
const controls = new WeakMap(); // by kernel connection

export function setTracker(t) { tracker = t; }

// controlOf is the control of the notebook that an element is in.
export function controlOf(node) {
  const panel = tracker?.find((p) => p.node.contains(node));
  const kernel = panel?.sessionContext?.session?.kernel;
  return kernel ? controlOfKernel(kernel) : gone;
}

export function controlOfKernel(kernel) {
  let c = controls.get(kernel);
  if (!c || c.closed) {
    c = new Control(kernel);
    controls.set(kernel, c);
  }
  return c;
}

const gone = { request: async () => { throw new Error("there is no kernel: run the cell to reconnect"); } };

class Control {
  constructor(kernel) {
    this.waiting = new Map();
    this.topics = new Map();
    this.seq = 0;
    this.closed = false;
    this.comm = kernel.createComm(target);
    this.comm.onMsg = (m) => this.message(m.content.data);
    this.comm.onClose = () => this.end("this kernel does not know Mobula's buttons");
    kernel.statusChanged.connect((_, status) => { if (["restarting", "autorestarting", "dead", "terminating"].includes(status)) this.end("the kernel has gone"); });
    this.comm.open({});
  }

  message(data) {
    if (data.topic !== undefined) {
      this.topics.get(data.topic)?.forEach((f) => f(data.state));
      return;
    }
    const w = this.waiting.get(data.seq);
    if (!w) return;
    this.waiting.delete(data.seq);
    clearTimeout(w.timer);
    if (data.error !== undefined) w.reject(new Error(data.error));
    else w.resolve(data.value);
  }

  // request asks the kernel to do something. limit is in ms.
  request(op, fields = {}, limit = patience) {
    if (this.closed) return Promise.reject(new Error("the kernel has gone: run the cell to reconnect"));
    const seq = ++this.seq;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(seq);
        reject(new Error("the kernel does not answer: run the cell to reconnect"));
      }, limit);
      this.waiting.set(seq, { resolve, reject, timer });
      this.comm.send({ op, seq, ...fields });
    });
  }

  // subscribe calls f with each state of a topic, until the returned function is called.
  subscribe(topic, f) {
    if (!this.topics.has(topic)) this.topics.set(topic, new Set());
    this.topics.get(topic).add(f);
    this.comm.send({ op: "subscribe", topic });
    return () => {
      this.topics.get(topic)?.delete(f);
      if (![...this.topics.values()].some((s) => s.size) && !this.waiting.size) this.close();
    };
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    try { this.comm.close({}); } catch { /* the kernel has gone */ }
  }

  end(why) {
    if (this.closed) return;
    this.closed = true;
    for (const w of this.waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new Error(why));
    }
    this.waiting.clear();
    for (const set of this.topics.values()) set.forEach((f) => f(null));
  }
}
