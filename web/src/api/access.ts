// Accounts, sessions, tokens and the audit log, as the server tells of them. Only the views of these load it.
import type { Session } from '../store/session';
import type { Role } from '../store/session';
import { call, withQuery } from './client';
import type { Json, JsonObject, Page } from './types';

const root = 'api/v1';

export interface User {
  id: number;
  name: string;
  role: Role;
  groups: Record<string, Role>;
  enabled: boolean;
  totp: boolean;
  source: 'password' | 'oidc' | string;
  created_at?: string | null;
  last_login_at?: string | null;
  sessions?: number;
  tokens?: number;
}

export type UserDraft = Partial<Pick<User, 'name' | 'role' | 'groups' | 'enabled' | 'totp'>> & { password?: string };

export interface SessionInfo {
  id: number;
  user_id: number;
  name: string;
  current: boolean;
  address: string;
  user_agent: string;
  method: string;
  created_at: string;
  seen_at: string;
  expires_at?: string | null;
  idle_expires_at?: string | null;
}

export type Scope = 'read' | 'write' | 'admin' | 'agent';

export interface Token {
  id: number;
  name: string;
  scope: Scope;
  group?: string | null;
  expires_at?: string | null;
  created_at?: string | null;
  last_used_at?: string | null;
  owner?: string;
  user_id?: number;
  /** Only in the answer to its creation. */
  token?: string;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  address?: string | null;
  action: string;
  kind: string;
  object_id?: number | string | null;
  object?: string | null;
  before?: Json;
  after?: Json;
}

export interface RecoveryCodes {
  recovery_codes: string[];
}

export const access = {
  setup: (body: { code: string; name: string; password: string }) => call<Session>('POST', `${root}/setup`, body),
  signIn: (body: { name: string; password: string; otp?: string }) => call<Session>('POST', `${root}/session`, body),
  changePassword: (body: { old: string; new: string }) => call<void>('POST', `${root}/session/password`, body),
  totpStart: (password: string) => call<{ secret: string; uri: string }>('POST', `${root}/session/totp`, { password }),
  totpConfirm: (code: string) => call<RecoveryCodes>('POST', `${root}/session/totp/confirm`, { code }),
  totpRecovery: (password: string) => call<RecoveryCodes>('POST', `${root}/session/totp/recovery`, { password }),
  totpDisable: (password: string) => call<void>('POST', `${root}/session/totp/disable`, { password }),

  sessions: () => call<Page<SessionInfo>>('GET', `${root}/sessions`),
  endSession: (id: number) => call<void>('DELETE', `${root}/sessions/${id}`),
  endSessions: (user_id?: number) => call<void>('POST', `${root}/sessions/revoke`, user_id ? { user_id } : {}),

  users: () => call<Page<User>>('GET', withQuery(`${root}/users`, { limit: 1000 })),
  user: (id: number) => call<User>('GET', `${root}/users/${id}`),
  createUser: (draft: UserDraft) => call<User>('POST', `${root}/users`, draft),
  updateUser: (id: number, draft: UserDraft) => call<User>('PATCH', `${root}/users/${id}`, draft),
  deleteUser: (id: number) => call<void>('DELETE', `${root}/users/${id}`),

  tokens: () => call<Page<Token>>('GET', withQuery(`${root}/tokens`, { limit: 1000 })),
  createToken: (draft: JsonObject) => call<Token>('POST', `${root}/tokens`, draft),
  deleteToken: (id: number) => call<void>('DELETE', `${root}/tokens/${id}`),

  audit: (query: Record<string, string>, signal?: AbortSignal) =>
    call<Page<AuditEntry>>('GET', withQuery(`${root}/audit`, query), undefined, signal),
  auditCsv: (query: Record<string, string>) => withQuery(`${root}/audit`, { ...query, format: 'csv' }),
};
