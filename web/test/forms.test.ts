// Forms: configuration to text and back, validation by the option table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject, Option, Prober, Target } from '../src/api/types';
import { fromForm, isSet, secretMask, toForm, validate } from '../src/lib/form-model';
import { proberGroups, urlExample } from '../src/lib/prober-list';
import { complaintsOf, draftOf, emptyForm, formOf } from '../src/lib/target-form';

const options: Option[] = [
  { name: 'host', type: 'string', required: true },
  { name: 'port', type: 'int', default: '5432', min: 1, max: 65535 },
  { name: 'password', type: 'string', secret: true },
  { name: 'tls', type: 'bool', default: 'false' },
  { name: 'verify', type: 'bool', default: 'true' },
  { name: 'wait', type: 'duration', min: 1, max: 60000 },
  { name: 'headers', type: 'map' },
  { name: 'to', type: 'list' },
  {
    name: 'expect',
    type: 'section',
    options: [
      { name: 'status', type: 'ranges', default: '200-299' },
      { name: 'json', type: 'sections', options: [{ name: 'path', type: 'string', required: true }] },
    ],
  },
];

test('a configuration survives its form', () => {
  const configs: JsonObject[] = [
    { host: 'a' },
    { host: 'a', port: 1, tls: true, wait: '800ms', to: ['x', 'y'], headers: { A: '1' } },
    { host: 'a', expect: { status: ['200-299', '304'], json: [{ path: 'a.b' }] }, verify: false },
    { host: 'a', password: secretMask, tls: false, of_a_newer_server: { kept: true } },
  ];
  for (const config of configs) assert.deepEqual(fromForm(options, toForm(options, config), config), config);
});

test('defaults are not sent', () => {
  assert.deepEqual(fromForm(options, toForm(options, {}), {}), {});
});

test('validation names the field', () => {
  const form = toForm(options, { port: 70000, wait: '2m', expect: { status: ['abc'], json: [{}] } });
  const found = validate(options, form, 'config');
  assert.deepEqual([...found.keys()].sort(), [
    'config.expect.json[0].path',
    'config.expect.status',
    'config.host',
    'config.port',
    'config.wait',
  ]);
  assert.equal(found.get('config.port')?.key, 'check.max');
  assert.equal(validate(options, toForm(options, { host: 'a' }), '').size, 0);
});

test('what is set shows', () => {
  const form = toForm(options, { host: 'a', verify: false });
  assert.deepEqual(options.filter((o) => isSet(o, form[o.name])).map((o) => o.name), ['host', 'verify']);
});

const prober: Prober = { type: 'postgresql', options };

test('a target survives its form', () => {
  const target: Target = {
    id: 7,
    name: 'db',
    type: 'postgresql',
    group: 'g',
    config: { host: 'a', password: secretMask },
    interval_seconds: 90,
    timeout_seconds: 5,
    attempts: 2,
    connect_timeout_seconds: 3,
    burst: { times: 10, delta_seconds: 1, min_success: 0.7, max_mean_seconds: 5 },
    enabled: true,
    threshold: 3,
    success_threshold: 2,
    invert: true,
    resend_interval_seconds: 0,
    labels: { env: 'prod' },
    notify_channel_ids: [1],
    depends_on: [3],
    source: 'api',
    status: 'healthy',
    fail_count: 0,
  };
  const draft = draftOf(formOf(target, prober), prober, target);
  for (const key of ['name', 'group', 'type', 'config', 'interval_seconds', 'timeout_seconds', 'connect_timeout_seconds', 'burst', 'attempts', 'threshold', 'success_threshold', 'invert', 'resend_interval_seconds', 'labels', 'notify_channel_ids', 'depends_on', 'enabled'] as const) {
    assert.deepEqual(draft[key], target[key], key);
  }
});

test('complaints about a new target', () => {
  const form = { ...emptyForm(), type: 'postgresql', config: toForm(options, {}), interval: '5s', timeout: '9s', threshold: 'x' };
  assert.deepEqual([...complaintsOf(form, prober).keys()].sort(), ['config.host', 'name', 'threshold', 'timeout_seconds']);
  const whole = { ...form, name: 'n', threshold: '', timeout: '', config: { ...form.config, url: 'postgresql://x/y?z=1' } };
  assert.equal(complaintsOf(whole, prober).size, 0);
  const counts = complaintsOf({ ...whole, attempts: '0', threshold: '1001', successes: '1' }, prober);
  assert.deepEqual([...counts].map(([field, c]) => [field, c.key, c.args?.['v']]), [['attempts', 'check.min', 1], ['threshold', 'check.max', 1000]]);
  assert.equal(draftOf(whole, prober, null).config?.['url'], 'postgresql://x/y?z=1');
});

test('a target that was given as an address', () => {
  const base = { id: 1, name: 'n', type: 'postgresql', group: 'g', interval_seconds: 30, timeout_seconds: 5, enabled: true, threshold: 3, source: 'api', status: 'healthy', fail_count: 0 } as const;
  const known: Target = { ...base, config: { url: 'postgresql://h:99', tls: true } };
  const form = formOf(known, prober);
  assert.deepEqual([form.config['host'], form.config['port'], form.config['url']], ['h', '99', undefined]);
  assert.deepEqual(draftOf(form, prober, known).config, { host: 'h', port: 99, tls: true });
  const opaque: Target = { ...base, config: { url: 'postgresql://h:99/?strange=1' } };
  assert.equal(complaintsOf(formOf(opaque, prober), prober).size, 0);
  assert.deepEqual(draftOf(formOf(opaque, prober), prober, opaque).config, opaque.config);
});

const text = (en: string, zh: string) => ({ en, zh });
const kinds: Prober[] = [
  { type: 'exec', kind: 'host', kind_title: text('This host', '本机'), title: text('Command', '命令'), options: [] },
  { type: 'redis', kind: 'store', kind_title: text('Caches', '缓存'), title: text('Redis', 'Redis'), schemes: ['redis', 'rediss'], options: [{ name: 'host', type: 'string', example: 'cache' }, { name: 'port', type: 'int', default: '6379' }] },
  { type: 'postgresql', kind: 'database', kind_title: text('Databases', '数据库'), title: text('PostgreSQL', 'PostgreSQL'), schemes: ['postgresql', 'postgres'], options: [{ name: 'host', type: 'string' }, { name: 'port', type: 'int', default: '5432' }, { name: 'database', type: 'string' }] },
  { type: 'http', kind: 'web', kind_title: text('Web', '网站'), title: text('HTTP(S)', 'HTTP(S)'), help: text('Asks a page', '请求页面'), schemes: ['http', 'https'], options: [{ name: 'url', type: 'string', example: 'https://shop.example.com/' }] },
  { type: 'later', kind: 'quantum', kind_title: text('Quantum', '量子'), options: [] },
] as unknown as Prober[];

test('types of targets are grouped by kind and found by type, scheme, title, kind and help', () => {
  const found = (search: string) => proberGroups(kinds, search, (t) => t?.en ?? '').map((g) => `${g.title}: ${g.probers.map((p) => p.type).join(' ')}`);
  assert.deepEqual(found(''), ['Web: http', 'Databases: postgresql', 'Caches: redis', 'This host: exec', 'Quantum: later']);
  assert.deepEqual(found('postgres'), ['Databases: postgresql']);
  assert.deepEqual(found('rediss'), ['Caches: redis']);
  assert.deepEqual(found('缓存'), ['Caches: redis']);
  assert.deepEqual(found('PAGE'), ['Web: http']);
  assert.deepEqual(found('nothing'), []);
  assert.deepEqual(found('e')[0], 'This host: exec');
  assert.deepEqual(kinds.map(urlExample), ['', 'redis://cache:6379', 'postgresql://host.example.com:5432/name', 'https://shop.example.com/', '']);
  const local = (type: string, example: string) => urlExample({ type, schemes: [type], options: [{ name: 'x', type: 'string', required: true, example }] } as unknown as Prober);
  assert.deepEqual([local('file', '/var/log/app.log'), local('docker', 'shop-db'), local('domain', 'example.com')], ['file:///var/log/app.log', 'docker:///shop-db', 'domain://example.com']);
});
