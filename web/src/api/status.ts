// Public status pages and incidents, as their editor sees them.
import { call, withQuery } from './client';
import type { Page } from './types';

const root = 'api/v1';

export interface Section {
  title: string;
  targets: number[];
  groups: string[];
}

export interface StatusPage {
  id: number;
  slug: string;
  title: string;
  description?: string;
  enabled: boolean;
  targets: number[];
  groups: string[];
  sections: Section[];
  names?: Record<string, string>;
  language: 'auto' | 'en' | 'zh';
  theme: 'auto' | 'light' | 'dark';
  colour?: string;
  time_zone?: string;
  logo?: string | null;
  logo_url?: string | null;
  public_url?: string;
  show_latency?: boolean;
  show_uptime?: boolean;
  history_days?: number;
  footer?: string;
  refresh_seconds?: number;
  password?: string | null;
  allow?: string[];
  auto_incidents?: boolean;
  subscribe_webhook?: boolean;
  mail_channel_id?: number;
  path?: string;
  url?: string | null;
  private?: boolean;
  target_count?: number;
  missing?: number[];
  subscribers?: { active: number; pending: number };
}

export type PageDraft = Partial<Omit<StatusPage, 'id'>>;

export const impacts = ['minor', 'major', 'critical', 'maintenance'] as const;
export const stages = ['investigating', 'identified', 'monitoring', 'resolved'] as const;
export type Impact = (typeof impacts)[number];
export type Stage = (typeof stages)[number];

export interface Update {
  id: number;
  at: string;
  status: Stage;
  markdown: string;
  html: string;
  by?: string;
}

export interface Incident {
  id: number;
  title: string;
  impact: Impact;
  status: Stage;
  status_pages: string[];
  targets: number[];
  auto?: boolean;
  started_at: string;
  resolved_at?: string | null;
  updates: Update[];
}

export interface IncidentDraft {
  title?: string;
  impact?: Impact;
  status?: Stage;
  status_pages?: string[];
  targets?: number[];
  markdown?: string;
  notify?: boolean;
}

export interface Subscriber {
  id: number;
  type: 'mail' | 'webhook';
  to: string;
  state: 'pending' | 'active';
  created_at?: string;
  failures?: number;
  last_error?: string | null;
}

export const status = {
  pages: () => call<Page<StatusPage>>('GET', withQuery(`${root}/status-pages`, { limit: 200 })),
  page: (id: number) => call<StatusPage>('GET', `${root}/status-pages/${id}`),
  createPage: (draft: PageDraft) => call<StatusPage>('POST', `${root}/status-pages`, draft),
  updatePage: (id: number, draft: PageDraft) => call<StatusPage>('PATCH', `${root}/status-pages/${id}`, draft),
  deletePage: (id: number) => call<void>('DELETE', `${root}/status-pages/${id}`),
  subscribers: (id: number) => call<Page<Subscriber>>('GET', withQuery(`${root}/status-pages/${id}/subscribers`, { limit: 500 })),
  dropSubscriber: (page: number, id: number) => call<void>('DELETE', `${root}/status-pages/${page}/subscribers/${id}`),

  incidents: (query: Record<string, string>) => call<Page<Incident>>('GET', withQuery(`${root}/incidents`, { limit: 100, ...query })),
  incident: (id: number) => call<Incident>('GET', `${root}/incidents/${id}`),
  createIncident: (draft: IncidentDraft) => call<Incident>('POST', `${root}/incidents`, draft),
  updateIncident: (id: number, draft: IncidentDraft) => call<Incident>('PATCH', `${root}/incidents/${id}`, draft),
  deleteIncident: (id: number) => call<void>('DELETE', `${root}/incidents/${id}`),
  addUpdate: (id: number, body: { status: Stage; markdown: string; notify: boolean }) => call<Incident>('POST', `${root}/incidents/${id}/updates`, body),
  deleteUpdate: (id: number, update: number) => call<Incident>('DELETE', `${root}/incidents/${id}/updates/${update}`),
  markdown: (markdown: string, signal?: AbortSignal) => call<{ html: string }>('POST', `${root}/markdown`, { markdown }, signal),
};
