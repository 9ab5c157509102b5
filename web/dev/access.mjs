// The mock's accounts: set-up, sessions by cookie, second factor (the code is always 123456), users, tokens, audit log.
// Mode "open": alice is in without signing in; "closed": sign in as alice / correct-horse or bob (viewer); "setup": no account yet.
import { randomBytes } from 'node:crypto';

const iso = (ms) => new Date(ms).toISOString();
const day = 86400e3;
const password = 'correct-horse';
const setupCode = 'BELL-TOWER-7';

function bodyProblem(status, title, errors = []) {
  return [status, { type: 'about:blank', title, status, detail: '', errors }];
}

export class Access {
  constructor(mode, now = Date.now()) {
    this.mode = mode;
    this.users = new Map();
    this.sessions = new Map(); // cookie → session
    this.tokens = new Map();
    this.next = 100;
    this.audit = [];
    if (mode === 'setup') return;
    const user = (id, name, role, more = {}) =>
      this.users.set(id, { id, name, role, groups: {}, enabled: true, totp: false, source: 'password', created_at: iso(now - 90 * day), last_login_at: iso(now - id * 5.3e6), password, ...more });
    user(1, 'alice', 'admin');
    user(2, 'bob', 'viewer', { groups: { payments: 'editor', shop: 'editor' } });
    user(3, '王小明', 'editor', { totp: true });
    user(4, 'carol@example.com', 'viewer', { source: 'oidc' });
    user(5, 'dave', 'editor', { enabled: false, last_login_at: null });
    const agents = ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36', 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile Safari/604.1', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0'];
    agents.forEach((user_agent, i) => this.open(1, { address: ['10.0.4.17', '100.64.3.9', '10.0.4.55'][i], user_agent, created_at: iso(now - (i + 1) * 2.1 * day), seen_at: iso(now - i * 9.4e6 - 30e3) }, `agent-${i}`));
    const token = (id, name, scope, group, expires, used, owner) => this.tokens.set(id, { id, name, scope, group, expires_at: expires && iso(now + expires * day), created_at: iso(now - 40 * day), last_used_at: used && iso(now - used * 60e3), user_id: owner === 'alice' ? 1 : 2, owner });
    token(11, 'grafana', 'read', null, null, 0.4, 'alice');
    token(12, 'deploy script', 'write', 'payments', 51, 190, 'alice');
    token(13, 'old agent', 'write', null, 3, null, 'bob');
    token(14, '备份任务', 'admin', null, -2, 7000, 'alice');
    ['beijing', 'frankfurt', 'são-paulo'].forEach((name, i) => token(15 + i, name, 'agent', null, null, i === 0 ? 0.01 : i === 1 ? 20 : null, 'alice'));
    this.audit = makeAudit(now);
  }

  open(user_id, more = {}, cookie = randomBytes(9).toString('hex')) {
    const now = Date.now();
    const id = this.next++;
    this.sessions.set(cookie, { id, user_id, address: '127.0.0.1', user_agent: '', method: 'password', created_at: iso(now), seen_at: iso(now), expires_at: iso(now + 30 * day), ...more });
    return cookie;
  }

  cookieOf(req) {
    return /belfry_session=(\w[\w-]*)/.exec(req.headers.cookie ?? '')?.[1];
  }

  sessionOf(req) {
    if (this.mode === 'open') return this.sessions.get('agent-0');
    return this.sessions.get(this.cookieOf(req));
  }

  userOf(req) {
    const s = this.sessionOf(req);
    return s && this.users.get(s.user_id);
  }

  note(req, action, kind, object, before = null, after = null) {
    this.audit.unshift({ id: this.next++, at: iso(Date.now()), actor: this.userOf(req)?.name ?? object, address: '127.0.0.1', action, kind, object, before, after });
  }

  shown(session, req) {
    return { ...session, name: this.users.get(session.user_id)?.name, current: session === this.sessionOf(req) };
  }

  pub(user) {
    const { password: _p, ...rest } = user;
    return { ...rest, sessions: [...this.sessions.values()].filter((s) => s.user_id === user.id).length, tokens: [...this.tokens.values()].filter((x) => x.user_id === user.id).length };
  }

  session(req, user = this.userOf(req)) {
    const common = { setup: this.users.size === 0, oidc: this.mode === 'setup' ? null : { name: 'Example SSO' }, password_login: true };
    if (!user) return { ...common, kind: 'anonymous', name: 'anonymous', user_id: 0, role: 'none', groups: {}, totp: false };
    return { ...common, kind: 'user', name: user.name, user_id: user.id, role: user.role, groups: user.groups, totp: user.totp, can_change_password: user.source === 'password', session_id: this.sessionOf(req)?.id ?? 0 };
  }

  enter(req, user, status) {
    const cookie = this.open(user.id, { user_agent: req.headers['user-agent'] ?? '' });
    user.last_login_at = iso(Date.now());
    this.audit.unshift({ id: this.next++, at: iso(Date.now()), actor: user.name, address: '127.0.0.1', action: status === 201 ? 'setup' : 'login', kind: 'session', object: user.name, before: null, after: null });
    return [status, this.session(req, user), { 'set-cookie': `belfry_session=${cookie}; HttpOnly; SameSite=Lax; Path=/` }];
  }

  /** [status, body, headers?]; undefined: not ours. */
  answer(req, path, query, body) {
    const { method } = req;
    if (path === 'session' && method === 'GET') return [200, this.session(req)];
    if (path === 'setup') {
      if (this.users.size > 0) return bodyProblem(409, 'There is an account already');
      if (body.code !== setupCode) return bodyProblem(403, 'The code is wrong');
      const user = { id: 1, name: body.name, role: 'admin', groups: {}, enabled: true, totp: false, source: 'password', password: body.password, created_at: iso(Date.now()) };
      this.users.set(1, user);
      return this.enter(req, user, 201);
    }
    if (path === 'session' && method === 'POST') return this.signIn(req, body);
    const me = this.userOf(req);
    if (!me) return bodyProblem(401, 'Not signed in');
    if (path === 'session' && method === 'DELETE') {
      this.sessions.delete(this.cookieOf(req));
      return [204];
    }
    if (path.startsWith('session/')) return this.account(me, path.slice(8), body);
    if (/^sessions\b/.test(path)) return this.sessionList(req, me, path, body);
    const change = !['GET', 'HEAD'].includes(method);
    if (/^tokens\b/.test(path)) return this.tokenCalls(req, me, path, body);
    if (/^(users|audit|config)\b/.test(path) && me.role !== 'admin') return bodyProblem(403, 'Not allowed');
    if (/^users\b/.test(path)) return this.userCalls(req, path, body);
    if (path === 'audit') return this.auditCalls(query);
    if (change && me.role === 'viewer' && Object.keys(me.groups).length === 0) return bodyProblem(403, 'Not allowed');
    return undefined;
  }

  signIn(req, body) {
    const user = [...this.users.values()].find((u) => u.name.toLowerCase() === String(body.name).toLowerCase());
    if (!user || !user.enabled || user.password !== body.password) return bodyProblem(401, 'Name or password is wrong');
    if (user.totp && body.otp !== '123456') return bodyProblem(401, 'The second factor is needed', [{ field: 'otp', message: body.otp ? 'is wrong' : 'is needed' }]);
    return this.enter(req, user, 200);
  }

  account(me, what, body) {
    const wrong = bodyProblem(403, 'The password is wrong');
    if (what === 'password') {
      if (body.old !== me.password) return wrong;
      me.password = body.new;
      return [204];
    }
    const codes = { recovery_codes: Array.from({ length: 10 }, (_, i) => `${'abcdefghij'[i]}4k9-7m2p-${1000 + 7 * i}`) };
    if (what === 'totp/confirm') {
      if (body.code !== '123456') return bodyProblem(422, 'The code is wrong', [{ field: 'code', message: 'is wrong' }]);
      me.totp = true;
      return [200, codes];
    }
    if (body.password !== me.password) return wrong;
    if (what === 'totp') return [200, { secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', uri: `otpauth://totp/Belfry:${encodeURIComponent(me.name)}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Belfry` }];
    if (what === 'totp/recovery') return [200, codes];
    me.totp = false;
    return [204];
  }

  sessionList(req, me, path, body) {
    const mine = [...this.sessions].filter(([, s]) => s.user_id === me.id);
    if (path === 'sessions') return [200, { items: mine.map(([, s]) => this.shown(s, req)), total: mine.length, next: null }];
    if (path === 'sessions/revoke') {
      const of = body.user_id ?? me.id;
      for (const [cookie, s] of [...this.sessions]) if (s.user_id === of && s !== this.sessionOf(req)) this.sessions.delete(cookie);
      return [204];
    }
    const id = Number(path.slice(9));
    for (const [cookie, s] of mine) if (s.id === id) this.sessions.delete(cookie);
    return [204];
  }

  userCalls(req, path, body) {
    if (path === 'users' && req.method === 'GET') return [200, { items: [...this.users.values()].map((u) => this.pub(u)), total: this.users.size, next: null }];
    if (path === 'users') {
      if ([...this.users.values()].some((u) => u.name === body.name)) return bodyProblem(409, 'The name is taken', [{ field: 'name', message: 'another account has this name' }]);
      const user = { role: 'viewer', groups: {}, enabled: true, ...body, id: this.next++, totp: false, source: 'password', created_at: iso(Date.now()), last_login_at: null };
      this.users.set(user.id, user);
      this.note(req, 'create', 'user', user.name, null, { name: user.name, role: user.role, groups: user.groups });
      return [201, this.pub(user)];
    }
    const user = this.users.get(Number(path.slice(6)));
    if (!user) return bodyProblem(404, 'No such user');
    if (req.method === 'DELETE') {
      this.users.delete(user.id);
      this.note(req, 'delete', 'user', user.name, { name: user.name, role: user.role }, null);
      return [204];
    }
    if (req.method === 'PATCH') {
      const admins = [...this.users.values()].filter((u) => u.role === 'admin' && u.enabled);
      if (admins.length === 1 && admins[0] === user && (body.enabled === false || (body.role && body.role !== 'admin'))) return bodyProblem(409, 'The last administrator stays one', [{ field: 'role', message: 'the last enabled administrator cannot be lowered' }]);
      const before = this.pub({ ...user });
      Object.assign(user, body);
      this.note(req, 'update', 'user', user.name, { role: before.role, groups: before.groups, enabled: before.enabled }, { role: user.role, groups: user.groups, enabled: user.enabled });
    }
    return [200, this.pub(user)];
  }

  tokenCalls(req, me, path, body) {
    if (path === 'tokens' && req.method === 'GET') {
      const items = [...this.tokens.values()].filter((x) => me.role === 'admin' || x.user_id === me.id);
      return [200, { items, total: items.length, next: null }];
    }
    if (path === 'tokens') {
      if (body.scope === 'agent' && [...this.tokens.values()].some((x) => x.scope === 'agent' && x.name === body.name)) return bodyProblem(422, 'The token is not valid', [{ field: 'name', message: 'another location has this name' }]);
      const days = body.expires_in ? Number.parseInt(body.expires_in, 10) : 0;
      const made = { id: this.next++, name: body.name, scope: body.scope, group: body.group ?? null, expires_at: body.expires_at ?? (days ? iso(Date.now() + days * day) : null), created_at: iso(Date.now()), last_used_at: null, user_id: me.id, owner: me.name };
      this.tokens.set(made.id, made);
      this.note(req, 'create', 'token', made.name, null, { scope: made.scope, group: made.group });
      return [201, { ...made, token: `blf_${randomBytes(20).toString('base64url')}` }];
    }
    const token = this.tokens.get(Number(path.slice(7)));
    if (token) this.note(req, 'delete', 'token', token.name, { scope: token.scope }, null);
    this.tokens.delete(Number(path.slice(7)));
    return [204];
  }

  auditCalls(query) {
    const has = (e, q) => JSON.stringify(e).toLowerCase().includes(q.toLowerCase());
    let items = this.audit;
    for (const name of ['kind', 'action', 'actor']) if (query.get(name)) items = items.filter((e) => e[name] === query.get(name));
    if (query.get('q')) items = items.filter((e) => has(e, query.get('q')));
    if (query.get('since')) items = items.filter((e) => e.at >= query.get('since'));
    if (query.get('until')) items = items.filter((e) => e.at < query.get('until'));
    const start = Number(query.get('cursor') ?? 0);
    const limit = Number(query.get('limit') ?? 100);
    return [200, { items: items.slice(start, start + limit), total: items.length, next: start + limit < items.length ? String(start + limit) : null }];
  }
}

function makeAudit(now) {
  const rows = [
    ['alice', '10.0.4.17', 'update', 'target', 'checkout-12', { interval_seconds: 60, threshold: 3, labels: { env: 'prod' } }, { interval_seconds: 15, threshold: 2, labels: { env: 'prod', team: 'payments' } }],
    ['王小明', '10.0.4.31', 'create', 'maintenance', '数据库升级', null, { title: '数据库升级', groups: ['databases'], schedule: { kind: 'once' } }],
    ['bob', '100.64.3.9', 'login', 'session', 'bob', null, null],
    ['mallory', '203.0.113.7', 'login_failed', 'session', 'admin', null, null],
    ['token:deploy script', '10.0.2.8', 'create', 'target', 'ledger-203', null, { name: 'ledger-203', type: 'http', group: 'payments', config: { url: 'https://ledger.example.com/health' } }],
    ['alice', '10.0.4.17', 'ack', 'alert', 'orders-26', null, { note: 'looking at the switch' }],
    ['alice', '10.0.4.17', 'delete', 'channel', 'old pager', { name: 'old pager', type: 'webhook', webhook_url: '********' }, null],
    ['unix:0', '', 'reload', 'config', 'belfry.yaml', null, null],
  ];
  return Array.from({ length: 160 }, (_, i) => {
    const [actor, address, action, kind, object, before, after] = rows[i % rows.length];
    return { id: 1000 - i, at: iso(now - (i + 1) * 2.7e6), actor, address, action, kind, object, before, after };
  });
}
