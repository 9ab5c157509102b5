// What people do on the page, step by step, in either language. A flow gets {page, url, t, api, mock, unique}
// and uses only what CONTRACT.md gives, so it runs against the mock and against a real Belfry. What only the mock
// can do (make a target fail on demand) is skipped elsewhere. Some run at once (run.mjs); a flow that others would disturb, or
// that would disturb them before the one real Belfry, is marked alone; one that takes long is begun first.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { openPage } from './browser.mjs';
import { accessFlows } from './flows-access.mjs';
import { alertFlows } from './flows-alerts.mjs';
import { axeFlows } from './flows-axe.mjs';
import { exploreFlows } from './flows-explore.mjs';
import { jobFlows } from './flows-jobs.mjs';
import { maintenanceFlows } from './flows-maintenance.mjs';
import { placeFlows } from './flows-places.mjs';
import { programFlows } from './flows-programs.mjs';
import { publicFlows } from './flows-public.mjs';
import { reportFlows } from './flows-reports.mjs';
import { statusFlows } from './flows-status.mjs';
import { targetFlows } from './flows-targets.mjs';
import { Skip } from './report.mjs';
import { chooseType, confirm, exact, keys, open, say } from './steps.mjs';

async function makeTarget(f, name, more = {}) {
  const body = { name, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 5, timeout_seconds: 2, ...more };
  return f.api('POST', 'targets', body);
}

async function overviewShows(f) {
  await makeTarget(f, `${f.unique}-shown`);
  await open(f);
  await f.page.getByRole('list', exact(f.t('overview.list'))).waitFor();
  await f.page.locator('a.row', { hasText: `${f.unique}-shown` }).or(f.page.locator('.group-head').first()).first().waitFor();
  const title = await f.page.title();
  assert.match(title, /Belfry/);
  assert.equal(await f.page.locator('html').getAttribute('lang'), f.lang === 'zh' ? 'zh-CN' : 'en');
}

async function searchAndShare(f) {
  const name = `${f.unique}-needle`;
  await makeTarget(f, name);
  await open(f);
  await f.page.keyboard.press('/');
  await f.page.keyboard.type(name);
  const row = f.page.locator('a.row', { hasText: name });
  await row.waitFor();
  await f.page.waitForFunction((text) => location.hash.includes(`q=${text}`) && document.querySelectorAll('.vlist a.row').length === 1, name);
  await f.page.reload();
  await row.waitFor();
  assert.equal(await f.page.locator('#search').inputValue(), name);
  await f.page.locator('#search').press('Escape');
  await f.page.waitForFunction(() => !location.hash.includes('q='));
  await f.page.locator('#search').fill('zzz-no-such-target');
  await f.page.getByText(f.t('overview.none'), { exact: true }).waitFor();
}

async function filterByState(f) {
  await makeTarget(f, `${f.unique}-off`, { enabled: false });
  await open(f);
  await f.page.locator('.tile.is-paused').click();
  await f.page.locator('a.row', { hasText: `${f.unique}-off` }).waitFor();
  assert.match(f.page.url(), /state=paused/);
  await f.page.waitForFunction(() => document.querySelectorAll('.vlist a.row:not(.is-paused)').length === 0);
}

async function addTarget(f) {
  const name = `${f.unique}-added`;
  await open(f);
  await f.page.locator('a.add').click();
  await f.page.getByLabel(f.t('form.url'), { exact: true }).fill(`tcp://127.0.0.1:${new URL(f.url).port}`);
  await f.page.waitForFunction(() => document.querySelector('#f-type')?.dataset.type === 'tcp');
  const field = f.page.locator('#f-name');
  assert.equal(await field.inputValue(), '127.0.0.1', 'the name is guessed from the address');
  await field.fill('');
  await f.page.locator('#save').click();
  await f.page.locator('#f-name-error', { hasText: f.t('check.required') }).waitFor();
  await field.fill(name);
  await f.page.locator('#f-group').fill('ui-test');
  await f.page.locator('#f-interval_seconds').fill('5s');
  await f.page.locator('#f-timeout_seconds').fill('9s');
  await f.page.getByText(f.t('check.timeout'), { exact: true }).waitFor();
  await f.page.locator('#f-timeout_seconds').fill('2s');
  await f.page.locator('#try').click();
  await f.page.locator('.try .result').waitFor();
  await f.page.locator('#save').click();
  await say(f, f.t('form.created', { name }));
  await f.page.getByRole('heading', exact(name)).waitFor();
  await f.page.locator('.banner.is-up, .banner.is-degraded, .banner.is-down').waitFor();
}

async function serverErrorsBesideFields(f) {
  const name = `${f.unique}-twice`;
  await makeTarget(f, name);
  await open(f, '/targets/new');
  await chooseType(f, 'tcp');
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#f-group').fill('ui-test');
  await f.page.locator('#f-config-host').fill('127.0.0.1');
  await f.page.locator('#f-config-port').fill('70000');
  await f.page.locator('#f-config-port-error').waitFor();
  await f.page.locator('#f-config-port').fill('9');
  await f.page.locator('#save').click();
  // 409: the name is taken. The server names the field; if not, the summary says it.
  await f.page.locator('#f-name-error, .form-summary').first().waitFor();
  await f.page.getByRole('link', exact(f.t('common.cancel'))).click();
  await f.page.getByText(f.t('form.leave.title'), { exact: true }).waitFor();
  await f.page.locator('#ask-no').click();
  assert.equal(await f.page.locator('#f-name').inputValue(), name, 'staying keeps what was typed');
}

async function editTarget(f) {
  const name = `${f.unique}-before`;
  const made = await makeTarget(f, name);
  await open(f, `/targets/${made.id}/edit`);
  await f.page.locator('#f-name').waitFor();
  assert.equal(await f.page.locator('#f-config-host').inputValue(), '127.0.0.1');
  await f.page.locator('#f-name').fill(`${f.unique}-after`);
  await f.page.locator('#f-interval_seconds').fill('1m');
  await f.page.locator('#save').click();
  await f.page.getByRole('heading', exact(`${f.unique}-after`)).waitFor();
  const after = await f.api('GET', `targets/${made.id}`);
  assert.equal(after.interval_seconds, 60);
  assert.equal(after.config.port, made.config.port);
}

async function whatMustNotAnswer(f) {
  const made = await makeTarget(f, `${f.unique}-closed`, { interval_seconds: 3600 });
  const edit = `/targets/${made.id}/edit`;
  await open(f, edit);
  const invert = f.page.locator('#f-invert'), times = f.page.locator('#f-success_threshold');
  await f.page.locator('details', { has: invert }).locator('summary').click();
  await invert.check();
  await times.fill('0');
  await f.page.locator('#save').click();
  await f.page.locator('#f-success_threshold-error').waitFor();
  await times.fill('3');
  await f.page.locator('#save').click();
  await f.page.getByRole('heading', exact(made.name)).waitFor();
  const after = await f.api('GET', `targets/${made.id}`);
  assert.deepEqual([after.invert, after.success_threshold], [true, 3]);
  await open(f, edit);
  await invert.waitFor(); // not folded away: it turns everything round
  assert.ok(await invert.isChecked());
  assert.equal(await times.inputValue(), '3');
}

async function checkPauseDelete(f) {
  const name = `${f.unique}-life`;
  const made = await makeTarget(f, name, { interval_seconds: 3600 });
  await open(f, `/targets/${made.id}`);
  await f.page.locator('#check-now').click();
  await f.page.locator('.fresh .result').waitFor();
  await f.page.locator('#pause').click();
  await say(f, f.t('target.paused', { name }));
  await f.page.locator('.banner.is-paused').waitFor();
  await f.page.locator('#pause').click();
  await say(f, f.t('target.resumed', { name }));
  await f.page.locator('#delete').click();
  await confirm(f);
  await say(f, f.t('target.deleted', { name }));
  await assert.rejects(() => f.api('GET', `targets/${made.id}`), /404/);
}

async function targetPage(f) {
  const made = await makeTarget(f, `${f.unique}-graph`, { interval_seconds: 1, timeout_seconds: 1 });
  await open(f, `/targets/${made.id}`);
  await f.page.locator('.results tbody tr').first().waitFor();
  await f.page.reload();
  await f.page.locator('.chart canvas').waitFor();
  await f.page.getByRole('button', exact(f.t('target.graph.day'))).click();
  await f.page.locator('.chart canvas').waitFor();
}

/** At this port, or at one below those that the system gives to whoever asks for any: it stays free while nobody listens. */
async function listen(wanted) {
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    const port = wanted ?? 10_000 + Math.floor(Math.random() * 22_000);
    const error = await new Promise((done) => server.once('error', done).listen(port, '127.0.0.1', () => done(null)));
    if (!error) return server;
    if (wanted) throw error;
  }
}

/** A real service that stops and starts again under Belfry's eyes. */
async function liveChangeForReal(f) {
  if (!['127.0.0.1', 'localhost'].includes(new URL(f.url).hostname)) throw new Skip('needs a Belfry on this machine');
  let service = await listen();
  const { port } = service.address();
  const name = `${f.unique}-live`;
  await makeTarget(f, name, { config: { host: '127.0.0.1', port }, interval_seconds: 1, timeout_seconds: 1, threshold: 2 });
  await open(f, `/?q=${name}`);
  const row = (state) => f.page.locator(`a.row.is-${state}`, { hasText: name }).waitFor();
  await row('up');
  service.close();
  await row('down');
  service = await listen(port);
  await row('up');
  service.close();
}

/** Keeps what the event stream delivered of targets. Runs in the page before its own scripts. */
function keepEvents() {
  const add = EventSource.prototype.addEventListener;
  globalThis.heard = [];
  EventSource.prototype.addEventListener = function (name, listener) {
    add.call(this, name, (event) => {
      listener(event);
      if (name === 'target') heard.push(JSON.parse(event.data));
    });
  };
}

/** Within a second of the page's own clock, which stands still but for that second: the machine may be as slow as it likes. */
async function shownInASecond(page, id, status, change, shown) {
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000));
  change();
  await page.waitForFunction(([i, s]) => heard.some((x) => x.id === i && x.status === s), [id, status]);
  await page.clock.runFor(1000);
  await shown();
  await page.clock.resume();
}

async function liveChange(f) {
  if (!f.mock) return liveChangeForReal(f);
  const made = await makeTarget(f, `${f.unique}-live`);
  const page = await openPage(f.page.context().browser(), { lang: f.lang }); // a clock is its context's
  try {
    await page.clock.install();
    await page.addInitScript(keepEvents);
    await open({ ...f, page }, `/?q=${f.unique}-live`);
    const item = f.mock.world.items.get(made.id);
    const shown = (state) => page.locator(`a.row.is-${state}`, { hasText: `${f.unique}-live` }).waitFor();
    await shown('up'); // its first check has come
    await page.evaluate(() => (heard.length = 0));
    await shownInASecond(page, made.id, 'unhealthy', () => f.mock.setMood(item, 'down'), () => shown('down'));
    await shownInASecond(page, made.id, 'healthy', () => f.mock.setMood(item, 'up'), () => shown('up'));
    assert.deepEqual(page.complaints, []);
  } finally {
    await page.context().close();
  }
  return undefined;
}

async function channels(f) {
  const name = `${f.unique}-hook`;
  await open(f, '/channels');
  await f.page.getByRole('link', exact(f.t('channels.add'))).first().click();
  await f.page.locator('#f-type').selectOption('webhook');
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#save').click();
  await f.page.locator('#f-webhook_url-error').waitFor();
  await f.page.locator('#f-webhook_url').fill(`http://127.0.0.1:${new URL(f.url).port}/nowhere`);
  await f.page.locator('#try').click();
  await f.page.locator('.test-answer').waitFor();
  await f.page.locator('#save').click();
  await say(f, f.t('channels.saved', { name }));
  const row = f.page.locator('.channel', { hasText: name });
  await row.getByRole('switch').click();
  await f.page.locator('.channel.off', { hasText: name }).waitFor();
  await row.getByRole('switch').click();
  await f.page.locator('.channel:not(.off)', { hasText: name }).waitFor();
  await row.getByRole('button', exact(f.t('channels.test'))).click();
  await row.locator('.test-answer').or(f.page.locator('.toast.bad')).first().waitFor();
  await row.getByRole('button', exact(f.t('common.delete'))).click();
  await confirm(f);
  await say(f, f.t('channels.deleted', { name }));
  await row.waitFor({ state: 'detached' });
}

async function system(f) {
  await open(f, '/system');
  await f.page.locator('.processes tbody tr').first().waitFor();
  await f.page.locator('#reload').click();
  await f.page.locator('.toast, .failure').first().waitFor();
}

async function keyboard(f) {
  await makeTarget(f, `${f.unique}-key`);
  await open(f, `/?q=${f.unique}-key`);
  await f.page.locator('a.row', { hasText: `${f.unique}-key` }).waitFor();
  await f.page.locator('body').press('j');
  await f.page.keyboard.press('Enter');
  await f.page.getByRole('heading', exact(`${f.unique}-key`)).waitFor();
  await keys(f, 'ga');
  await f.page.getByRole('heading', exact(f.t('alerts.title'))).waitFor();
  await f.page.keyboard.press('?');
  await f.page.getByRole('heading', exact(f.t('help.title'))).waitFor();
  await f.page.keyboard.press('Escape');
  await f.page.locator('dialog[open]').waitFor({ state: 'detached' });
}

async function themeAndLanguage(f) {
  await open(f);
  const background = () => f.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await f.page.locator('#theme').click(); // system → light
  await f.page.locator('#theme').click(); // light → dark
  await f.page.waitForFunction((was) => getComputedStyle(document.body).backgroundColor !== was, light);
  await f.page.reload();
  await f.page.locator('main h1, main .empty-title').first().waitFor();
  assert.notEqual(await background(), light, 'the choice outlives a reload');
  await f.page.locator('#language').click();
  const other = f.lang === 'zh' ? 'en' : 'zh-CN';
  await f.page.waitForFunction((want) => document.documentElement.lang === want, other);
}

async function notFound(f) {
  await f.page.goto(`${f.url}#/targets/999999999`);
  await f.page.getByText(f.t('error.notFound'), { exact: true }).waitFor();
  await f.page.goto(`${f.url}#/no/such/place`);
  await f.page.getByText(f.t('error.notFound'), { exact: true }).waitFor();
}

export const flows = [
  ['overview lists the targets', overviewShows],
  ['search as you type, shared by its address', searchAndShare],
  ['filter by state', filterByState],
  ['add a target from a pasted address, try it, save it', addTarget],
  ["the server's errors stand beside their fields", serverErrorsBesideFields],
  ['edit a target', editTarget],
  ['a target that must not answer', whatMustNotAnswer],
  ['check now, pause, resume, delete', checkPauseDelete],
  ["a target's checks and graph", targetPage],
  ['a change of state appears by itself', liveChange, { alone: true }],
  ['channels: add, switch, test, delete', channels],
  ['processes and reload', system, { alone: true }],
  ['keyboard', keyboard],
  ['theme and language', themeAndLanguage],
  ['an address that names nothing', notFound],
  ...targetFlows,
  ...programFlows,
  ...exploreFlows,
  ...accessFlows,
  ...alertFlows,
  ...maintenanceFlows,
  ...reportFlows,
  ...statusFlows,
  ...jobFlows,
  ...placeFlows,
  ...publicFlows,
  ...axeFlows,
];
