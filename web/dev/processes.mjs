// The mock's supervised programs: seventeen in every state there is, that live, print, die and come back. start, stop and
// the rest do what they say, with a second's delay, and are told on the event stream.
import { processOptions } from './process-options.mjs';
import { random } from './world.mjs';

const iso = (ms) => (ms ? new Date(ms).toISOString() : null);
const minute = 60e3;
const hour = 60 * minute;

// [id, type, status, age ms, command, more]
const seeds = [
  ['ss-001', 'shadowsocks', 'running', 52 * hour, ['/usr/bin/ss-server', '-c', '/etc/ss/001.json'], { user: 'nobody', health: 'good', labels: { region: 'hk' } }],
  ['ss-002', 'shadowsocks', 'running', 9 * minute, ['/usr/bin/ss-server', '-c', '/etc/ss/002.json'], { user: 'nobody', health: 'failing', restarts: 3, inHour: 3, labels: { region: 'jp' } }],
  ['trojan-hk', 'trojan', 'backoff', 4 * minute, ['/usr/local/bin/trojan', '--config', '/etc/trojan/hk.json'], { restarts: 6, inHour: 6, message: 'exit status 1 after 340 ms: bind: Address already in use' }],
  ['v2ray-sg', 'v2ray', 'fatal', 26 * minute, ['/usr/bin/v2ray', 'run', '-config', '/etc/v2ray/sg.json'], { restarts: 10, inHour: 10, message: 'given up: 10 restarts within an hour; last: killed by SIGSEGV' }],
  ['db', 'postgresql', 'ready', 12 * 24 * hour, ['/usr/lib/postgresql/15/bin/postgres', '-D', '/var/lib/postgresql/15/main'], { user: 'postgres', health: 'good', rss: 412e6 }],
  ['api', 'web', 'ready', 3 * hour, ['/srv/api/bin/api', '--listen', '127.0.0.1:8080'], { user: 'www-data', health: 'good', restarts: 1, rss: 188e6, requires: ['db'], name: 'Orders API' }],
  ['worker-1', 'queue', 'running', 3 * hour, ['/srv/api/bin/worker', '--queue', 'mail'], { template: 'worker-%i', requires: ['db'], rss: 96e6 }],
  ['worker-2', 'queue', 'running', 3 * hour, ['/srv/api/bin/worker', '--queue', 'mail'], { template: 'worker-%i', requires: ['db'], rss: 93e6 }],
  ['worker-3', 'queue', 'restarting', 1500, ['/srv/api/bin/worker', '--queue', 'mail'], { template: 'worker-%i', requires: ['db'], restarts: 2, inHour: 1, message: 'killed by SIGKILL' }],
  ['reports', 'queue', 'starting', 8000, ['/srv/reports/run.sh'], { requires: ['db', 'api'], message: 'waits for warehouse' }],
  ['warehouse', 'etl', 'starting', 11000, ['/opt/warehouse/bin/serve', '--port', '9000'], { message: 'loading segments, 62 %' }],
  ['backup', 'job', 'stopped', 8 * hour, ['/usr/local/bin/backup', '--all'], { kind: 'job', schedule: '15 3 * * *', exit: 0 }],
  ['certs', 'job', 'running', 14000, ['/usr/bin/certbot', 'renew', '--quiet'], { kind: 'job', schedule: '0 */6 * * *' }],
  ['migrate', '', 'stopped', 3 * hour, ['/srv/api/bin/migrate', 'up'], { kind: 'oneshot', exit: 0 }],
  ['metrics-relay', 'relay', 'stopped', 40 * minute, ['/usr/bin/relay', '--to', '10.0.0.9:4317'], { enabled: false, exit: 0 }],
  ['legacy', '', 'crashed', 2 * hour, ['/opt/legacy/bin/legacyd'], { enabled: false, message: 'exit status 134 (abort)', source: 'file' }],
  ['采集器', 'agent', 'running', 6 * hour, ['/opt/agent/collector'], { source: 'file', name: '日志采集器', labels: { team: 'sre' } }],
];

const exits = [
  { status: 1, signal: null, text: 'exit status 1' },
  { status: null, signal: 'SIGKILL', text: 'killed by SIGKILL' },
  { status: null, signal: 'SIGSEGV', text: 'killed by SIGSEGV' },
  { status: 0, signal: null, text: 'exit status 0' },
];

const phrases = [
  'accepted connection from 10.0.3.%d:51%d',
  'GET /orders/%d%d 200 in %d ms',
  '\x1b[32mINFO\x1b[0m  cache refreshed: %d entries, %d ms',
  '\x1b[33mWARN\x1b[0m  slow query (%d ms): SELECT id, state, updated_at FROM orders WHERE customer_id = $1 AND state IN (\'open\', \'held\') ORDER BY updated_at DESC LIMIT 50',
  '已处理 %d 条消息，队列剩余 %d',
  'flushed segment %d (%d kB)',
];

function makeOne([id, type, status, age, command, more], now) {
  const runs = ['running', 'ready', 'starting'].includes(status) && !String(more.message).startsWith('waits');
  const config = { id, ...(type ? { type } : {}), command, ...(more.user ? { user: more.user, environment: { TOKEN: '********', LANG: 'C.UTF-8' } } : {}), ...(more.health ? { health: { url: 'tcp://127.0.0.1:8388' }, monitor: { enable: true, max_restarts: 10 } } : {}), ...(more.schedule ? { schedule: more.schedule } : {}), ...(more.requires ? { requires: more.requires } : {}) };
  if (more.template) Object.assign(config, { id: more.template, replicas: 3 });
  return {
    id, name: more.name ?? id, type, kind: more.kind ?? 'daemon', source: more.source ?? 'api', template: more.template ?? null,
    status, enabled: more.enabled ?? true, pid: runs ? 5000 + [...id].reduce((a, c) => a + c.charCodeAt(0), 0) : null,
    started_at: runs ? iso(now - age) : null, changed_at: iso(now - age), next_start_at: status === 'backoff' ? iso(now + 42e3) : null,
    next_run_at: more.schedule ? iso(now + 3.3 * hour) : null, schedule: more.schedule ?? null,
    restarts: more.restarts ?? 0, restarts_in_hour: more.inHour ?? 0, max_restarts: 10,
    cpu_percent: runs ? 1.3 : 0, cpu_seconds: runs ? age / 90e3 : 0, rss_bytes: runs ? (more.rss ?? 24e6) : 0, pss_bytes: runs ? (more.rss ?? 24e6) * 0.8 : 0,
    read_bytes: 81e6, written_bytes: 1.9e9, processes: id === 'db' ? 9 : 1, threads: runs ? 4 : 0, fds: runs ? 23 : 0, sampled_at: iso(now),
    message: more.message ?? '', health: { status: more.health ?? 'none', failures: more.health === 'failing' ? 2 : 0, message: more.health === 'failing' ? 'connection refused by 127.0.0.1:8388' : more.health ? 'connected in 1 ms' : null, checked_at: more.health ? iso(now - 9000) : null },
    exit: more.exit === 0 ? { at: iso(now - age), ...exits[3], cause: 'died', reason: null, failure: false, ran_seconds: 84 } : (more.restarts ?? 0) > 0 || status === 'crashed' ? { at: iso(now - age - 1000), ...exits[(more.restarts ?? 0) % 3], cause: 'died', reason: null, failure: true, ran_seconds: 0.34 } : null,
    command, user: more.user ?? 'belfry', directory: type === 'web' ? '/srv/api' : null, labels: more.labels ?? {}, after: [], requires: more.requires ?? [], config,
  };
}

export class Programs {
  constructor(emit, empty) {
    this.emit = emit;
    const now = Date.now();
    this.items = new Map(empty ? [] : seeds.map((s) => [s[0], makeOne(s, now)]));
    this.logs = new Map();
    this.ticks = 0;
    this.rnd = random(23);
    for (const p of this.items.values()) this.fill(p, now);
  }

  fill(p, now) {
    const lines = [];
    if (p.started_at || p.exit) for (let i = 0; i < 1400; i++) lines.push(this.line(p, now - (1400 - i) * 700));
    this.logs.set(p.id, { first: 0, lines });
  }

  line(p, at) {
    // What the flows of test/ui add prints this.
    if (p.command.join(' ').includes('tick')) {
      const oops = ++this.ticks % 4 === 0;
      return { at: iso(at), stream: oops ? 'stderr' : 'stdout', text: oops ? 'oops' : `tick ${this.ticks}`, whole: true };
    }
    const n = () => Math.floor(this.rnd() * 900) + 10;
    const broken = ['trojan-hk', 'v2ray-sg'].includes(p.id) && this.rnd() < 0.3;
    const text = broken ? '\x1b[31mFATAL\x1b[0m bind: Address already in use (0.0.0.0:443)' : phrases[Math.floor(this.rnd() * phrases.length)].replace(/%d/g, () => String(n()));
    return { at: iso(at), stream: broken || this.rnd() < 0.06 ? 'stderr' : 'stdout', text, whole: true };
  }

  print(p, stream, text) {
    this.logs.get(p.id).lines.push({ at: iso(Date.now()), stream, text, whole: true });
  }

  tick() {
    const now = Date.now();
    for (const p of this.items.values()) {
      if (!p.pid) continue;
      p.cpu_percent = Math.round(Math.max(0, 2 + 2 * Math.sin(now / 9000 + p.pid) + this.rnd()) * 100) / 100;
      p.rss_bytes = Math.round(p.rss_bytes * (0.997 + 0.006 * this.rnd()));
      p.sampled_at = iso(now);
      const log = this.logs.get(p.id);
      if (p.status !== 'starting' && this.rnd() < 0.4) log.lines.push(this.line(p, now));
      if (log.lines.length > 5000) log.first += log.lines.splice(0, 1000).length;
    }
  }

  /** Test hook and what the actions use: changes one and tells of it. */
  set(p, change) {
    Object.assign(p, { changed_at: iso(Date.now()), message: '', next_start_at: null }, change);
    const { config: _config, ...rest } = p;
    this.emit('process', rest);
  }

  run(p) {
    this.print(p, 'stdout', 'starting');
    this.set(p, { status: 'running', pid: 20000 + Math.floor(this.rnd() * 9000), started_at: iso(Date.now()), rss_bytes: 21e6, cpu_percent: 0.4, threads: 4, fds: 12 });
  }

  rest(p) {
    this.print(p, 'stderr', 'got SIGTERM, closing');
    this.set(p, { status: 'stopped', pid: null, started_at: null, rss_bytes: 0, cpu_percent: 0, threads: 0, fds: 0, exit: { at: iso(Date.now()), ...exits[3], cause: 'asked', failure: false, ran_seconds: 60 } });
  }

  act(p, action) {
    if (action === 'enable' || action === 'disable') return this.set(p, { enabled: action === 'enable' });
    if (action === 'reset') Object.assign(p, { restarts_in_hour: 0 });
    if (action === 'stop' || action === 'restart') {
      this.set(p, { status: 'stopping' });
      setTimeout(() => this.rest(p), 500);
    }
    if (action === 'stop') return undefined;
    const wait = action === 'restart' ? 700 : 10;
    setTimeout(() => this.set(p, { status: 'starting' }), wait);
    setTimeout(() => this.items.has(p.id) && this.run(p), wait + 700);
    return undefined;
  }

  history(p, query) {
    const rnd = random(p.id.length * 97 + p.id.charCodeAt(0));
    const items = [];
    let at = Date.now() - 5 * minute;
    for (let i = 0; i < (p.restarts ? 34 : p.exit ? 3 : 0); i++) {
      const bad = p.restarts > 0 || i % 3 === 2;
      const exit = bad ? exits[Math.floor(rnd() * 3)] : exits[3];
      const ran = rnd() * rnd() * (p.restarts > 3 ? 9 : 90000);
      const cause = bad ? ['died', 'died', 'health', 'memory'][Math.floor(rnd() * 4)] : 'asked';
      items.push({ id: 900 - i * 3, kind: 'death', at: iso(at), from: 'running', to: bad ? 'restarting' : 'stopped', pid: 4000 + i, cause, reason: cause === 'health' ? 'health: connection refused by 127.0.0.1:8388 (3 in a row)' : cause === 'memory' ? 'memory: 540 MiB, over 512 MiB' : null, failure: bad, exit, ran_seconds: ran, cpu_seconds: ran / 60, max_rss_bytes: 2e7 + rnd() * 9e7, output: bad ? `2026-11-21 listening on 0.0.0.0:443\nFATAL bind: Address already in use (0.0.0.0:443)\n    at Server.listen (server.c:${200 + i})` : null, restart: bad ? { success: i % 5 !== 4, at: iso(at + 40), duration_ms: 38 + i } : null });
      if (i < 12) items.push({ id: 899 - i * 3, kind: 'state', at: iso(at - ran * 1000), from: 'starting', to: 'running', pid: 4000 + i });
      at -= ran * 1000 + 40 * minute * rnd();
    }
    const shown = query.get('kind') === 'death' ? items.filter((e) => e.kind === 'death') : items;
    const limit = Number(query.get('limit') ?? 100);
    return { items: shown.slice(0, limit), total: shown.length, next: null };
  }

  log(p, query) {
    const { first, lines } = this.logs.get(p.id);
    const limit = Number(query.get('lines') ?? 200);
    const cursor = query.get('cursor');
    const wanted = (l) => (!query.get('stream') || l.stream === query.get('stream')) && (!query.get('contains') || l.text.includes(query.get('contains')));
    if (cursor === null) return { items: lines.filter(wanted).slice(-limit), next: String(first + lines.length) };
    const from = Math.max(0, Number(cursor) - first);
    const found = lines.slice(from).filter(wanted).slice(0, limit);
    return { items: found, next: String(found.length === limit ? first + lines.indexOf(found[limit - 1]) + 1 : first + lines.length) };
  }

  faults(doc, isNew) {
    const errors = [];
    if (isNew && this.items.has(doc.id)) return { status: 409, errors: [{ field: 'id', message: `"${doc.id}" is taken` }] };
    if (!/^[A-Za-z0-9._%-]{1,64}$/.test(doc.id ?? '')) errors.push({ field: 'id', message: `got "${doc.id ?? ''}"; want letters, digits, dot, dash, underscore` });
    if (!doc.command?.length) errors.push({ field: 'command', message: 'required, but missing' });
    if (doc.user === 'nosuch') errors.push({ field: 'user', message: 'no user "nosuch"' });
    return { status: 422, errors };
  }

  save(doc) {
    const now = Date.now();
    const old = this.items.get(doc.id);
    const made = { ...makeOne([doc.id, doc.type ?? '', 'starting', 0, doc.command, {}], now), ...(old ? { enabled: old.enabled } : {}), config: doc, user: doc.user ?? 'belfry', directory: doc.directory ?? null, labels: doc.labels ?? {} };
    this.items.set(doc.id, made);
    if (!this.logs.has(doc.id)) this.logs.set(doc.id, { first: 0, lines: [] });
    this.set(made, { pid: null });
    if (doc.autostart === false) this.set(made, { status: 'stopped' });
    else setTimeout(() => this.items.has(doc.id) && this.run(this.items.get(doc.id)), 900);
    return made;
  }

  remove(p) {
    this.items.delete(p.id);
    this.emit('process', { id: p.id, deleted: true });
  }

  /** Those that have failed ring, as targets do. */
  alerts() {
    return [...this.items.values()]
      .filter((p) => p.status === 'fatal' || p.status === 'crashed')
      .map((p, i) => ({ id: 9000 + i, target_id: 0, target_name: p.name, group: 'processes', labels: { unit: p.id }, status: 'firing', message: p.message, fired_at: p.changed_at, resolved_at: null, suppressed: '', notified: [{ channel_id: 1, channel: '运维群', status: 'sent', kind: 'fired', attempts: 1, answer: '{"errcode":0,"errmsg":"ok"}', at: p.changed_at }] }));
  }

  status() {
    const status_count = {};
    for (const p of this.items.values()) status_count[p.status] = (status_count[p.status] ?? 0) + 1;
    return { enable: true, total_checks: 4211, total_restarts: 22, success_restarts: 20, failed_restarts: 2, last_check_time: iso(Date.now()), status_count, enabled_processes: this.items.size, total_processes: this.items.size };
  }

  options() {
    return { options: processOptions };
  }
}
