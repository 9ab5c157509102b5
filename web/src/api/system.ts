// Belfry itself: the configuration with its places, crash reports.
import { call } from './client';
import type { JsonObject, Page } from './types';

export interface ConfigValue {
  path: string;
  value: string;
  from: 'file' | 'default';
  file?: string;
  line?: number;
  column?: number;
}

export interface ConfigPage extends Page<ConfigValue> {
  file: string;
  truncated?: boolean;
}

export interface CrashReport {
  timestamp?: string;
  process_id?: number;
  process_name?: string;
  unit?: string;
  reason?: string | null;
  started_at?: string;
  command?: string[];
  exception?: { type?: string; message?: string; traceback?: string | null };
  exit?: { text?: string };
  resources?: { uptime_seconds?: number; max_rss_bytes?: number; cpu_user_seconds?: number; cpu_system_seconds?: number };
  system_info?: JsonObject;
  log_tail?: string[];
}

export interface Crash {
  file: string;
  report: CrashReport;
}

/** Where targets are checked from besides here: an agent that runs there. */
export interface Location {
  name: string;
  source?: string;
  connected: boolean;
  since?: string | null;
  last_heard_at?: string | null;
  version?: string | null;
  address?: string | null;
  targets?: number | null;
  /** Records that it has not sent yet. */
  buffered?: number | null;
  dropped?: number | null;
}

export const system = {
  locations: () => call<Page<Location>>('GET', 'api/v1/locations'),
  config: () => call<ConfigPage>('GET', 'api/v1/config'),
  crashes: () => call<Page<Crash>>('GET', 'api/v1/crashes'),
};
