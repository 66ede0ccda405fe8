// The rows and metas of the topics, as package dashboard and package inspect encode them. Ids are 32 hexadecimal digits, sizes bytes, times ms since 1970 or ISO texts.

export interface Resource { name: string; used: number; total: number }

export interface Demand { node: string; job?: string; resources: Quantities; slots: number; reason: string }

/** A set of resources: amounts as texts, memory in bytes. */
export interface Quantities { cpu?: string; gpu?: string; memory?: number; custom?: Record<string, string> }

export interface Cluster { id: string; name?: string; created: number; version?: string; address?: string; dir?: string; pid: number; index: number; nodes: number }

export interface Overview {
  cluster: Cluster; resources: Resource[]; store?: { used: number; capacity: number; on_disk: number };
  nodes: Record<string, number>; jobs: Record<string, number>; tasks: Record<string, number>;
  workers: number; waiting: number; demand: Demand[]; recent: Job[]; failures: Task[];
}

export interface Stats {
  Capacity: number; Used: number; Busy: number; Pinned: number; Objects: number[]; SpilledBytes: number; SpilledTotal: number; Restored: number; Evicted: number; Waiting: number;
}

export interface Transfers { Running: number; Objects: number; Bytes: number; Resumed: number; Failed: number; Near: number }

export interface Figures {
  started: string; entered: Record<string, number>; tasks: Record<string, number>; leases: number; slots: number; blocked: number; waiting: number; bundles: number; actors: number;
  clients: Record<string, number>; workers: { states: Record<string, number>; resident: number; started: number; ended: Record<string, number> };
  memory: { total: number; available: number }; store?: Stats; sent: Transfers; fetched: Transfers; logs: number;
  process: { pid: number; cpu: number; resident: number; open_files?: number; goroutines: number; heap: number };
}

export interface Node {
  id: string; name: string; address?: string; labels?: Record<string, string>; devices?: string[]; version?: string; pid?: number; state: string; reason?: string;
  joined: number; waiting: number; workers: number; resources: Resource[]; figures?: Figures;
}

export interface Worker {
  node: string; worker: string; pid?: number; state: string; shared: boolean; devices?: string[]; leases: string[]; started: string; resident?: number;
}

export interface Job { id: string; name?: string; namespace?: string; node?: string; pid?: number; entrypoint?: string; state: string; message?: string; created: number; ended?: number }

export interface JobRow extends Job { node_name?: string; tasks: Record<string, number> | null }

export interface Task {
  node?: string; task: string; job?: string; name: string; state: string; attempt: number; worker?: string; begin?: string; run?: string; last: string; error?: string;
}

export interface Attempt { attempt: number; worker?: string; node?: string; state: string; queued?: string; begin?: string; end?: string; error?: string }

export interface TaskDetail extends Task { attempts: Attempt[]; log_marker: string }

export interface TasksMeta { counts: { name: string; states: Record<string, number>; tasks: number }[]; total: number; matched: number }

export interface Span { task: string; name: string; job?: string; worker?: string; node?: string; attempt: number; state: string; begin: number; end?: number }

export interface Actor {
  id: string; name?: string; namespace?: string; job: string; detached?: boolean; class?: string; state: string; restarts: number; worker?: string; cause?: string; created: number; node_name?: string;
}

export interface Group { id: string; name?: string; job: string; strategy: string; state: string; reason?: string; created: number; bundles: { resources: Quantities; node?: string }[] | null }

export interface StoredObject {
  object: string; size: number; job?: string; cell?: number; type?: string; holders: { node: string; state: string; refs: number; pins: number; on_disk?: boolean }[];
}

export interface Log { node: string; worker: string; size: number; ended?: boolean }

export interface LogPart { node: string; text: string; from: number; next: number; ended?: boolean }

export interface MetricsPart { times: number[]; series: Record<string, (number | null)[]> }
