// Every view of the page, in every state worth a look: what shots.mjs takes pictures of and flows-axe.mjs examines.
// A view is {name, path, world, act, short}: world is the Belfry it needs ("open": with data, alice is in; "closed": nobody is
// in; "setup": no account yet; "empty": no data), act brings it into its state, short pictures end with the window.
// On a real Belfry only those of the world "open" without an act are looked at.

import { settled } from './browser.mjs';

const click = (selector) => (page) => page.locator(selector).first().click();

/** One after another. */
const steps = (...acts) => async (page) => {
  for (const act of acts) await act(page);
};
const fill = (selector, text) => (page) => page.locator(selector).first().fill(text);
const see = (selector) => (page) => page.locator(selector).first().waitFor();
const key = (name) => (page) => page.keyboard.press(name);

const chooseType = (type) => steps(click('#f-type'), fill('#f-type', type), see(`#f-type-${type}`), key('Enter'), see('[data-field^="config."]'));

const signIn = (name, password = 'correct-horse') => steps(fill('#f-name', name), fill('#f-password', password), click('#sign-in'));

const fixed = [
  ['overview', '/', { short: true }],
  ['overview-flat', '/?view=flat&state=down,degraded,paused,maintenance', { short: true }],
  ['overview-wall', '/?view=wall', { short: true }],
  ['overview-none', '/?q=zzz-no-such-target'],
  ['help', '/', { act: steps(see('a.row'), key('?'), see('dialog[open]')), short: true }],
  ['user-menu', '/', { act: steps(see('a.row'), click('#user-menu')), short: true }],
  ['add', '/targets/new'],
  ['add-http', '/targets/new', { act: fill('#f-url', 'https://shop.example.com/health') }],
  ['add-faults', '/targets/new', { act: steps(fill('#f-url', 'https://shop.example.com/'), fill('#f-name', ''), click('#save')) }],
  ['add-push', '/targets/new', { act: chooseType('push') }],
  ['add-group', '/targets/new', { act: chooseType('group') }],
  ['many', '/targets/new?many=1'],
  ['many-lines', '/targets/new?many=1', { act: fill('textarea', 'https://example.com\ntcp://db1:5432 Database\nhttps://example.com/shop Shop\nnonsense') }],
  ['explore', '/explore?q=avg+by+(type)+(probe_duration_seconds)'],
  ['explore-table', '/explore?q=probe_success&tab=table'],
  ['explore-start', '/explore'],
  ['alerts', '/alerts'],
  ['alerts-ack', '/alerts', { act: click('.alert-actions button') }],
  ['alerts-silence', '/alerts', { act: click('.alert-actions button:nth-child(2)') }],
  ['alerts-history', '/alerts/history'],
  ['silences', '/silences'],
  ['silences-past', '/silences?show=expired'],
  ['silence-new', '/silences?new=1'],
  ['maintenance', '/maintenance'],
  ['maintenance-month', '/maintenance?month=2026-11'],
  ['maintenance-new', '/maintenance/new'],
  ['maintenance-edit', '/maintenance/2'],
  ['reports', '/reports'],
  ['reports-by-group', '/reports?by=group'],
  ['reports-group', '/reports?group=payments'],
  ['reports-span', '/reports?from=2026-11-01&to=2026-11-15&slo=99.99'],
  ['channels', '/channels'],
  ['channels-sent', '/channels', { act: steps(see('.channel'), async (page) => { for (const row of [0, 1, 3]) await page.locator('.channel').nth(row).locator('.segmented button').nth(row % 2).click(); }) }],
  ['channel-new', '/channels/new'],
  ['channel-edit', '/channels/2'],
  ['status-pages', '/status-pages'],
  ['status-page-new', '/status-pages/new'],
  ['status-page-edit', '/status-pages/1'],
  ['incident-new', '/incidents/new'],
  ['incident-edit', '/incidents/1'],
  ['users', '/users'],
  ['user-new', '/users/new'],
  ['user-edit', '/users/2'],
  ['tokens', '/tokens'],
  ['token-new', '/tokens', { act: click('#add-token') }],
  ['token-shown', '/tokens', { act: steps(click('#add-token'), fill('#f-name', 'ci'), click('#make-token'), see('.once-text')) }],
  ['token-agent', '/tokens', { act: steps(click('#add-token'), (page) => page.locator('#f-scope').selectOption('agent')) }],
  ['audit', '/audit?kind=target'],
  ['audit-open', '/audit', { act: steps(see('.entry'), async (page) => { for (const n of [0, 1, 2]) await page.locator('.entry-head').nth(n).click(); }) }],
  ['account', '/account'],
  ['account-totp', '/account', { act: steps(click('#totp-on'), fill('.one-field #f-password', 'correct-horse'), click('#totp-next'), see('.qr')) }],
  ['system', '/system'],
  ['system-crash', '/system', { act: click('.entry-head') }],
  ['location-new', '/system', { act: steps(click('#add-location'), fill('#f-name', 'beijing'), click('#make-token')) }],
  ['location-made', '/system', { act: steps(click('#add-location'), (page) => fill('#f-name', `rack-${Date.now() % 1e6}`)(page), click('#make-token'), see('.once-text')) }],
  ['config', '/config'],
  ['programs', '/programs', { short: true }],
  ['program-new', '/programs/new'],
  ['not-found', '/no/such'],
  ['login', '/alerts', { world: 'closed' }],
  ['login-wrong', '/alerts', { world: 'closed', act: steps(signIn('alice', 'wrong'), see('.form-summary, [role="alert"]')) }],
  ['login-totp', '/alerts', { world: 'closed', act: steps(signIn('王小明'), see('#f-otp')) }],
  ['not-allowed', '/users', { world: 'closed', act: steps(signIn('bob'), see('nav.nav')) }],
  ['setup', '/', { world: 'setup' }],
  ...['overview /', 'programs /programs', 'explore /explore', 'alerts /alerts', 'history /alerts/history', 'silences /silences', 'maintenance /maintenance', 'reports /reports', 'channels /channels', 'status-pages /status-pages', 'audit /audit', 'system /system', 'tokens /tokens'].map((text) => {
    const [name, path] = text.split(' ');
    return [`empty-${name}`, path, { world: 'empty' }];
  }),
];

/** Those whose address depends on what there is. */
async function found(api) {
  const out = [];
  const targets = (await api('GET', 'targets?limit=500')).items;
  const target = (name, want, more) => {
    const t = targets.find(want);
    if (t) out.push([name, `/targets/${t.id}${more?.path ?? ''}`, more]);
  };
  const http = (x) => x.type === 'http' && x.source === 'api' && x.status === 'healthy';
  target('target-up', http);
  target('target-edit', http, { path: '/edit' });
  target('target-delete', http, { act: steps(click('#delete'), see('dialog[open]')), short: true });
  target('target-check', http, { act: steps(click('#check-now'), see('.fresh .result')) });
  target('target-down', (x) => x.status === 'unhealthy');
  target('target-push', (x) => x.type === 'push' && x.status === 'healthy');
  target('target-push-late', (x) => x.type === 'push' && x.status === 'unhealthy');
  target('target-push-edit', (x) => x.type === 'push', { path: '/edit' });
  target('target-group', (x) => x.type === 'group');
  const elsewhere = (x) => x.locations?.length > 1;
  target('target-places', (x) => elsewhere(x) && x.status === 'healthy');
  target('target-places-down', (x) => elsewhere(x) && x.status === 'unhealthy');
  target('target-places-check', (x) => elsewhere(x) && x.status === 'unhealthy', { act: steps(click('#check-now'), see('.fresh .answer'), click('.fresh summary')) });
  target('target-places-edit', (x) => elsewhere(x) && x.status === 'healthy', { path: '/edit' });
  target('target-paused', (x) => x.status === 'disabled');
  const programs = (await api('GET', 'processes?limit=500').catch(() => ({ items: [] }))).items;
  const program = (name, want, more) => {
    const p = programs.find(want);
    if (p) out.push([name, `/program/${encodeURIComponent(p.id)}${more?.path ?? ''}`, more]);
  };
  const running = (p) => p.pid && p.health?.status === 'good';
  program('program-running', running);
  program('program-signal', running, { act: steps(click('#signal'), see('dialog[open]')), short: true });
  program('program-backoff', (p) => p.status === 'backoff');
  program('program-fatal', (p) => p.status === 'fatal');
  program('program-job', (p) => p.kind === 'job' && p.status === 'stopped');
  program('program-edit', (p) => p.source === 'api', { path: '/edit' });
  return out;
}

export async function allViews(api) {
  return [...fixed, ...(await found(api))].map(([name, path, more]) => ({ name, path, world: 'open', act: null, short: false, ...more, path }));
}

/** A Belfry for each world, started when it is first asked for. start: as of run.mjs; open: the one that runs already. */
export class Worlds {
  constructor(start, open) {
    this.start = start;
    this.running = new Map();
    this.open = open;
  }

  async url(world) {
    if (world === 'open') return this.open;
    if (!this.running.has(world)) this.running.set(world, this.start(world === 'empty' ? { empty: true } : { auth: world }));
    return (await this.running.get(world)).url;
  }

  close() {
    for (const running of this.running.values()) void running.then((x) => x.close());
  }
}

/** Opens a view and waits until it stands still. A session of another view must not be left over: pages of "closed" start anew. */
export async function openView(page, url, view) {
  if (view.world !== 'open') await page.context().clearCookies();
  await page.goto('about:blank');
  await page.goto(`${url}#${view.path}`);
  await page.locator('main h1, main .empty-title').first().waitFor();
  if (view.act) await view.act(page);
  await page.waitForFunction(() => document.querySelectorAll('main .loading, main .blank').length === 0);
  await settled(page);
}
