// The pure parts: durations, addresses, filters, the window of a long list, routes, translations.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Option, Prober, Target } from '../src/api/types';
import { spanSeconds } from '../src/lib/format';
import { en } from '../src/i18n/en';
import { translate, type Entry } from '../src/i18n';
import { more as moreEn } from '../src/i18n/more/en';
import { more as moreZh } from '../src/i18n/more/zh';
import { zh } from '../src/i18n/zh';
import { durationText, parseDuration, parseSize } from '../src/lib/duration';
import { filterFromQuery, filterToQuery, serverQuery } from '../src/lib/filter';
import { configFromUrl, guessProber, nameFromUrl, splitUrl } from '../src/lib/guess';
import { compactGraph } from '../src/lib/graph';
import { graphPhases, phaseQuery, readMetrics } from '../src/lib/phases';
import { countStates, stateOf } from '../src/lib/state';
import { evenPlan, heightsPlan, sectionPlan, visibleSpan } from '../src/lib/virtual';
import { match, parseHash } from '../src/router';
import { addBeat, type Beat } from '../src/store/targets';

function target(id: number, more: Partial<Target> = {}): Target {
  return {
    id,
    name: `t${id}`,
    type: 'tcp',
    group: 'g',
    interval_seconds: 30,
    timeout_seconds: 5,
    enabled: true,
    threshold: 3,
    source: 'api',
    status: 'healthy',
    fail_count: 0,
    ...more,
  };
}

test('durations', () => {
  const cases: [string, number | null][] = [
    ['30s', 30],
    ['1h30m', 5400],
    ['500ms', 0.5],
    ['15', 15],
    ['1.5m', 90],
    ['', null],
    ['5 minutes', null],
    ['s', null],
    ['-3s', null],
  ];
  for (const [text, want] of cases) assert.equal(parseDuration(text), want, text);
  for (const s of [0, 0.8, 1, 59, 60, 90, 3600, 5400, 86400, 90061]) assert.equal(parseDuration(durationText(s)), s);
});

test('sizes', () => {
  const cases: [string, number | null][] = [['10', 10], ['64KiB', 65536], ['10MB', 1e7], ['1 GiB', 2 ** 30], ['x', null]];
  for (const [text, want] of cases) assert.equal(parseSize(text), want, text);
});

test('addresses', () => {
  const parts = splitUrl('postgresql://mon:p%40ss@[::1]:5432/app?ssl_mode=disable');
  assert.deepEqual([parts?.host, parts?.port, parts?.username, parts?.password, parts?.path], ['::1', 5432, 'mon', 'p@ss', 'app']);
  assert.equal(splitUrl('no address'), null);
  assert.equal(nameFromUrl('https://shop.example.com/health/'), 'shop.example.com/health');
  const probers: Prober[] = [
    { type: 'http', schemes: ['http', 'https'], options: [] },
    { type: 'tcp', schemes: ['tcp'], options: [] },
    { type: 'exec', options: [] },
  ];
  assert.equal(guessProber(' https://x', probers)?.type, 'http');
  assert.equal(guessProber('exec:/bin/true', probers)?.type, 'exec');
  assert.equal(guessProber('gopher://x', probers), undefined);
  const options = ['host', 'port', 'username', 'password', 'database'].map((name): Option => ({ name, type: 'string' }));
  assert.deepEqual(configFromUrl('mysql://u:p@db:3306/app', options), { host: 'db', port: 3306, username: 'u', password: 'p', database: 'app' });
  assert.equal(configFromUrl('mysql://db/app?unknown=1', options), null);
  assert.deepEqual(configFromUrl('https://x/y', [{ name: 'url', type: 'string' }]), { url: 'https://x/y' });
});

test('states', () => {
  assert.equal(stateOf(target(1)), 'up');
  assert.equal(stateOf(target(1, { status: 'unhealthy' })), 'down');
  assert.equal(stateOf(target(1, { degraded: true })), 'degraded');
  assert.equal(stateOf(target(1, { fail_count: 1 })), 'degraded');
  assert.equal(stateOf(target(1, { enabled: false, status: 'unhealthy' })), 'paused');
  assert.equal(stateOf(target(1, { status: 'unknown' })), 'unknown');
  const totals = countStates([target(1), target(2, { status: 'unhealthy' })]);
  assert.deepEqual([totals.all, totals.up, totals.down], [2, 1, 1]);
});

const filter = (text: string) => filterFromQuery(new URLSearchParams(text));

test('what the server is asked for', () => {
  assert.deepEqual(serverQuery(filter('')), { sort: 'worst', layout: 'groups' });
  assert.deepEqual(serverQuery(filter('view=wall&q=+a+b+&state=up,down&group=g&type=tcp&label=env%3Dprod&sort=since')), {
    sort: 'since',
    layout: 'flat',
    q: 'a b',
    state: 'down,up',
    group: 'g',
    type: 'tcp',
    label: 'env=prod',
  });
});

test('a filter survives its address', () => {
  for (const text of ['', 'q=x&state=down%2Cup&group=g&type=tcp&label=env%3Dprod&sort=latency&view=flat', 'sort=since&view=wall']) {
    assert.equal(filterToQuery(filter(text)).toString(), text);
  }
});

test('the window of a long list', () => {
  const plan = heightsPlan([40, 38, 38, 40, 38]);
  assert.equal(plan.height, 194);
  assert.equal(plan.at(-5), 0);
  assert.equal(plan.at(40), 1);
  assert.equal(plan.at(1e9), 4);
  assert.deepEqual(visibleSpan(plan, 50, 50, 0), { first: 1, last: 3 });
  assert.deepEqual(visibleSpan(heightsPlan([]), 0, 100, 0), { first: 0, last: 0 });
  assert.deepEqual(visibleSpan(evenPlan(100_000, 38), 38 * 50_000, 380, 0), { first: 50_000, last: 50_011 });
  assert.deepEqual(visibleSpan(evenPlan(0, 38), 0, 100, 0), { first: 0, last: 0 });
});

test('a list in sections is the same as its rows one by one', () => {
  const sections = [{ rows: 2 }, { rows: 0 }, { rows: 3 }];
  const heights = sections.flatMap(({ rows }) => [40, ...Array.from({ length: rows }, () => 38)]);
  const plan = sectionPlan(sections, 40, 38);
  const flat = heightsPlan(heights);
  assert.equal(plan.count, flat.count);
  assert.equal(plan.height, flat.height);
  for (let i = 0; i < flat.count; i++) {
    assert.equal(plan.top(i), flat.top(i), `top of ${i}`);
    assert.equal(plan.heightOf(i), flat.heightOf(i));
  }
  for (let y = -10; y < flat.height + 20; y += 3) assert.equal(plan.at(y), flat.at(y), `row at ${y}`);
  assert.deepEqual(plan.place(0), { section: 0, row: -1 });
  assert.deepEqual(plan.place(2), { section: 0, row: 1 });
  assert.deepEqual(plan.place(3), { section: 1, row: -1 });
  assert.deepEqual(plan.place(7), { section: 2, row: 2 });
});

test('routes', () => {
  assert.equal(parseHash('').path, '/');
  assert.equal(parseHash('#/targets/7?x=1').query.get('x'), '1');
  assert.deepEqual(match('/targets/:id/edit', '/targets/7/edit'), { id: '7' });
  assert.equal(match('/targets/:id', '/targets/7/edit'), null);
});

test('recent checks stay sorted, once each, bounded', () => {
  const beat = (at: number): Beat => ({ at, ok: true, warned: false, latency: 1, message: '' });
  let beats: Beat[] = [];
  for (const at of [3, 1, 2, 3]) beats = addBeat(beats, beat(at));
  assert.deepEqual(beats.map((b) => b.at), [1, 2, 3]);
  for (let at = 4; at < 200; at++) beats = addBeat(beats, beat(at));
  assert.equal(beats.length, 60);
  assert.equal(beats[59]?.at, 199);
});

test('phases', () => {
  const { phases, rows } = readMetrics({
    'probe_http_duration_seconds{phase="tls"}': 0.02,
    'probe_http_duration_seconds{phase="connect"}': 0.01,
    probe_http_status_code: 200,
  });
  assert.deepEqual(phases.map((p) => p.name), ['connect', 'tls']);
  assert.deepEqual(rows, [['probe_http_status_code', '200']]);
});

test('both dictionaries use the same placeholders', () => {
  const holes = (entry: Entry) =>
    [...new Set((typeof entry === 'string' ? entry : entry.other).match(/\{\w+\}/g) ?? [])].sort();
  const english: Record<string, Entry> = { ...en, ...moreEn };
  const chinese: Record<string, Entry> = { ...zh, ...moreZh };
  for (const [key, entry] of Object.entries(english)) assert.deepEqual(holes(chinese[key] ?? ''), holes(entry), key);
  for (const key of Object.keys(moreEn)) assert.ok(!(key in en), `${key} is in both`);
  assert.equal(translate('en', 'overview.down', { n: 1 }), '1 target is down');
  assert.equal(translate('en', 'overview.down', { n: 3 }), '3 targets are down');
  assert.equal(translate('zh', 'overview.down', { n: 3 }), '3 个目标故障');
});

test('a graph bridges empty buckets, not gaps', () => {
  const t = [0, 10, 20, 30, 40, 50, 60, 200, 210];
  const ok = [1, null, null, 1, null, null, 0, null, 1];
  const ms = [5, null, null, 6, null, null, null, null, 7];
  assert.deepEqual(compactGraph({ t, latency_ms: ms, success: ok }, 30).graph, {
    t: [0, 30, 60, 65, 210],
    latency_ms: [5, 6, null, null, 7],
    success: [1, 1, 0, null, 1],
  });
  assert.equal(compactGraph({ t: [0, 10], latency_ms: [null, null], success: [null, null] }, 30).graph.t.length, 0);
});

test("phases go into the graph's cells, in the order in which they happen", () => {
  assert.equal(
    phaseQuery('a"b', 'x\\y', 30000),
    'avg_over_time({__name__=~"probe_[a-z]+_duration_seconds",phase!="",group="a\\"b",target="x\\\\y"}[30000ms])',
  );
  const columns = graphPhases(
    [
      { metric: { phase: 'tls' }, values: [[110, '0.02'], [130, 'NaN']] },
      { metric: { phase: 'connect' }, values: [[120, '0.01']] },
    ],
    110,
    10,
    3,
  );
  assert.deepEqual(columns, [
    { name: 'connect', ms: [null, 10, null] },
    { name: 'tls', ms: [20, null, null] },
  ]);
  const graph = { t: [100, 110, 120], latency_ms: [30, null, 5], success: [1, null, 1] };
  assert.deepEqual(compactGraph(graph, 30, columns).phases, [
    { name: 'connect', ms: [null, null] },
    { name: 'tls', ms: [20, null] },
  ]);
});

test('a configured time is shown as it is', () => {
  assert.ok(spanSeconds(1.5).startsWith('1.5 '));
  assert.ok(spanSeconds(90).startsWith('90 '));
  assert.ok(spanSeconds(120).startsWith('2 '));
});
