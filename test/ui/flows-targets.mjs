// The overview's layouts and filters, and what a target's page offers beside its checks.
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { exact, open, say } from './steps.mjs';

async function make(f, name, more = {}) {
  const body = { name, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 5, timeout_seconds: 2, ...more };
  return f.api('POST', 'targets', body);
}

/** An answer that was asked for before a change and comes after it must not stay on the page. */
async function lateAnswer(f) {
  const name = `${f.unique}-late`;
  const { id } = await make(f, name, { enabled: false });
  await open(f);
  const holdBack = async (route) => {
    const old = await route.fetch();
    const told = f.page.evaluate((wanted) => new Promise((done) => {
      const stream = new EventSource('api/v1/events');
      stream.addEventListener('target', (event) => {
        const target = JSON.parse(event.data);
        if (target.id !== wanted || !['healthy', 'degraded', 'unhealthy'].includes(target.status)) return;
        stream.close();
        done();
      });
      stream.onopen = () => fetch(`api/v1/targets/${wanted}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"enabled":true}' });
    }), id);
    await told;
    await route.fulfill({ response: old }).catch(() => undefined); // the page may have asked anew and let go of this one
  };
  let end;
  const late = new Promise((good, bad) => { end = { good, bad }; });
  late.catch(() => undefined); // told below, unless the flow fails before
  await f.page.route(`**/api/v1/targets/${id}`, (route) => holdBack(route).then(end.good, end.bad), { times: 1 });
  await f.page.goto(`${f.url}#/targets/${id}`);
  await f.page.getByRole('heading', exact(name)).waitFor();
  await late;
  await f.page.locator('.banner.is-up, .banner.is-degraded, .banner.is-down').waitFor();
}

async function wall(f) {
  const name = `${f.unique}-wall`;
  await make(f, name);
  await open(f, `/?q=${f.unique}`);
  await f.page.getByRole('button', exact(f.t('overview.layout.wall'))).click();
  const brick = f.page.locator('a.brick', { hasText: name });
  await brick.waitFor();
  assert.match(f.page.url(), /view=wall/);
  await brick.click();
  await f.page.getByRole('heading', exact(name)).waitFor();
}

async function labels(f) {
  const value = f.unique;
  await make(f, `${f.unique}-a`, { labels: { shelf: value } });
  await make(f, `${f.unique}-b`, { labels: { shelf: 'other' } });
  await open(f, `/?q=${f.unique}`);
  await f.page.locator('a.row', { hasText: `${f.unique}-b` }).waitFor();
  await f.page.getByLabel(f.t('overview.label'), { exact: true }).selectOption(`shelf=${value}`);
  await f.page.locator('a.row', { hasText: `${f.unique}-b` }).waitFor({ state: 'detached' });
  await f.page.locator('a.row', { hasText: `${f.unique}-a` }).waitFor();
  assert.match(decodeURIComponent(f.page.url()), new RegExp(`label=shelf=${value}`));
  await f.page.reload();
  await f.page.locator('a.row', { hasText: `${f.unique}-a` }).waitFor();
  await f.page.getByRole('button', exact(f.t('overview.clear'))).click();
  await f.page.waitForFunction(() => !location.hash.includes('label='));
}

async function fold(f) {
  await make(f, `${f.unique}-fold`);
  await open(f);
  const head = f.page.locator('.group-head').first();
  await head.waitFor();
  const name = await head.locator('.group-name').textContent();
  const height = () => f.page.evaluate(() => document.querySelector('.vlist').clientHeight);
  const before = await height();
  await head.click();
  await f.page.locator('.group-head[aria-expanded=false]', { hasText: name }).waitFor();
  assert.ok((await height()) < before);
  await f.page.reload();
  await f.page.locator('.group-head[aria-expanded=false]', { hasText: name }).waitFor();
  await f.page.locator('.group-head[aria-expanded=false]', { hasText: name }).first().click();
}

async function graphZoom(f) {
  if (!f.mock) throw new Skip('needs an hour of checks: only the mock has them');
  const http = [...f.mock.world.items.values()].find((x) => x.pub.type === 'http' && x.mood === 'up' && x.pub.last_checked_at);
  await open(f, `/targets/${http.pub.id}`);
  const plot = f.page.locator('.graph-card .u-over');
  await plot.waitFor();
  await f.page.locator('.phase-legend li', { hasText: f.t('phase.tls') }).waitFor();
  const box = await plot.boundingBox();
  await f.page.mouse.move(box.x + box.width * 0.3, box.y + 40);
  await f.page.mouse.down();
  await f.page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await f.page.mouse.up();
  const back = f.page.locator('.graph-range .button');
  await back.waitFor();
  await back.click();
  await back.waitFor({ state: 'detached' });
  await f.page.getByRole('button', exact(f.t('target.graph.month'))).click();
  await f.page.locator('.phase-legend').waitFor({ state: 'detached' });
  await f.page.locator('.certificate').first().waitFor();
}

async function pastAndYaml(f) {
  const name = `${f.unique}-past`;
  const made = await make(f, name, { labels: { team: 'a b' } });
  await open(f, `/targets/${made.id}`);
  await f.page.locator('.uptime').nth(3).waitFor();
  await f.page.getByText(f.t('failures.title'), { exact: true }).waitFor();
  await f.page.getByText(f.t('target.yaml.show'), { exact: true }).click();
  const text = await f.page.locator('.yaml-fold code').textContent();
  assert.match(text, new RegExp(`name: ${name}\\n`));
  assert.match(text, /interval: 5s/);
  assert.match(text, /team: a b/);
}

async function maintain(f) {
  const name = `${f.unique}-held`;
  const made = await make(f, name);
  await open(f, `/targets/${made.id}`);
  await f.page.locator('#maintain').click();
  await f.page.getByText(f.t('target.maintain.8h'), { exact: true }).click();
  await f.page.locator('#maintain-yes').click();
  await say(f, f.t('target.maintain.done', { name }));
  const list = await f.api('GET', 'maintenances');
  const found = list.items.find((m) => m.target_ids.includes(made.id));
  assert.ok(found, 'the maintenance exists');
  const hours = (Date.parse(found.ends_at) - Date.parse(found.starts_at)) / 3.6e6;
  assert.equal(Math.round(hours), 8);
  await f.api('DELETE', `maintenances/${found.id}`);
}

async function many(f) {
  const port = new URL(f.url).port;
  await open(f, '/targets/new');
  await f.page.getByRole('link', exact(f.t('many.open'))).click();
  await f.page.locator('#f-group').fill('ui-test');
  await f.page.locator('#f-lines').fill(`# from a list\n${f.unique}-m1 tcp://127.0.0.1:${port}\n\n${f.unique}-m2 tcp://127.0.0.1:${port}\nnonsense`);
  await f.page.getByText(f.t('many.found', { n: 2 }), { exact: true }).waitFor();
  await f.page.locator('.many .bad', { hasText: f.t('many.unknown') }).waitFor();
  await f.page.locator('#save').click();
  await say(f, f.t('many.done', { n: 2 }));
  assert.equal(await f.page.locator('#f-lines').inputValue(), 'nonsense', 'what could not be added stays');
  const page = await f.api('GET', `targets?q=${f.unique}-m&limit=10`);
  assert.equal(page.items.filter((x) => x.name.startsWith(`${f.unique}-m`)).length, 2);
}

async function types(f) {
  await open(f, '/targets/new');
  const field = f.page.locator('#f-type');
  const chosen = () => field.evaluate((e) => e.dataset.type);
  const kinds = f.page.locator('#f-type-all [role=group]');
  const probers = (await f.api('GET', 'probers')).items;
  await field.click();
  await kinds.first().waitFor();
  assert.equal(await f.page.locator('#f-type-all [role=option]').count(), probers.length);
  assert.equal(await kinds.count(), new Set(probers.map((p) => p.kind)).size);
  const http = probers.find((p) => p.type === 'http');
  assert.equal(await f.page.locator('.type-kind').first().textContent(), http.kind_title[f.lang], 'the web comes first');
  assert.equal(await f.page.locator('#f-type-http .type-help').textContent(), http.help[f.lang]);
  assert.match(await f.page.locator('#f-type-http .type-example').textContent(), /^https?:\/\//);
  await f.page.keyboard.type('rediss'); // a scheme
  await f.page.locator('#f-type-redis').waitFor();
  assert.equal(await f.page.locator('#f-type-all [role=option]').first().getAttribute('id'), 'f-type-redis');
  assert.equal(await field.getAttribute('aria-activedescendant'), 'f-type-redis');
  await f.page.keyboard.press('Enter');
  await f.page.locator('#f-config-host').waitFor();
  assert.equal(await chosen(), 'redis');
  await f.page.keyboard.press('ArrowDown');
  await f.page.locator('#f-type-redis[aria-selected=true].active').waitFor();
  await f.page.keyboard.press('ArrowDown');
  await f.page.keyboard.press('Escape');
  await f.page.locator('#f-type-all').waitFor({ state: 'detached' });
  assert.equal(await chosen(), 'redis', 'Escape leaves it as it was');
  await field.click();
  await f.page.keyboard.type('no such thing');
  await f.page.getByText(f.t('form.type.none'), { exact: true }).waitFor();
  await f.page.keyboard.press('Tab');
  assert.equal(await chosen(), 'redis');
  await field.click();
  await f.page.locator('#f-type-tcp').click();
  await f.page.waitForFunction(() => document.querySelector('#f-type').dataset.type === 'tcp');
}

async function beatTip(f) {
  const name = `${f.unique}-beats`;
  await make(f, name, { interval_seconds: 1, timeout_seconds: 1 });
  await open(f, `/?q=${name}`);
  const beats = f.page.locator('a.row', { hasText: name }).locator('.beats');
  await beats.locator('.beat-good:not([d=""])').waitFor({ state: 'attached' });
  const box = await beats.boundingBox();
  await f.page.mouse.move(box.x + box.width - 3, box.y + box.height / 2);
  const tip = f.page.locator('.tip');
  await tip.getByText(f.t('beats.ok'), { exact: true }).waitFor();
  assert.match(await tip.innerText(), /\d\d:\d\d:\d\d/);
  assert.match(await tip.innerText(), /\d ?(ms|µs|s)\b/);
  await f.page.mouse.move(5, 5);
  await tip.waitFor({ state: 'detached' });
}

/** A copy has another name and no secret; the secret is nowhere on the page. */
async function copyAndSecret(f) {
  if (f.mock) throw new Skip('needs a real Belfry: it masks what is secret');
  const name = `${f.unique}-secret`;
  const made = await make(f, name, { type: 'http', config: { url: f.url, username: 'u', password: 'hunter22hunter' }, interval_seconds: 3600 });
  await open(f, `/targets/${made.id}/edit`);
  await f.page.locator('#f-name').waitFor();
  const folds = f.page.locator('details.advanced:not([open]) > summary');
  while ((await folds.count()) > 0) await folds.first().click();
  const kept = f.page.getByPlaceholder(f.t('form.secret.kept'));
  await kept.first().waitFor();
  assert.equal(await kept.first().inputValue(), '');
  assert.ok(!(await f.page.content()).includes('hunter22hunter'));
  await open(f, `/targets/${made.id}`);
  await f.page.getByRole('link', { name: f.t('target.duplicate'), exact: true }).click();
  await f.page.waitForFunction((want) => document.querySelector('#f-name')?.value === want, f.t('form.copyOf', { name }));
}

export const targetFlows = [
  ['a beat tells its time, latency and message', beatTip],
  ['a copy of a target; its secret is never shown', copyAndSecret],
  ['types of targets: grouped, searched, chosen by keys', types],
  ['an answer that comes after what it did not know of', lateAnswer],
  ['the wall: a brick for each target', wall],
  ['filter by label, shared by its address', labels],
  ['groups are folded, and stay so', fold, { alone: true }],
  ["a target's graph: phases, zoom, spans, certificates", graphZoom],
  ['uptime, failures, the target as YAML', pastAndYaml],
  ['maintenance from a target’s page', maintain],
  ['many targets at once from pasted lines', many],
];
