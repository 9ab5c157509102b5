// The shapes of /api/v1/processes. As in types.ts, what a smaller server may leave out is optional.
import type { JsonObject, Option } from './types';

export type ProcessStatus =
  | 'unknown'
  | 'starting'
  | 'running'
  | 'ready'
  | 'stopping'
  | 'stopped'
  | 'crashed'
  | 'restarting'
  | 'backoff'
  | 'fatal';

export interface ProcessHealth {
  status: 'none' | 'unknown' | 'good' | 'failing';
  failures?: number;
  message?: string | null;
  checked_at?: string | null;
}

export interface ProcessExit {
  at?: string | null;
  status?: number | null;
  signal?: string | null;
  text?: string;
  cause?: string;
  reason?: string | null;
  failure?: boolean;
  ran_seconds?: number;
}

export interface Process {
  id: string;
  name?: string;
  type?: string;
  kind?: 'daemon' | 'oneshot' | 'job';
  source?: 'api' | 'file';
  /** "worker-%i" when it is one of several replicas. */
  template?: string | null;
  status: ProcessStatus;
  /** Whether it is replaced when it dies: its monitor. */
  enabled: boolean;
  pid?: number | null;
  started_at?: string | null;
  changed_at?: string | null;
  next_start_at?: string | null;
  next_run_at?: string | null;
  schedule?: string | null;
  uptime_seconds?: number;
  restarts?: number;
  restarts_in_hour?: number;
  /** 0: no bound. */
  max_restarts?: number;
  cpu_percent?: number | null;
  cpu_seconds?: number | null;
  rss_bytes?: number | null;
  pss_bytes?: number | null;
  read_bytes?: number | null;
  written_bytes?: number | null;
  processes?: number | null;
  threads?: number | null;
  fds?: number | null;
  sampled_at?: string | null;
  message?: string | null;
  /** Why it is not run at all. */
  refused?: string | null;
  health?: ProcessHealth;
  exit?: ProcessExit | null;
  alert_id?: number | null;
  command?: string[];
  user?: string | null;
  directory?: string | null;
  labels?: Record<string, string>;
  after?: string[];
  requires?: string[];
  config?: JsonObject;
  deleted?: boolean;
}

export interface ProcessEvent {
  id?: number;
  kind: 'death' | 'state' | 'refused';
  at: string;
  from?: ProcessStatus | null;
  to?: ProcessStatus | null;
  pid?: number | null;
  cause?: string | null;
  reason?: string | null;
  failure?: boolean;
  exit?: ProcessExit | null;
  ran_seconds?: number | null;
  cpu_seconds?: number | null;
  max_rss_bytes?: number | null;
  output?: string | null;
  restart?: { success: boolean; at?: string; duration_ms?: number } | null;
}

export interface LogLine {
  at?: string | null;
  stream: 'stdout' | 'stderr';
  text: string;
  /** false: a part of a line that was too long. */
  whole?: boolean;
}

export interface LogPage {
  items: LogLine[];
  next?: string | null;
}

export type ProcessAction = 'start' | 'stop' | 'restart' | 'reset' | 'enable' | 'disable';
export type BulkAction = 'start' | 'stop' | 'restart';

export interface BulkAnswer {
  items: Process[];
  failed?: { id: string; message: string }[];
  total?: number;
}

export interface ProcessOptions {
  options: Option[];
}
