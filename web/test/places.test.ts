// Locations: how a place stands, what the verdict says, a place's past, and what the form makes of both fields.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place, Prober, Target } from '../src/api/types';
import { majority, placeBeats, placesQuery, placeState } from '../src/lib/places';
import { readVerdict } from '../src/lib/state';
import { complaintsOf, draftOf, emptyForm, formOf } from '../src/lib/target-form';

const place = (more: Partial<Place>): Place => ({ location: 'beijing', status: 'healthy', heard: true, since: null, last_checked_at: null, latency_ms: 1, message: '', ...more });

test('a place is up, down, degraded or unknown', () => {
  assert.equal(placeState(place({})), 'up');
  assert.equal(placeState(place({ fail_count: 1 })), 'degraded');
  assert.equal(placeState(place({ degraded: true })), 'degraded');
  assert.equal(placeState(place({ status: 'unhealthy', degraded: true })), 'down');
  assert.equal(placeState(place({ status: 'unknown', heard: false })), 'unknown');
});

test('most of one, two, three, four', () => {
  assert.deepEqual([1, 2, 3, 4].map(majority), [1, 2, 2, 3]);
});

test('the verdict is read from the message, and from no other', () => {
  assert.deepEqual(readVerdict('down at 2 of 3 locations: beijing: refused; paris: timeout'), { down: 2, of: 3, rest: 'beijing: refused; paris: timeout' });
  assert.deepEqual(readVerdict('down at 1 of 4 locations, and 2 more said so before falling silent: a: x'), { down: 3, of: 4, rest: 'a: x' });
  assert.deepEqual(readVerdict('down at 1 of 3 locations, fewer than 2: a: x'), { down: 1, of: 3, rest: 'a: x' });
  for (const other of ['connection refused', 'was down at 2 of 3 locations: x', '', null, undefined]) assert.equal(readVerdict(other), null);
});

test('the query names the target as it is written, quotes and all', () => {
  assert.equal(placesQuery('min', 'probe_success', { group: 'a "b"', name: 'c\\d' }, 120), 'min by (location) (min_over_time(probe_success{group="a \\"b\\"",target="c\\\\d",location!=""}[120s]))');
});

test("a place's past has a gap where nothing was heard", () => {
  const series = (values: [number, string][]) => [{ metric: { location: 'beijing' }, values }];
  const beats = placeBeats(series([[100, '1'], [340, '0']]), series([[100, '0.25']]), 'beijing', 100, 120, 3);
  assert.deepEqual(beats.map((b) => b && [b.at, b.ok, b.latency]), [[100_000, true, 250], null, [340_000, false, null]]);
  assert.deepEqual(placeBeats([], [], 'beijing', 100, 120, 2), [null, null]);
});

test('the form sends locations only where there are others, and bounds the quorum', () => {
  const prober: Prober = { type: 'tcp', options: [] };
  const form = { ...emptyForm(), name: 'x', type: 'tcp' };
  const draft = (locations: string[], quorum: string) => draftOf({ ...form, locations, quorum }, prober, null);
  assert.equal('locations' in draft(['local'], '2'), false);
  assert.equal('location_quorum' in draft(['local'], '2'), false);
  assert.deepEqual(draft(['local', 'beijing'], '').locations, ['local', 'beijing']);
  assert.equal('location_quorum' in draft(['local', 'beijing'], ' '), false);
  assert.equal(draft(['beijing'], '1').location_quorum, 1);
  const wrong = (quorum: string) => complaintsOf({ ...form, locations: ['local', 'beijing'], quorum }, prober).has('location_quorum');
  assert.deepEqual(['', '1', '2', '0', '3', 'most'].map(wrong), [false, false, false, true, true, true]);
  const target = { id: 1, name: 'x', type: 'tcp', locations: ['beijing'], location_quorum: 1 } as unknown as Target;
  assert.deepEqual([formOf(target, prober).locations, formOf(target, prober).quorum], [['beijing'], '1']);
});
