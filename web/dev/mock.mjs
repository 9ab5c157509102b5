// A Belfry that is not there: serves the built page and a plausible API, for development and UI tests.
//   node dev/mock.mjs [--port 9371] [--targets 200] [--prefix /path/] [--empty] [--auth open|closed|setup] [--watch] [--dist DIR]
// No dependencies. `startMock` is what test/ui/run.mjs uses.
import { createReadStream, existsSync, statSync, watch } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Access } from './access.mjs';
import { Alerting } from './alerting.mjs';
import { channelTypes, probers } from './catalogue.mjs';
import { checkedOf, innerOf, locationsOf } from './inner.mjs';
import { Pages } from './pages.mjs';
import { Programs } from './processes.mjs';
import { functions, prometheusApi } from './prometheus.mjs';
import { lastResult, TargetLists, uptimeOf } from './targets.mjs';
import { alertOf, makeWorld, resultAt } from './world.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function send(res, status, body, type = 'application/json') {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  res.end(text);
}

function sendAll(res, status, body, headers = {}) {
  res.writeHead(status, { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json', 'cache-control': 'no-store', ...headers });
  res.end(body === undefined ? '' : JSON.stringify(body));
}

function problem(res, status, title, errors = [], detail = '') {
  send(res, status, { type: 'about:blank', title, status, detail, errors }, 'application/problem+json');
}

function file(res, dist, path) {
  const name = normalize(path === '' ? 'index.html' : path);
  const full = join(dist, name);
  if (name.startsWith('..') || !existsSync(full) || !statSync(full).isFile()) return problem(res, 404, 'Not found');
  const cache = name.startsWith('assets') ? 'public, max-age=31536000, immutable' : 'no-cache';
  res.writeHead(200, { 'content-type': types[extname(full)] ?? 'application/octet-stream', 'content-security-policy': policy, 'cache-control': cache });
  return createReadStream(full).pipe(res);
}

async function bodyOf(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text ? JSON.parse(text) : {};
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function alertMatches(a, query) {
  const [q, group, suppressed, acknowledged] = ['q', 'group', 'suppressed', 'acknowledged'].map((n) => query.get(n));
  if (q && !`${a.target_name} ${a.group} ${a.message}`.toLowerCase().includes(q.toLowerCase())) return false;
  if (group && a.group !== group) return false;
  if (suppressed && (suppressed === 'yes' ? !a.suppressed : suppressed === 'no' ? a.suppressed : a.suppressed !== suppressed)) return false;
  if (acknowledged && (acknowledged === 'yes') !== Boolean(a.acknowledged)) return false;
  return (!query.get('since') || a.fired_at >= query.get('since')) && (!query.get('until') || a.fired_at < query.get('until'));
}

class Mock {
  constructor(options) {
    this.options = options;
    this.world = makeWorld(options.targets);
    this.access = new Access(options.auth);
    if (options.empty) {
      this.world.channels.clear();
      this.world.alerts = [];
      this.access.tokens.clear();
      this.access.audit = [];
    }
    this.pages = new Pages(this.world, (name, data) => this.emit(name, data), options.empty);
    this.alerting = new Alerting(this.world, (name, data) => this.emit(name, data), options.empty);
    this.streams = new Map(); // response → ids whose results it wants; null: all
    this.lists = new TargetLists(this.world.items);
    this.requests = [];
    this.programs = new Programs((name, data) => this.emit(name, data), options.empty);
  }

  emit(name, data) {
    const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const [stream, ids] of this.streams) if (name !== 'result' || ids === null || ids.has(data.target_id)) stream.write(text);
  }

  list(items, query, cap) {
    const limit = Math.min(Number(query.get('limit') ?? 100), cap);
    const start = Number(query.get('cursor') ?? 0);
    const next = start + limit < items.length ? String(start + limit) : null;
    return { items: items.slice(start, start + limit), total: items.length, next };
  }

  /** Checks everyone whose time has come; moods change now and then. */
  tick() {
    const now = Date.now();
    this.programs.tick();
    for (const item of this.world.items.values()) {
      const { pub } = item;
      if (!pub.enabled || item.mood === 'unknown') continue;
      const due = pub.last_checked_at ? Date.parse(pub.last_checked_at) + pub.interval_seconds * 1000 : 0;
      if (now >= due) this.check(item, now);
    }
  }

  check(item, now) {
    const result = resultAt(item, now);
    const { pub } = item;
    Object.assign(pub, { last_message: result.message, last_checked_at: result.checked_at, last_latency_ms: result.latency_ms });
    pub.fail_count = result.success ? 0 : pub.fail_count + 1;
    this.emit('result', { target_id: pub.id, success: result.success, degraded: result.warnings.length > 0, latency_ms: result.latency_ms, checked_at: result.checked_at, message: result.message, fail_count: pub.fail_count });
    return result;
  }

  /** Test hook: PUT /mock/targets/ID {"mood":"down"} changes the world at once. */
  setMood(item, mood) {
    const now = Date.now();
    item.mood = mood;
    item.since = now;
    const down = mood === 'down';
    this.check(item, now);
    Object.assign(item.pub, { status: down ? 'unhealthy' : 'healthy', degraded: mood === 'degraded', since: new Date(now).toISOString(), fail_count: down ? 3 : 0 });
    this.emit('target', { id: item.pub.id, status: item.pub.status, degraded: item.pub.degraded, fail_count: item.pub.fail_count, since: item.pub.since });
    const open = this.world.alerts.find((a) => a.target_id === item.pub.id && a.status === 'firing');
    if (down && !open) {
      const alert = { ...alertOf(this.world.alerts.length + 101, item, now), fired_at: new Date(now).toISOString(), acknowledged: null, suppressed: '' };
      this.world.alerts.unshift(alert);
      this.emit('alert', alert);
    } else if (!down && open) {
      Object.assign(open, { status: 'resolved', resolved_at: new Date(now).toISOString() });
      this.emit('alert', open);
    }
  }

  faults(body, isNew) {
    const errors = [];
    if (isNew && !body.name) errors.push({ field: 'name', message: 'is required' });
    if (body.config?.host === 'bad host') errors.push({ field: 'config.host', message: 'got "bad host"; want a name or an address' });
    if (body.location_quorum > (body.locations?.length ?? 1)) errors.push({ field: 'location_quorum', message: `got ${body.location_quorum}; want at most ${body.locations.length}` });
    if (body.timeout_seconds > (body.interval_seconds ?? 30)) errors.push({ field: 'timeout_seconds', message: `got ${body.timeout_seconds} s; want at most the interval` });
    return errors;
  }

  targets(req, res, query) {
    if (req.method === 'GET') return send(res, 200, this.lists.list(query));
    return bodyOf(req).then((body) => {
      const errors = this.faults(body, true);
      if (errors.length) return problem(res, 422, 'The target is not valid', errors);
      const pubs = [...this.world.items.values()].map((x) => x.pub);
      const group = body.group ?? 'default';
      if (pubs.some((p) => p.name === body.name && p.group === group)) return problem(res, 409, 'The name is taken', [{ field: 'name', message: `group ${group} has a target of this name` }]);
      const id = this.world.nextTarget++;
      const now = Date.now();
      const pub = { interval_seconds: 30, timeout_seconds: 5, threshold: 3, attempts: 1, labels: {}, notify_channel_ids: [], depends_on: [], enabled: true, ...body, id, group, source: 'api', status: 'unknown', degraded: false, fail_count: 0, address: body.config?.url ?? body.config?.host ?? '', since: new Date(now).toISOString(), last_message: null, last_checked_at: null, last_latency_ms: null };
      this.world.items.set(id, { mood: 'up', base: 12, since: now, pub });
      this.emit('target', pub);
      setTimeout(() => this.world.items.has(id) && this.setMood(this.world.items.get(id), 'up'), 600);
      return send(res, 201, pub);
    });
  }

  async target(req, res, item) {
    if (req.method === 'GET') return send(res, 200, { ...item.pub, last_result: lastResult(item), ...innerOf(item, this.world.items) });
    if (req.method === 'DELETE') {
      this.world.items.delete(item.pub.id);
      this.emit('target', { id: item.pub.id, deleted: true });
      return send(res, 204);
    }
    const body = await bodyOf(req);
    const errors = this.faults(body, false);
    if (errors.length) return problem(res, 422, 'The target is not valid', errors);
    if (req.method === 'PUT') Object.assign(item.pub, { burst: undefined, locations: undefined, location_quorum: undefined });
    Object.assign(item.pub, body);
    if (body.enabled === false) item.pub.status = 'disabled';
    if (body.enabled === true && item.pub.status === 'disabled') Object.assign(item, { mood: 'up' }, { pub: Object.assign(item.pub, { status: 'healthy' }) });
    this.emit('target', item.pub);
    return send(res, 200, item.pub);
  }

  results(res, item, query) {
    const limit = Math.min(Number(query.get('limit') ?? 100), 1000);
    const { pub } = item;
    if (!pub.last_checked_at) return send(res, 200, { items: [], total: 0, next: null });
    const last = Date.parse(pub.last_checked_at);
    const failures = query.has('failures');
    const all = Array.from({ length: failures ? 2000 : limit }, (_, i) => resultAt(item, last - i * pub.interval_seconds * 1000));
    const items = (failures ? all.filter((r) => !r.success) : all).slice(0, limit);
    return send(res, 200, { items, total: 86400, next: null });
  }

  graph(res, item, query) {
    const since = Date.parse(query.get('since'));
    const until = Date.parse(query.get('until'));
    const points = Number(query.get('points') ?? 300);
    const out = { t: [], latency_ms: [], success: [] };
    if (!item.pub.last_checked_at) return send(res, 200, out);
    const bucket = (until - since) / points;
    const step = item.pub.interval_seconds * 1000;
    for (let i = 0; i < points; i++) {
      const from = since + bucket * i;
      const at = Math.ceil(from / step) * step; // of the checks in a bucket the mock looks at the first
      const r = at < from + bucket ? resultAt(item, at) : null;
      out.t.push(Math.round(from / 1000));
      out.latency_ms.push(r?.success ? r.latency_ms : null);
      out.success.push(r ? (r.success ? 1 : bucket > 2 * step ? 0.8 : 0) : null);
    }
    return send(res, 200, out);
  }

  async tryIt(req, res) {
    const body = await bodyOf(req);
    await sleep(400);
    const errors = this.faults(body, false);
    if (errors.length) return problem(res, 422, 'The target is not valid', errors);
    const fails = JSON.stringify(body.config ?? {}).includes('.invalid');
    const item = { mood: fails ? 'down' : 'up', base: 30, since: 0, pub: { id: 3, type: body.type } };
    return send(res, 200, resultAt(item, Date.now()));
  }

  async channel(req, res, id, action) {
    const { channels } = this.world;
    const found = channels.get(id);
    if (!found) return problem(res, 404, 'No such channel');
    if (action === 'test') {
      await sleep(500);
      const success = id !== 4;
      return send(res, 200, { success, answer: success ? '{"errcode":0,"errmsg":"ok"}' : 'HTTP 502 from 10.0.0.9: Bad Gateway', duration_ms: 187 });
    }
    if (req.method === 'GET') return send(res, 200, found);
    if (req.method === 'DELETE') {
      channels.delete(id);
      this.emit('channel', { id, deleted: true });
      return send(res, 204);
    }
    Object.assign(found, await bodyOf(req));
    this.emit('channel', found);
    return send(res, 200, found);
  }

  async channelList(req, res, query) {
    if (req.method === 'GET') return send(res, 200, this.list([...this.world.channels.values()], query, 1000));
    const body = await bodyOf(req);
    const url = body.webhook_url;
    if (url && !/^https?:/.test(url)) return problem(res, 422, 'The channel is not valid', [{ field: 'config.webhook_url', message: `got "${url}"; want an http or https URL` }]);
    const made = { mention_all: false, config: {}, ...body, id: this.world.nextChannel++, source: 'api' };
    this.world.channels.set(made.id, made);
    this.emit('channel', made);
    return send(res, 201, made);
  }

  alerts(res, query) {
    let items = this.world.alerts;
    const status = query.get('status');
    items = [...this.programs.alerts(), ...items];
    const target = query.get('target_id');
    if (status) items = items.filter((a) => a.status === status);
    if (target) items = items.filter((a) => a.target_id === Number(target));
    items = items.map((a) => this.alerting.dress(a)).filter((a) => alertMatches(a, query));
    return send(res, 200, this.list(items, query, 1000));
  }

  /** processes, processes/options, processes/status, processes/{start,stop,restart} of several. */
  async processes(req, res, name, query) {
    const { programs } = this;
    if (name === 'options') return send(res, 200, programs.options());
    if (name === 'status') return send(res, 200, programs.status());
    if (name !== '') {
      const { ids = [] } = await bodyOf(req);
      const failed = ids.filter((id) => !programs.items.has(id)).map((id) => ({ id, message: 'no such process' }));
      const found = ids.flatMap((id) => programs.items.get(id) ?? []);
      for (const p of found) programs.act(p, name);
      return send(res, 200, { items: found, failed, total: found.length });
    }
    if (req.method === 'GET') return send(res, 200, this.list([...programs.items.values()].map(({ config: _config, ...rest }) => rest), query, 1000));
    const doc = await bodyOf(req);
    const { status, errors } = programs.faults(doc, true);
    if (errors.length) return problem(res, status, 'The process is not valid', errors);
    return send(res, 201, programs.save(doc));
  }

  async process(req, res, id, action, query) {
    const { programs } = this;
    const p = programs.items.get(id) ?? [...programs.items.values()].find((x) => x.template === id);
    if (!p) return problem(res, 404, `no process has the id "${id}"`);
    if (action === 'restarts') return send(res, 200, programs.history(p, query));
    if (action === 'log') return this.processLog(res, p, query);
    if (action === 'signal') {
      const { signal } = await bodyOf(req);
      programs.print(p, 'stderr', `got SIG${signal}`);
      return send(res, 200, p);
    }
    if (action) {
      programs.act(p, action);
      return send(res, 200, p);
    }
    if (req.method === 'GET') return send(res, 200, p);
    if (req.method === 'DELETE') {
      programs.remove(p);
      return send(res, 204);
    }
    const doc = await bodyOf(req);
    const { status, errors } = programs.faults(doc, false);
    if (errors.length) return problem(res, status, 'The process is not valid', errors);
    return send(res, 200, programs.save({ ...doc, id: p.id }));
  }

  async processLog(res, p, query) {
    const until = Date.now() + (query.get('cursor') ? Number.parseInt(query.get('wait') ?? '0', 10) * 1000 : 0);
    let page = this.programs.log(p, query);
    while (page.items.length === 0 && Date.now() < until && !res.destroyed) {
      await sleep(50);
      page = this.programs.log(p, query);
    }
    return send(res, 200, page);
  }

  locations() {
    const items = locationsOf([...this.access.tokens.values()]);
    return { items, total: items.length, next: null };
  }

  nodes(res) {
    const groups = [...new Set([...this.world.items.values()].map((x) => x.pub.group))];
    const started_at = new Date(this.world.started).toISOString();
    const base = { state: 'running', restarts: 0, started_at };
    const items = [
      { ...base, name: 'warden', role: 'warden', pid: 4101, rss_bytes: 2.1e6, cpu_percent: 0 },
      { ...base, name: 'core', role: 'core', pid: 4102, rss_bytes: 31e6, cpu_percent: 1.4 },
      { ...base, name: 'output', role: 'output', pid: 4190, rss_bytes: 3.4e6, cpu_percent: 0.2 },
      ...groups.map((g, i) => ({ ...base, name: `watcher:${g}`, role: 'watcher', pid: 4103 + i, rss_bytes: 6.2e6 + i * 3e5, cpu_percent: 0.3 + i / 10, ring_fill: i === 2 ? 0.41 : 0.002 * i, missed_rounds: i === 2 ? 14 : 0, targets: Math.round(this.world.items.size / groups.length), restarts: i === 2 ? 1 : 0, ...(i === 2 ? { last_exit: 'signal 9 (killed)' } : {}) })),
    ];
    return send(res, 200, { items, total: items.length, next: null, version: '0.1.0' });
  }

  events(req, res, query) {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write('retry: 500\n\n');
    this.streams.set(res, query.has('targets') ? new Set(query.get('targets').split(',').map(Number)) : null);
    req.on('close', () => this.streams.delete(res));
  }

  reload(res) {
    const broken = this.options.brokenConfig;
    if (broken) return problem(res, 422, 'The configuration is not valid', [
      { field: 'groups[2].targets[0].url', message: 'unknown scheme "htps"; want https', file: 'belfry.yaml', line: 41, column: 22 },
      { field: 'groups[3].intervall', message: 'unknown key; nearest is "interval"', file: 'conf.d/office.yaml', line: 7, column: 5 },
    ]);
    this.emit('config', {});
    return send(res, 200, { status: 'reloaded' });
  }

  api(req, res, path, query) {
    const { items } = this.world;
    if (path === 'targets') return this.targets(req, res, query);
    if (path === 'targets/try') return this.tryIt(req, res);
    if (path === 'targets/facets') return send(res, 200, this.lists.facets(query));
    if (path === 'targets/recent') return send(res, 200, this.lists.recent(query));
    if (path === 'groups') return send(res, 200, { items: this.lists.facets(query).groups });
    const found = /^targets\/(\d+)(?:\/(results|graph|check|uptime))?$/.exec(path);
    if (found) {
      const item = items.get(Number(found[1]));
      if (!item) return problem(res, 404, 'No such target');
      if (found[2] === 'results') return this.results(res, item, query);
      if (found[2] === 'graph') return this.graph(res, item, query);
      if (found[2] === 'uptime') return send(res, 200, uptimeOf(item));
      if (found[2] === 'check') return sleep(350).then(() => send(res, 200, { ...this.check(item, Date.now()), ...checkedOf(item) }));
      return this.target(req, res, item);
    }
    const channel = /^channels\/(\d+)(?:\/(test))?$/.exec(path);
    if (channel) return this.channel(req, res, Number(channel[1]), channel[2]);
    if (path === 'channels') return this.channelList(req, res, query);
    if (path === 'channels/test') return sleep(300).then(() => send(res, 200, { success: true, answer: '{"errcode":0,"errmsg":"ok"}', duration_ms: 93 }));
    if (path === 'channels/types') return send(res, 200, { items: channelTypes });
    if (path === 'locations') return send(res, 200, this.locations());
    if (path === 'probers') return send(res, 200, { items: probers });
    if (path === 'functions') return send(res, 200, { items: functions });
    const several = /^processes(?:\/(options|status|start|stop|restart))?$/.exec(path);
    if (several) return this.processes(req, res, several[1] ?? '', query);
    const one = /^processes\/([^/]+)(?:\/(\w+))?$/.exec(path);
    if (one) return this.process(req, res, one[1], one[2], query);
    if (path === 'alerts') return this.alerts(res, query);
    if (path === 'groups') return send(res, 200, { items: [...new Set([...items.values()].map((x) => x.pub.group))].map((name) => ({ name })) });
    if (path === 'nodes') return this.nodes(res);
    if (path === 'events') return this.events(req, res, query);
    return problem(res, 404, 'No such resource');
  }

  async handle(req, res) {
    const url = new URL(req.url, 'http://mock');
    const { prefix, dist } = this.options;
    if (!url.pathname.startsWith(prefix)) return problem(res, 404, 'Not under the prefix');
    const path = decodeURIComponent(url.pathname.slice(prefix.length));
    if (path.startsWith('api/v1/')) {
      const own = /^(session|setup|users|tokens|audit|silences|maintenances|alerts|reports|status-pages|incidents|markdown)/.test(path.slice(7)) && !['GET', 'DELETE'].includes(req.method);
      const body = own ? await bodyOf(req) : {};
      const name = path.slice(7);
      const by = this.access.userOf(req)?.name;
      const found = this.access.answer(req, name, url.searchParams, body) ?? this.alerting.answer(req, name, url.searchParams, body, by) ?? this.pages.answer(req, name, url.searchParams, body, by);
      if (found) return sendAll(res, ...found);
    }
    if (path.startsWith('api/v1/')) return this.api(req, res, path.slice(7), url.searchParams);
    if (path.startsWith('prometheus/api/v1/')) return send(res, ...prometheusApi(this.world, path.slice(18), url.searchParams));
    if (path.startsWith('badge/')) return send(res, 200, '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><rect width="90" height="20" rx="3" fill="#217a4b"/><text x="45" y="14" fill="#fff" font-family="sans-serif" font-size="11" text-anchor="middle">up</text></svg>', 'image/svg+xml');
    if (path === '-/reload' && req.method === 'POST') return this.reload(res);
    if (path.startsWith('mock/targets/')) {
      this.setMood(this.world.items.get(Number(path.slice(13))), (await bodyOf(req)).mood);
      return send(res, 204);
    }
    return file(res, dist, path);
  }
}

export function startMock(given = {}) {
  const options = { port: 0, targets: 200, prefix: '/', dist: resolve(here, '../dist'), empty: false, still: false, brokenConfig: false, auth: 'open', ...given };
  if (options.empty) options.targets = 0;
  const mock = new Mock(options);
  const server = createServer((req, res) => {
    Promise.resolve(mock.handle(req, res)).catch((error) => {
      if (!res.headersSent) problem(res, error instanceof SyntaxError ? 400 : 500, String(error));
    });
  });
  const timer = setInterval(() => options.still || mock.tick(), 250); // still: nothing is checked
  return new Promise((done) => {
    server.listen(options.port, '127.0.0.1', () =>
      done({
        url: `http://127.0.0.1:${server.address().port}${options.prefix}`,
        mock,
        close: () => {
          clearInterval(timer);
          server.closeAllConnections?.();
          server.close();
        },
      }),
    );
  });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const arg = (name, fallback) => {
    const i = process.argv.indexOf(`--${name}`);
    return i < 0 ? fallback : process.argv[i + 1];
  };
  const dist = resolve(arg('dist', join(here, '../dist')));
  const { build } = await import('../build.mjs');
  await build(dist);
  if (process.argv.includes('--watch')) {
    let timer;
    watch(join(here, '../src'), { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(() => build(dist).catch(() => undefined), 60);
    });
  }
  const running = await startMock({ port: Number(arg('port', 9371)), targets: Number(arg('targets', 200)), prefix: arg('prefix', '/'), dist, empty: process.argv.includes('--empty'), brokenConfig: process.argv.includes('--broken-config'), auth: arg('auth', 'open') });
  console.log(`the page, with a mock of Belfry behind it: ${running.url}`);
}
