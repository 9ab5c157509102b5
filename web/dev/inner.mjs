// The mock's targets that are more than one probe: checked from several locations, told by their job (push), judged by others
// (group). And the locations themselves.
import { resultAt } from './world.mjs';

const iso = (ms) => new Date(ms).toISOString();
const hour = 3600e3;

/** What takes the place of a few targets of a world that is large enough: id → what is special about it. */
const special = {
  3: { locations: ['local', 'beijing', 'frankfurt'], mood: 'down', failures: ['down at 2 of 3 locations: beijing: connection refused by 10.0.3.4:443; frankfurt: timeout after 5 s: no answer from 10.0.3.4:443'], moods: { beijing: 'down', frankfurt: 'down' } },
  12: { name: 'nightly-backup', type: 'push', address: '0 3 * * *', config: { schedule: '0 3 * * *', timezone: 'Asia/Shanghai', grace: '30m', max_duration: '2h', token: '********' }, mood: 'up', base: 754_000 },
  13: { name: 'storefront', type: 'group', address: '2 of 4 targets', config: { members: ['payments/checkout-24', 'gone-with-the-rack'], match: '{env="prod",team="shop"}', need: 'quorum', quorum: '66%' }, mood: 'up' },
  14: { locations: ['local', 'beijing', 'frankfurt', 'são-paulo'], location_quorum: 3, mood: 'up', moods: { frankfurt: 'silent', 'são-paulo': 'new' } },
  20: { name: 'invoice-export', type: 'push', address: 'every 1 h', config: { period: '1h', grace: '5m', token: '********' }, mood: 'down', failures: ['late by 1 h 52 min: expected at 02:05, last heard of at 01:04'] },
};

/** Changes a made item into the special one of its id. */
export function specialise(item, count) {
  const { pub } = item;
  const more = count < 50 ? undefined : special[pub.id];
  if (!more) return;
  const { mood, base, failures, moods, ...rest } = more;
  Object.assign(pub, rest, { source: 'api', enabled: true });
  Object.assign(item, { mood, failures, moods, base: base ?? item.base });
}

/** One check of a target at a place, null where nothing was heard. */
export function placeResultAt(item, place, ms) {
  const mood = item.moods?.[place] ?? 'up';
  if (mood === 'new' || (mood === 'silent' && ms > Date.now() - 1.2e6)) return null;
  const far = place === 'local' ? 1 : 2 + (place.length % 3);
  return resultAt({ ...item, failures: undefined, mood: mood === 'down' ? 'down' : 'up', base: item.base * far, pub: { ...item.pub, id: item.pub.id + 1000 * far } }, ms);
}

function placeOf(item, location) {
  const mood = item.moods?.[location] ?? 'up';
  const now = Date.now();
  const silent = { location, status: 'unknown', degraded: false, heard: false, fail_count: 0 };
  if (mood === 'new') return { ...silent, since: null, last_checked_at: null, latency_ms: null, message: 'has not been heard yet' };
  if (mood === 'silent') return { ...silent, since: iso(now - 1.1e6), last_checked_at: iso(now - 1.2e6), latency_ms: null, message: 'not heard for 20 min' };
  const last = Date.parse(item.pub.last_checked_at ?? iso(now));
  const r = placeResultAt(item, location, last);
  const down = mood === 'down';
  return { location, status: down ? 'unhealthy' : 'healthy', degraded: false, heard: true, since: iso(item.since), last_checked_at: iso(last), latency_ms: r.latency_ms, fail_count: down ? 9 : 0, message: r.message };
}

function run(at, kind, more = {}) {
  return { kind, rid: '', started_at: more.duration_ms ? iso(at - more.duration_ms) : null, ended_at: iso(at), duration_ms: null, exit_code: null, message: '', output: '', from: '10.0.4.12', ...more };
}

const dump = 'pg_dump: dumping contents of table "public.orders"\npg_dump: error: query failed: could not read block 1042 in file "base/16384/2619": Input/output error\npg_dump: detail: Query was: COPY public.orders (id, placed_at, customer, total) TO stdout;\n';

function pushOf(item) {
  const { pub, since } = item;
  const [now, day] = [Date.now(), 24 * hour];
  const late = item.mood === 'down';
  const last = now - (late ? 2.9 : 9.4) * hour;
  const token = 'u7Qm2xVhJc0pLr9sTz4n';
  const doc = { path: `/push/${token}`, url: null, running: [], runs: [], due_at: iso(now + hour), late_at: iso(now + 1.5 * hour), last_at: null, last_success_at: null, last_duration_ms: null };
  if (!item.base || !pub.last_checked_at || since > now - 60e3) return doc;
  const runs = late
    ? [run(last, 'success', { message: '412 invoices', duration_ms: 41_000, exit_code: 0 }), run(last - hour, 'success', { message: '398 invoices', duration_ms: 39_500, exit_code: 0 })]
    : [
        run(last, 'success', { duration_ms: 754_000, exit_code: 0, message: '31.4 GiB in 212 files', output: 'pg_dump: saving database definition\npg_dump: dumping contents of table "public.orders"\n31.4 GiB in 212 files\n' }),
        run(last - 0.4 * hour, 'log', { rid: 'weekly-44', message: 'verifying the copy of Sunday' }),
        run(last - day, 'fail', { duration_ms: 91_300, exit_code: 1, message: 'pg_dump: detail: Query was: COPY public.orders', output: dump }),
        run(last - 2 * day, 'success', { duration_ms: 731_000, exit_code: 0, message: '31.1 GiB in 211 files' }),
      ];
  const running = late ? [] : [{ rid: 'weekly-45', started_at: iso(now - 0.3 * hour) }];
  return { ...doc, runs, running, due_at: iso(late ? now - 1.9 * hour : now + 14.6 * hour), late_at: iso(late ? now - 1.8 * hour : now + 15.1 * hour), last_at: iso(last), last_success_at: iso(last), last_duration_ms: runs[0].duration_ms };
}

function membersOf(item, items) {
  const { members = [], match } = item.pub.config ?? {};
  const all = [...items.values()].map((x) => x.pub).filter((p) => p.id !== item.pub.id);
  const named = members.map((text) => [text, all.find((p) => p.name === text || `${p.group}/${p.name}` === text)]);
  const fitting = match ? all.filter((p) => p.labels?.team === 'shop').slice(0, 3) : [];
  const found = [...new Set([...named.flatMap(([, p]) => p ?? []), ...fitting, ...(match ? [all[2]] : [])])];
  return {
    members: found.map(({ id, name, group, type, status, degraded, last_message }) => ({ id, name, group, type, status, degraded, last_message })),
    members_missing: named.filter(([, p]) => !p).map(([text]) => text),
  };
}

/** What GET /api/v1/targets/ID says beside the target. */
export function innerOf(item, items) {
  const { pub } = item;
  if (pub.type === 'push') return { push: pushOf(item) };
  if (pub.type === 'group') return membersOf(item, items);
  return (pub.locations ?? []).some((l) => l !== 'local') ? { places: pub.locations.map((l) => placeOf(item, l)) } : {};
}

/** What a check by hand adds where there are several locations: each one's answer. */
export function checkedOf(item) {
  const { locations = [] } = item.pub;
  if (locations.length < 2) return {};
  const places = locations.map((location) => {
    const result = placeResultAt(item, location, Date.now());
    return { location, answered: result !== null, message: result?.message ?? `no agent of the location "${location}" is connected`, result };
  });
  return { places };
}

/** As GET /api/v1/locations: the names of agents' tokens, a few of which are known to live. */
export function locationsOf(tokens) {
  const now = Date.now();
  const live = {
    beijing: { connected: true, since: iso(now - 93 * hour), last_heard_at: iso(now - 600), version: '0.6.0', address: '100.64.8.20', targets: 41, buffered: 0, dropped: 0 },
    frankfurt: { connected: false, since: iso(now - 1.2e6), last_heard_at: iso(now - 1.2e6), version: '0.5.2', address: '203.0.113.80', targets: 12, buffered: 1840, dropped: 0 },
    'são-paulo': { connected: false, since: null, last_heard_at: null, version: null, address: null, targets: 1, buffered: null, dropped: null },
  };
  return tokens.filter((x) => x.scope === 'agent').map((x) => ({ name: x.name, source: 'token', connected: false, since: null, last_heard_at: null, version: null, address: null, targets: 0, buffered: null, dropped: null, ...live[x.name] }));
}
