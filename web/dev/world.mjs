// The mock's world: targets with a past and a future. Deterministic from a seed, so that screenshots of
// two runs can be compared.
import { specialise } from './inner.mjs';

export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const groups = ['payments', 'shop', 'databases', 'network', 'office', '生产环境', 'partners', 'edge'];
const kinds = [
  ['http', 'https://{n}.example.com/health', 45],
  ['tcp', '10.0.{g}.{i}:443', 4],
  ['icmp', '10.0.{g}.{i}', 1.2],
  ['dns', '10.0.0.2 {n}.example.com A', 3],
  ['postgresql', '10.0.{g}.{i}:5432/app', 9],
  ['mysql', '10.0.{g}.{i}:3306/app', 7],
  ['redis', '10.0.{g}.{i}:6379', 1.6],
  ['kafka', 'broker-{i}:9092', 18],
];
const names = ['checkout', 'cart', 'search', 'login', 'gateway', 'orders', 'catalogue', 'invoices', 'images', 'webhook', 'ledger', 'mail', 'reports', 'queue', 'session', '主数据库', '缓存', '消息队列'];
const failures = {
  http: ['HTTP 503 Service Unavailable, want 200-299', 'timeout after 5 s: no answer from 10.0.1.7:443', 'certificate expired 2 days ago (CN=shop.example.com)'],
  tcp: ['connection refused by 10.0.3.14:443'],
  icmp: ['no echo from 10.0.3.9 within 5 s (3 of 3 lost)'],
  dns: ['SERVFAIL from 10.0.0.2 for orders.example.com A'],
  postgresql: ['FATAL: password authentication failed for user "mon"', 'connection refused by 10.0.2.5:5432'],
  mysql: ['too many connections (1040)'],
  redis: ['connection reset by 10.0.2.8:6379 after PING'],
  kafka: ['consumer group billing lags by 48,201 messages, want at most 10,000'],
  push: ['exit code 1: pg_dump: error: query failed'],
  group: ['1 of 4 members is up, want 66%: checkout-01, gateway-09 and one more are down'],
};
const good = { http: 'HTTP 200, 1.2 kB', tcp: 'connected', icmp: '3 of 3 echoes, jitter 0.1 ms', dns: '2 answers', postgresql: 'SELECT 1 in 2 ms, PostgreSQL 15.4', mysql: 'SELECT 1 in 3 ms', redis: 'PONG, 7.0.15', kafka: 'lag 12', push: '31.4 GiB in 212 files', group: '3 of 4 members are up, want 66%' };

const iso = (ms) => new Date(ms).toISOString();

function configOf(type, address, i) {
  if (type === 'http') return { url: address, expect: { status: ['200-299'], max_latency: '800ms' }, ...(i % 7 === 0 ? { headers: { 'X-Probe': 'belfry' }, bearer_token: '********' } : {}) };
  if (type === 'dns') return { server: '10.0.0.2', name: address.split(' ')[1], type: 'A' };
  if (type === 'kafka') return { brokers: [address], group: 'billing', max_lag: 10000 };
  const [host, rest] = address.split(':');
  if (type === 'icmp') return { host, count: 3 };
  const port = Number(rest.split('/')[0]);
  return { host, port, ...(type === 'tcp' ? {} : { username: 'mon', password: '********', database: 'app' }) };
}

function makeTarget(i, count, now, rnd) {
  const [type, pattern, base] = kinds[Math.floor(rnd() * kinds.length)];
  const group = groups[i % groups.length];
  const name = `${names[Math.floor(rnd() * names.length)]}-${String(i).padStart(2, '0')}`;
  const address = pattern.replace('{n}', names[i % 15]).replace('{g}', groups.indexOf(group)).replace('{i}', (i % 250) + 1);
  const p = rnd();
  const mood = i === 5 || i === 26 || i === 3 ? 'down' : p < 0.012 && count < 1000 ? 'down' : p < 0.035 ? 'degraded' : p < 0.055 ? 'paused' : p < 0.065 ? 'unknown' : p < 0.08 ? 'maintenance' : 'up';
  const interval = [15, 30, 30, 60][i % 4];
  return {
    mood,
    base: base * (0.6 + rnd()),
    since: now - Math.floor(rnd() * rnd() * 86400e3 * 9) - 60e3,
    pub: {
      id: i, name, type, group, address, config: configOf(type, address, i),
      interval_seconds: interval, timeout_seconds: 5, attempts: 1, threshold: 3, resend_interval_seconds: 0, enabled: mood !== 'paused',
      labels: i % 3 === 0 ? { env: 'prod', team: group === '生产环境' ? 'sre' : group } : { env: 'prod' },
      notify_channel_ids: i % 5 === 0 ? [1, 2] : [], depends_on: [], source: i % 9 === 0 ? 'file' : 'api',
      status: 'unknown', degraded: false, last_message: null, last_checked_at: null, last_latency_ms: null, fail_count: 0,
      created_at: iso(now - 40 * 86400e3), updated_at: iso(now - 86400e3),
    },
  };
}

/** One check of a target at a time: what it would have measured. Same time, same answer. */
export function resultAt(item, ms) {
  const { pub } = item;
  const rnd = random((pub.id * 2654435761) ^ Math.floor(ms / 1000));
  const wave = 1 + 0.35 * Math.sin(ms / 5.4e6 + pub.id) + (rnd() < 0.04 ? 2 * rnd() : 0);
  const down = item.mood === 'down' && ms >= item.since;
  const failed = down || (item.mood === 'up' && rnd() < 0.004) || (item.mood === 'degraded' && rnd() < 0.05);
  const slow = item.mood === 'degraded' && ms >= item.since;
  const latency = Math.round(item.base * wave * (slow ? 12 : 1) * (0.85 + 0.3 * rnd()) * 100) / 100;
  const texts = item.failures ?? failures[pub.type] ?? ['failed'];
  const message = failed ? texts[pub.id % texts.length] : slow ? `${good[pub.type]}, slow: ${Math.round(latency)} ms, want at most 300 ms` : good[pub.type];
  return {
    id: pub.id * 1e7 + Math.floor(ms / 1000) % 1e7, target_id: pub.id, success: !failed, latency_ms: failed && /timeout|within/.test(message) ? 5000 : latency, message,
    metrics: metricsOf(pub.type, latency, failed), warnings: !failed && slow ? [`slower than 300 ms: ${Math.round(latency)} ms`] : [], checked_at: iso(ms),
  };
}

function metricsOf(type, latency, failed) {
  const s = latency / 1000;
  if (type !== 'http') return { probe_success: failed ? 0 : 1, probe_duration_seconds: s, probe_ip: '10.0.1.7' };
  const phase = (name, share) => [`probe_http_duration_seconds{phase="${name}"}`, Math.round(s * share * 1e6) / 1e6];
  return {
    probe_success: failed ? 0 : 1,
    ...Object.fromEntries([phase('resolve', 0.06), phase('connect', 0.14), phase('tls', 0.31), phase('processing', 0.43), phase('transfer', 0.06)]),
    probe_http_status_code: failed ? 503 : 200, probe_http_content_length: 1231, probe_ssl_earliest_cert_expiry: 1803600000, probe_tls_version: 'TLSv1.3', probe_ip: '10.0.1.7',
  };
}

function settle(item, now) {
  const { pub } = item;
  if (item.mood === 'paused') pub.status = 'disabled';
  else if (item.mood === 'unknown') pub.status = 'unknown';
  else {
    pub.status = { down: 'unhealthy', degraded: 'healthy', up: 'healthy', maintenance: 'maintenance' }[item.mood];
    pub.degraded = item.mood === 'degraded';
    const last = now - Math.floor(Math.random() * pub.interval_seconds * 1000);
    const r = resultAt(item, last);
    Object.assign(pub, { last_message: r.message, last_checked_at: r.checked_at, last_latency_ms: r.latency_ms, fail_count: item.mood === 'down' ? 7 : 0 });
  }
  pub.since = iso(item.since);
}

export function makeWorld(count) {
  const rnd = random(7);
  const now = Date.now();
  const items = new Map();
  for (let i = 1; i <= count; i++) {
    const item = makeTarget(i, count, now, rnd);
    specialise(item, count);
    settle(item, now);
    items.set(i, item);
  }
  const channels = new Map([
    [1, { id: 1, name: '运维群', type: 'wecom', webhook_url: '********', enabled: true, mention_all: true, config: {}, source: 'file' }],
    [2, { id: 2, name: 'on-call mail', type: 'email', webhook_url: '', enabled: true, mention_all: false, config: { host: 'smtp.example.com', from: 'belfry@example.com', to: ['ops@example.com', 'night@example.com'], username: 'belfry', password: '********' }, source: 'api' }],
    [3, { id: 3, name: 'slack #alerts', type: 'slack', webhook_url: '********', enabled: false, mention_all: false, config: {}, source: 'api' }],
    [4, { id: 4, name: 'ticket hook', type: 'webhook', webhook_url: 'http://10.0.0.9/hook', enabled: true, mention_all: false, config: {}, source: 'api', last_error: 'HTTP 502 from 10.0.0.9', pending: 2 }],
  ]);
  return { items, channels, alerts: makeAlerts(items, now), started: now - 3 * 86400e3, nextTarget: count + 1, nextChannel: 5 };
}

function delivery(channel_id, channel, status, at, answer, more = {}) {
  return { channel_id, channel, status, kind: 'fired', attempts: status === 'failed' ? 5 : 1, answer, at: iso(at), ...more };
}

function alertOf(id, item, now) {
  const at = item.since + 95e3;
  const alert = { id, target_id: item.pub.id, target_name: item.pub.name, group: item.pub.group, status: 'firing', message: item.pub.last_message ?? '', fired_at: iso(at), resolved_at: null, notified: [], suppressed: '' };
  if (id % 4 === 2) Object.assign(alert, { suppressed: 'parent', suppressed_by: 'core-switch' });
  if (id % 4 === 3) alert.acknowledged = { by: 'alice', at: iso(at + 240e3), note: 'the switch in rack 4 is being replaced' };
  if (id % 4 !== 2) alert.notified = [delivery(1, '运维群', 'sent', at + 120, '{"errcode":0,"errmsg":"ok"}'), delivery(4, 'ticket hook', id % 3 === 0 ? 'failed' : 'pending', at + 9000, 'HTTP 502 from 10.0.0.9')];
  return alert;
}

function makeAlerts(items, now) {
  const out = [];
  let id = 1;
  for (const item of items.values()) if (item.mood === 'down') out.push(alertOf(id++, item, now));
  const rnd = random(11);
  const all = [...items.values()].filter((x) => x.mood === 'up');
  for (let i = 0; i < 60 && all.length; i++) {
    const item = all[Math.floor(rnd() * all.length)];
    const at = now - (i + 1) * 3.1e6 - rnd() * 1e6;
    const end = at + 30e3 + rnd() * 4e6;
    const texts = failures[item.pub.type] ?? ['failed'];
    const a = { id: id++, target_id: item.pub.id, target_name: item.pub.name, group: item.pub.group, status: 'resolved', message: texts[i % texts.length], fired_at: iso(at), resolved_at: iso(end), notified: [], suppressed: i % 11 === 3 ? 'maintenance' : '' };
    if (!a.suppressed) a.notified = [delivery(1, '运维群', 'sent', at + 90, '{"errcode":0,"errmsg":"ok"}'), delivery(1, '运维群', 'sent', end + 90, '{"errcode":0,"errmsg":"ok"}', { kind: 'resolved' })];
    out.push(a);
  }
  return out.sort((a, b) => b.fired_at.localeCompare(a.fired_at));
}

export { alertOf };
