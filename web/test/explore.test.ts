// Explore's pure parts: the address, the step, names of series, columns of a graph.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autoStep, columns, errorPlace, exploreFromQuery, exploreToQuery, plotValue, seriesName, shortNames, shortNumber, span, stack, tableRows, unitOf } from '../src/lib/explore';

test('the address says all of it, and defaults say nothing', () => {
  const plain = exploreFromQuery(new URLSearchParams(''));
  assert.deepEqual(plain, { queries: [''], tab: 'graph', range: 3600, end: null, step: null, stacked: false });
  assert.equal(exploreToQuery(plain).toString(), '');
  const full = { queries: ['rate(a[5m])', 'b{c="d & e"}'], tab: 'table' as const, range: 86_400, end: 1_795_000_000, step: 60, stacked: true };
  assert.deepEqual(exploreFromQuery(new URLSearchParams(exploreToQuery(full).toString())), full);
  assert.equal(exploreFromQuery(new URLSearchParams('range=-5&end=x&step=0')).range, 3600);
});

test('a span lies on multiples of its step, so that it can be answered from the cache', () => {
  for (const range of [60, 3600, 86_400, 365 * 86_400]) {
    const step = autoStep(range);
    assert.ok(range / step <= 400, `${range}: ${step}`);
    const s = span({ queries: [], tab: 'graph', range, end: 1_795_000_123, step: null, stacked: false }, 0);
    assert.equal(s.end % s.step, 0);
    assert.equal(s.start % s.step, 0);
    assert.ok(s.end <= 1_795_000_123);
  }
});

test('series are written as PromQL reads them', () => {
  assert.equal(seriesName({}), '{}');
  assert.equal(seriesName({ __name__: 'up' }), 'up');
  assert.equal(seriesName({ __name__: 'up', job: 'a"b' }), 'up{job="a\\"b"}');
  assert.equal(seriesName({ __name__: 'my.metric', 'a.b': 'c' }), '{"my.metric", "a.b"="c"}');
  assert.deepEqual(shortNames([{ __name__: 'up', job: 'a', x: '1' }, { __name__: 'up', job: 'a', x: '2' }]), ['{x="1"}', '{x="2"}']);
  assert.deepEqual(shortNames([{ __name__: 'up', job: 'a' }]), ['up{job="a"}']);
});

test('what cannot be drawn is a gap', () => {
  assert.equal(plotValue('NaN'), null);
  assert.equal(plotValue('+Inf'), null);
  assert.equal(plotValue('1e-3'), 0.001);
  const { t, v } = columns([{ metric: {}, values: [[10, '1'], [30, 'NaN'], [40, '4']] }], 10, 50, 10);
  assert.deepEqual(t, [10, 20, 30, 40, 50]);
  assert.deepEqual(v, [[1, null, null, 4, null]]);
  assert.deepEqual(stack([[1, null, 2], [3, 4, null]]), [[1, null, 2], [4, 4, null]]);
});

test('rows of each kind of result', () => {
  assert.deepEqual(tableRows({ resultType: 'scalar', result: [5, '1'] }), [{ metric: {}, value: '1', time: 5 }]);
  assert.equal(tableRows({ resultType: 'matrix', result: [{ metric: {}, values: [[1, '2'], [3, '4']] }] }).length, 2);
});

test('numbers of an axis are short', () => {
  assert.deepEqual([0, 0.05, 1.23456, 1500, 2.5e6, -3e9, 4e-9].map(shortNumber), ['0', '0.05', '1.235', '1.5k', '2.5M', '-3G', '4e-9']);
  assert.deepEqual(errorPlace('invalid parameter "query": 1:18: parse error: unexpected end'), { line: 1, column: 18 });
  assert.equal(errorPlace('timeout'), null);
});

test('a unit is shown where the query tells it', () => {
  for (const query of ['probe_duration_seconds', 'avg by (type) (probe_duration_seconds{group="a_b * c"})', 'quantile_over_time(0.95, probe_duration_seconds[5m] offset 1h)', 'a_seconds - b_seconds > 0.5']) assert.equal(unitOf(query), 's', query);
  assert.equal(unitOf('max without (pid) (process_resident_memory_bytes)'), 'B');
  for (const query of ['', '1', 'probe_success', 'rate(a_seconds[5m])', 'count(a_seconds)', 'a_seconds * 1000', 'a_seconds > bool 1', 'a_seconds + b_bytes', 'process_start_time_seconds', 'rate(a_seconds_bucket[5m])', '"a_seconds"']) assert.equal(unitOf(query), null, query);
});
