// Who looks at the page, and what they may do. Asked once at the start, told again after signing in, and set to "out" by
// the first answer 401 (api/client.ts): the frame then shows the sign-in form where the view was, and the address stays.
import { ApiError, call, onUnauthorized } from '../api/client';
import { Observable } from './observable';

export type Role = 'none' | 'viewer' | 'editor' | 'admin';

export interface Session {
  /** No account yet: the page asks for the code of the log. */
  setup: boolean;
  kind: 'anonymous' | 'local' | 'user' | 'token' | 'proxy';
  name: string;
  user_id: number;
  session_id?: number;
  /** In every group; `groups` says where it is another one. */
  role: Role;
  groups?: Record<string, Role>;
  totp?: boolean;
  can_change_password?: boolean;
  expires_at?: string | null;
  idle_expires_at?: string | null;
  oidc?: { name: string } | null;
  password_login?: boolean;
}

const rank: Record<Role, number> = { none: 0, viewer: 1, editor: 2, admin: 3 };

/** A Belfry that knows no sessions lets everybody do everything. */
const open: Session = { setup: false, kind: 'local', name: '', user_id: 0, role: 'admin' };
const nobody: Session = { setup: false, kind: 'anonymous', name: '', user_id: 0, role: 'none' };

/** May `who` do what takes `least`: in the group; without one, in what belongs to none (channels, settings). */
export function allowed(who: Session, least: Role, group?: string): boolean {
  const role = group !== undefined ? (who.groups?.[group] ?? who.role) : who.role;
  return rank[role] >= rank[least];
}

export class SessionStore extends Observable {
  state: 'asking' | 'in' | 'out' | 'setup' | 'failed' = 'asking';
  who: Session = nobody;
  error: Error | null = null;
  /** It was in, and then an answer said 401. */
  expired = false;
  private asking: Promise<void> | null = null;

  constructor() {
    super(0);
  }

  ask(): Promise<void> {
    this.asking ??= this.askOnce().finally(() => (this.asking = null));
    return this.asking;
  }

  private async askOnce(): Promise<void> {
    try {
      this.take(await call<Session>('GET', 'api/v1/session'));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.take(open);
      else if (this.state === 'asking') {
        this.error = error as Error;
        this.set('failed');
      }
    }
  }

  take(who: Session): void {
    this.who = who;
    this.error = null;
    if (rank[who.role] > 0 || Object.keys(who.groups ?? {}).length > 0) {
      this.expired = false;
      this.set('in'); // with server.anonymous also before there is an account
    } else if (who.setup) {
      this.set('setup');
    } else {
      this.expired ||= this.state === 'in';
      this.set('out');
    }
  }

  private set(state: SessionStore['state']): void {
    this.state = state;
    this.version++;
    this.announce();
  }

  /** Someone leaves of their own will. */
  async leave(): Promise<void> {
    await call<void>('DELETE', 'api/v1/session');
    this.state = 'asking'; // so that answers on their way, now 401, are no end of a session
    location.hash = '#/';
    location.reload(); // nothing of what was seen stays in memory
  }

  /** An answer was 401. */
  lost(): void {
    if (this.state !== 'in') return;
    this.expired = true;
    this.who = { ...nobody, oidc: this.who.oidc ?? null, password_login: this.who.password_login ?? true };
    this.set('out');
    void this.ask(); // or what may be seen without signing in
  }
}

export const session = new SessionStore();

/** Someone with a name: an account or a proxy's user. Not the anonymous viewer, nor a Belfry without accounts. */
export function signedIn(): boolean {
  return session.who.user_id > 0;
}

onUnauthorized(() => session.lost());

export function may(least: Role, group?: string): boolean {
  return allowed(session.who, least, group);
}

/** In at least one group: whether to offer "add a target" at all. */
export function maySome(least: Role): boolean {
  return may(least) || Object.values(session.who.groups ?? {}).some((r) => rank[r] >= rank[least]);
}

/** The groups where it may; null: in every one. */
export function groupsFor(least: Role): string[] | null {
  if (may(least)) return null;
  return Object.entries(session.who.groups ?? {}).flatMap(([g, r]) => (rank[r] >= rank[least] ? [g] : []));
}
