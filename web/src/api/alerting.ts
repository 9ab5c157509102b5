// What keeps alerts quiet and what becomes of them: acknowledgements, silences, maintenance, reports.
import { call, withQuery } from './client';
import type { Alert, Page } from './types';

const root = 'api/v1';

export type MatchOp = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  name: string;
  op: MatchOp;
  value: string;
}

export interface Silence {
  id: number;
  matchers: Matcher[];
  starts_at: string;
  ends_at: string;
  created_by?: string;
  comment?: string;
  status: 'pending' | 'active' | 'expired';
  alert_ids?: number[];
  created_at?: string;
}

export type SilenceDraft = { matchers: Matcher[]; starts_at?: string; ends_at?: string; duration?: string; comment?: string };

export type Schedule =
  | { kind: 'once' }
  | { kind: 'weekly'; days: string[]; from: string; to: string; time_zone?: string }
  | { kind: 'cron'; cron: string; duration: string; time_zone?: string };

export interface Window {
  starts_at: string;
  ends_at: string | null;
}

export interface Maintenance {
  id: number;
  title: string;
  target_ids: number[];
  groups: string[];
  matchers: Matcher[];
  schedule: Schedule;
  starts_at: string | null;
  ends_at: string | null;
  active: boolean;
  next_starts_at: string | null;
  next_ends_at: string | null;
  next: Window[];
  /** Only in a preview. */
  targets?: number;
}

export type MaintenanceDraft = Partial<Pick<Maintenance, 'title' | 'target_ids' | 'groups' | 'matchers' | 'schedule' | 'starts_at' | 'ends_at'>>;

export interface Occurrence extends Window {
  maintenance_id: number;
  title: string;
  active: boolean;
}

export interface ReportItem {
  id?: number;
  name: string;
  group?: string;
  type?: string;
  targets?: number;
  uptime: number | null;
  incidents: number;
  down_seconds: number;
  maintenance_seconds: number;
  latency_mean_ms: number | null;
  latency_p95_ms: number | null;
  slo: { met: boolean | null; budget_seconds: number; used_seconds: number; left_seconds: number; left: number | null };
}

export interface Report {
  since: string;
  until: string;
  time_zone?: string;
  by: 'target' | 'group';
  slo: number;
  items: ReportItem[];
  total: number;
  next: string | null;
  summary: ReportItem;
}

type Query = Record<string, string>;

export const alerting = {
  history: (query: Query, signal?: AbortSignal) => call<Page<Alert>>('GET', withQuery(`${root}/alerts`, query), undefined, signal),
  exportUrl: (query: Query, format: 'csv' | 'json') => withQuery(`${root}/alerts/export`, { ...query, format }),
  ack: (id: number, note: string) => call<Alert>('POST', `${root}/alerts/${id}/ack`, note ? { note } : {}),
  unack: (id: number) => call<Alert>('DELETE', `${root}/alerts/${id}/ack`),
  silenceAlert: (id: number, duration: string, comment: string) =>
    call<Silence>('POST', `${root}/alerts/${id}/silence`, { duration, ...(comment && { comment }) }),

  silences: (query: Query, signal?: AbortSignal) =>
    call<Page<Silence>>('GET', withQuery(`${root}/silences`, { limit: 500, ...query }), undefined, signal),
  createSilence: (draft: SilenceDraft) => call<Silence>('POST', `${root}/silences`, draft),
  updateSilence: (id: number, draft: Partial<SilenceDraft>) => call<Silence>('PATCH', `${root}/silences/${id}`, draft),
  endSilence: (id: number) => call<void>('DELETE', `${root}/silences/${id}`),
  previewSilence: (matchers: Matcher[], signal?: AbortSignal) =>
    call<{ alert_ids: number[]; targets: number }>('POST', `${root}/silences/preview`, { matchers }, signal),

  maintenances: () => call<Page<Maintenance>>('GET', withQuery(`${root}/maintenances`, { limit: 1000 })),
  maintenance: (id: number) => call<Maintenance>('GET', `${root}/maintenances/${id}`),
  createMaintenance: (draft: MaintenanceDraft) => call<Maintenance>('POST', `${root}/maintenances`, draft),
  updateMaintenance: (id: number, draft: MaintenanceDraft) => call<Maintenance>('PATCH', `${root}/maintenances/${id}`, draft),
  deleteMaintenance: (id: number) => call<void>('DELETE', `${root}/maintenances/${id}`),
  previewMaintenance: (draft: MaintenanceDraft, signal?: AbortSignal) =>
    call<Maintenance>('POST', `${root}/maintenances/preview`, draft, signal),
  calendar: (since: string, until: string, signal?: AbortSignal) =>
    call<{ items: Occurrence[]; truncated?: boolean }>('GET', withQuery(`${root}/maintenances/calendar`, { since, until }), undefined, signal),

  report: (query: Query, signal?: AbortSignal) => call<Report>('GET', withQuery(`${root}/reports/uptime`, query), undefined, signal),
  reportCsv: (query: Query) => withQuery(`${root}/reports/uptime`, { ...query, format: 'csv' }),
};
