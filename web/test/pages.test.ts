// The pure parts of the views around the watch: QR codes, diffs, matchers, the calendar, payloads, roles.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPayload } from '../src/components/channel-parts';
import { fromLocal, localInput } from '../src/components/time-fields';
import { isMonth, monthDays, monthText, onDay } from '../src/lib/calendar';
import { changes } from '../src/lib/diff';
import { matcherText, parseMatcher } from '../src/lib/matchers';
import { qrCode } from '../src/lib/qr';
import { browserName } from '../src/lib/user-agent';
import { allowed, type Session } from '../src/store/session';
import { slugOf } from '../src/views/status-page-edit';

function fingerprint(picture: boolean[][]): number {
  let sum = 0;
  for (const row of picture) for (const on of row) sum = (sum * 31 + (on ? 1 : 2)) >>> 0;
  return sum;
}

test('a QR code has the size of its version and its three corners', () => {
  for (const [n, size] of [[1, 21], [17, 21], [18, 25], [106, 37], [107, 41], [154, 45], [271, 57]] as const) {
    const picture = qrCode('x'.repeat(n)) as boolean[][];
    assert.equal(picture.length, size);
    for (const [y, x] of [[0, 0], [0, size - 7], [size - 7, 0]] as const) {
      const row = (at: number) => (picture[y + at] as boolean[]).slice(x, x + 7).map(Number).join('');
      assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map(row), ['1111111', '1000001', '1011101', '1011101', '1011101', '1000001', '1111111']);
    }
  }
  assert.equal(qrCode('x'.repeat(272)), null);
});

test('a QR code is the one that a reader was shown to read', () => {
  const uri = 'otpauth://totp/Belfry:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Belfry';
  assert.equal(fingerprint(qrCode(uri) as boolean[][]), 4271883022);
});

test('what a change changed, leaf by leaf', () => {
  const before = { name: 'a', labels: { env: 'prod' }, days: ['mon'], empty: '' };
  const after = { name: 'b', labels: { env: 'prod', team: 'sre' }, days: ['mon', 'tue'], sections: [{ title: 'x' }] };
  assert.deepEqual(changes(before, after), [
    { path: 'name', before: 'a', after: 'b' },
    { path: 'days', before: 'mon', after: 'mon, tue' },
    { path: 'labels.team', after: 'sre' },
    { path: 'sections[0].title', after: 'x' },
  ]);
  assert.deepEqual(changes(null, { a: 1 }), [{ path: 'a', after: '1' }]);
  assert.deepEqual(changes({ a: [] }, {}), []);
});

test('matchers are written and read', () => {
  for (const m of [
    { name: 'env', op: '=', value: 'prod' },
    { name: 'team', op: '=~', value: 'a|b' },
    { name: 'target', op: '!=', value: '主数据库-04' },
    { name: 'x', op: '!~', value: 'with "quotes"' },
  ] as const) {
    assert.deepEqual(parseMatcher(matcherText(m)), m);
  }
  assert.equal(matcherText({ name: 'env', op: '=', value: 'prod' }), 'env=prod');
  assert.equal(parseMatcher('no matcher'), null);
  assert.equal(parseMatcher('a="half'), null);
});

test('a month is whole weeks from Monday on', () => {
  const days = monthDays('2026-11'); // the 1st is a Sunday
  assert.equal(days.length, 42);
  assert.equal(days.filter((d) => d.inside).length, 30);
  assert.equal(new Date((days[0] as { start: number }).start).getDay(), 1);
  for (let i = 1; i < days.length; i++) assert.equal(days[i]?.start, days[i - 1]?.end);
  assert.equal(monthText('2026-12', 1), '2027-01');
  assert.equal(monthText('2026-01', -1), '2025-12');
  assert.ok(isMonth('2026-09') && !isMonth('2026-13') && !isMonth(null));
});

test('a window over midnight is on both days, an endless one on all that follow', () => {
  const days = monthDays('2026-11').filter((d) => d.inside);
  const at = (i: number, hours: number) => new Date((days[i] as { start: number }).start + hours * 3_600_000).toISOString();
  const over = { maintenance_id: 1, title: '', active: false, starts_at: at(4, 22), ends_at: at(5, 2) };
  const open = { ...over, starts_at: at(27, 1), ends_at: null };
  const with_ = (o: typeof over | typeof open) => days.flatMap((d, i) => (onDay(d, [o]).length ? [i] : []));
  assert.deepEqual(with_(over), [4, 5]);
  assert.deepEqual(with_(open), [27, 28, 29]);
});

test('local times of form fields', () => {
  assert.equal(fromLocal(''), null);
  assert.equal(localInput(null), '');
  const iso = '2026-11-21T20:31:00.000Z';
  assert.equal(fromLocal(localInput(iso)), iso);
});

test('payloads as people read them', () => {
  assert.equal(readPayload('{"msgtype":"markdown","markdown":{"content":"**x**"}}').text, '**x**');
  assert.deepEqual([readPayload('From: a\nSubject: Down\n\nbody').title, readPayload('From: a\nSubject: Down\n\nbody').text], ['Down', '']);
  assert.equal(readPayload('plain').raw, 'plain');
});

test('roles, in a group and elsewhere', () => {
  const bob: Session = { setup: false, kind: 'user', name: 'bob', user_id: 2, role: 'viewer', groups: { payments: 'editor', secret: 'none' } };
  assert.ok(allowed(bob, 'viewer') && !allowed(bob, 'editor'));
  assert.ok(allowed(bob, 'editor', 'payments') && !allowed(bob, 'admin', 'payments'));
  assert.ok(!allowed(bob, 'viewer', 'secret') && allowed(bob, 'viewer', 'shop'));
});

test('browsers by name, addresses of titles', () => {
  assert.equal(browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36'), 'Chrome · Linux');
  assert.equal(browserName('Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1'), 'Safari · iOS');
  assert.equal(browserName('curl/8.1'), 'curl');
  assert.equal(browserName('something else'), 'something else');
  assert.equal(slugOf('Our Shop: Čeština!'), 'our-shop-cestina');
  assert.equal(slugOf('内部'), '');
});
