// The mock's lists of targets: filters, orders, facets and groups as the server answers them (core/target_index.h).
import { resultAt } from './world.mjs';

const states = ['down', 'degraded', 'unknown', 'maintenance', 'up', 'paused'];
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

export function shownState(pub) {
  if (!pub.enabled || pub.status === 'disabled') return 'paused';
  if (pub.status === 'maintenance') return 'maintenance';
  if (pub.status === 'unhealthy') return 'down';
  if (pub.fail_count > 0 || (pub.status === 'healthy' && pub.degraded)) return 'degraded';
  return pub.status === 'healthy' ? 'up' : 'unknown';
}

const texts = new WeakMap();

/** Of a target's words those that do not change with each check. */
function textOf(pub) {
  let text = texts.get(pub);
  if (text === undefined) {
    const labels = Object.entries(pub.labels ?? {}).map(([k, v]) => `${k}=${v}`).join(' ');
    text = `${pub.name} ${pub.group} ${pub.type} ${pub.address ?? ''} ${labels}`.toLowerCase();
    texts.set(pub, text);
  }
  return text;
}

function hasWords(pub, words) {
  if (words.length === 0) return true;
  const state = shownState(pub);
  const said = state === 'up' || state === 'paused' ? '' : (pub.last_message ?? '').toLowerCase();
  return words.every((w) => textOf(pub).includes(w) || said.includes(w));
}

function labelFits(pub, label) {
  const [name, ...rest] = label.split('=');
  const have = pub.labels?.[name];
  return have !== undefined && (rest.length === 0 || have === rest.join('='));
}

const none = () => Object.fromEntries(states.map((s) => [s, 0]));

function addTo(map, key) {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function countsOf(map, most = Infinity) {
  const all = [...map].map(([name, targets]) => ({ name, targets }));
  if (all.length > most) all.sort((a, b) => b.targets - a.targets);
  return all.slice(0, most).sort((a, b) => collator.compare(a.name, b.name));
}

function withTotal(counts) {
  return { ...counts, total: states.reduce((sum, s) => sum + counts[s], 0) };
}

function compare(sort) {
  const byName = (a, b) => a.place - b.place;
  if (sort === 'worst') return (a, b) => a.rank - b.rank || byName(a, b);
  if (sort === 'latency') return (a, b) => (b.pub.last_latency_ms ?? 0) - (a.pub.last_latency_ms ?? 0) || byName(a, b);
  if (sort === 'since') return (a, b) => Date.parse(b.pub.since ?? 0) - Date.parse(a.pub.since ?? 0) || byName(a, b);
  if (sort === 'name') return byName;
  return (a, b) => a.pub.id - b.pub.id;
}

export class TargetLists {
  constructor(items) {
    this.items = items;
    this.places = new Map();
    this.sizeThen = -1;
  }

  place(pub) {
    if (this.sizeThen !== this.items.size) {
      this.sizeThen = this.items.size;
      const sorted = [...this.items.values()].map((x) => x.pub).sort((a, b) => collator.compare(a.name, b.name) || a.id - b.id);
      this.places = new Map(sorted.map((p, i) => [p.id, i]));
    }
    return this.places.get(pub.id) ?? 0;
  }

  find(query) {
    const words = (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (query.get('state') ?? '').split(',').filter(Boolean);
    const status = (query.get('status') ?? '').split(',').filter(Boolean);
    const ids = query.has('ids') ? new Set(query.get('ids').split(',').map(Number)) : null;
    const group = query.get('group');
    const type = query.get('type');
    const label = query.get('label');
    const all = none();
    const byState = none();
    const groups = new Map();
    const kinds = { groups: new Map(), types: new Map(), labels: new Map() };
    const found = [];
    for (const { pub } of this.items.values()) {
      const state = shownState(pub);
      all[state]++;
      if (ids && !ids.has(pub.id)) continue;
      if (status.length && !status.includes(pub.status)) continue;
      const miss = { state: wanted.length > 0 && !wanted.includes(state), group: group && pub.group !== group, type: type && pub.type !== type, label: label && !labelFits(pub, label) };
      const missed = Object.keys(miss).filter((k) => miss[k]);
      if (missed.length > 1 || !hasWords(pub, words)) continue;
      const only = (kind) => missed.length === 0 || missed[0] === kind;
      if (only('state')) byState[state]++;
      if (only('group')) addTo(kinds.groups, pub.group);
      if (only('type')) addTo(kinds.types, pub.type);
      if (only('label')) for (const [k, v] of Object.entries(pub.labels ?? {})) addTo(kinds.labels, `${k}=${v}`);
      if (missed.length > 0) continue;
      const counts = groups.get(pub.group) ?? { name: pub.group, targets: 0, ...none() };
      counts.targets++;
      counts[state]++;
      groups.set(pub.group, counts);
      found.push({ pub, rank: states.indexOf(state), place: this.place(pub) });
    }
    const facets = { all: withTotal(all), states: withTotal(byState), groups: countsOf(kinds.groups), types: countsOf(kinds.types), labels: countsOf(kinds.labels, 200) };
    return { found, facets, groups: this.ordered([...groups.values()], query.get('sort')) };
  }

  /** Only trouble moves a group up. */
  ordered(groups, sort) {
    const trouble = (g) => (g.down > 0 ? 0 : g.degraded > 0 ? 1 : 2);
    return groups.sort((a, b) => (sort === 'name' ? 0 : trouble(a) - trouble(b)) || collator.compare(a.name, b.name));
  }

  list(query) {
    const { found, facets, groups } = this.find(query);
    const inner = compare(query.get('sort'));
    const grouped = query.get('layout') === 'groups';
    const order = new Map(groups.map((g, i) => [g.name, i]));
    found.sort(grouped ? (a, b) => order.get(a.pub.group) - order.get(b.pub.group) || inner(a, b) : inner);
    const limit = Math.min(Number(query.get('limit') ?? 100), 10000);
    const start = Number(query.get('offset') ?? query.get('cursor') ?? 0);
    const next = start + limit < found.length ? String(start + limit) : null;
    const out = { items: found.slice(start, start + limit).map((x) => x.pub), total: found.length, next };
    if (query.get('facets')) out.facets = facets;
    if (grouped) out.groups = groups;
    return out;
  }

  facets(query) {
    const { found, facets, groups } = this.find(query);
    return { total: found.length, facets, groups };
  }

  recent(query) {
    const n = Number(query.get('recent') ?? 30);
    const { found } = this.find(query);
    const items = found.map(({ pub }) => {
      const item = this.items.get(pub.id);
      const last = pub.last_checked_at ? Date.parse(pub.last_checked_at) : 0;
      const recent = last ? Array.from({ length: n }, (_, i) => resultAt(item, last - i * pub.interval_seconds * 1000)) : [];
      const uptime = last ? (shownState(pub) === 'down' ? 0.9312 : pub.id % 9 === 0 ? 0.9987 : 1) : null;
      return { id: pub.id, uptime, recent: recent.map(({ success, latency_ms, message, warnings, checked_at }) => ({ success, latency_ms, message, degraded: warnings.length > 0, checked_at })) };
    });
    return { items, total: items.length };
  }
}

/** What a target's page asks beside its checks. */
export function uptimeOf(item) {
  const down = item.mood === 'down';
  const windows = [['24h', down ? 0.9312 : 0.9997, down ? 2 : 1, down ? 5944 : 26], ['7d', 0.9981, 4, 1149], ['30d', 0.9992, 9, 2073], ['90d', 0.9994, 21, 4665], ['1y', null, 0, 0]];
  const at = new Date(Date.now() - 3.3e6).toISOString();
  const failures = item.pub.last_checked_at ? [{ reason: 'timeout', count: 14, last_at: at, example: 'timeout after 5 s: no answer from 10.0.1.7:443' }, { reason: 'HTTP 503', count: 6, last_at: at, example: 'HTTP 503 Service Unavailable, want 200-299' }, { reason: 'connection refused', count: 1, last_at: at, example: 'connection refused by 10.0.3.14:443' }] : [];
  return { target_id: item.pub.id, windows: windows.map(([window, uptime, incidents, down_seconds]) => ({ window, uptime, incidents, down_seconds })), failures, failures_since: new Date(Date.now() - 7 * 86400e3).toISOString() };
}

/** With the chain of certificates where there is one. */
export function lastResult(item) {
  const { pub } = item;
  if (!pub.last_checked_at) return null;
  const result = resultAt(item, Date.parse(pub.last_checked_at));
  if (pub.type !== 'http') return result;
  const day = (n) => new Date(Date.now() + n * 86400e3).toISOString();
  const certificates = [
    { subject: `CN=${pub.name}.example.com`, issuer: 'C=US, O=Example Trust, CN=Example TLS CA 3', serial: '04:9a:11', alt_names: `${pub.name}.example.com`, not_before: day(-60), not_after: day(pub.id % 3 === 0 ? 12 : 29) },
    { subject: 'C=US, O=Example Trust, CN=Example TLS CA 3', issuer: 'C=US, O=Example Trust, CN=Example Root', serial: '11', not_before: day(-900), not_after: day(1400) },
  ];
  return { ...result, detail: { tls_version: 'TLSv1.3', tls_cipher: 'TLS_AES_256_GCM_SHA384', tls_verified: true, certificates } };
}
