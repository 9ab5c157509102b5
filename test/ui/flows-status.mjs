// Public status pages and their incidents; Belfry's configuration and processes; what channels sent.
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { confirm, exact, open, say } from './steps.mjs';

const plan = (f, name) => f.page.locator('.plan', { hasText: name });

async function statusPage(f) {
  const name = `${f.unique} Shop`;
  const target = await f.api('POST', 'targets', { name: `${f.unique}-public`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 5, timeout_seconds: 2 });
  await open(f, '/status-pages/new');
  await f.page.locator('#f-title').fill(name);
  assert.equal(await f.page.locator('#f-slug').inputValue(), `${f.unique}-shop`);
  await f.page.locator('#f-targets').fill(`${f.unique}-public`);
  await f.page.locator('.suggestions button', { hasText: `${f.unique}-public` }).click();
  await f.page.locator('#f-description').fill('Words that are **bold**');
  await f.page.locator('.markdown strong', { hasText: 'bold' }).waitFor();
  await f.page.locator('#f-public_url').fill('not an address');
  await f.page.locator('#save').click();
  await f.page.locator('#f-public_url-error').waitFor();
  await f.page.locator('#f-public_url').fill('');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  await plan(f, name).waitFor();
  await plan(f, name).getByRole('link', exact(name)).click();
  await f.page.locator('.snippets code', { hasText: `badge/${target.id}.svg` }).first().waitFor();
  await incident(f, name);
  await plan(f, name).getByRole('link', exact(name)).click();
  await f.page.locator('#delete-page').click();
  await confirm(f);
  await f.page.getByRole('heading', exact(f.t('nav.statusPages'))).waitFor();
  await plan(f, name).waitFor({ state: 'detached' });
  await f.api('DELETE', `targets/${target.id}`);
}

async function incident(f, page) {
  const name = `${f.unique} is slow`;
  await open(f, '/incidents/new');
  await f.page.locator('#f-title').fill(name);
  const box = f.page.locator('.pick', { hasText: page }).locator('input');
  if (!(await box.isChecked())) await box.check();
  await f.page.locator('#f-markdown').fill('We <b>look</b> into it. **Soon.**');
  await f.page.locator('.markdown strong', { hasText: 'Soon.' }).waitFor();
  assert.equal(await f.page.locator('.markdown b').count(), 0, 'raw HTML is dropped');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  await plan(f, name).getByRole('link', exact(name)).click();
  await f.page.locator('.updates .update').first().waitFor();
  await f.page.locator('#f-update_status').selectOption('resolved');
  await f.page.locator('#f-update').fill('It is over.');
  await f.page.locator('#add-update').click();
  await f.page.locator('.update', { hasText: 'It is over.' }).waitFor();
  await f.page.locator('#delete-incident').click();
  await confirm(f);
  await f.page.getByRole('heading', exact(f.t('nav.statusPages'))).waitFor();
  await plan(f, name).waitFor({ state: 'detached' });
}

async function configuration(f) {
  await open(f, '/config');
  await f.page.locator('.config tbody tr').first().waitFor();
  await f.page.locator('#search').fill('server.listen');
  await f.page.waitForFunction(() => document.querySelectorAll('.config tbody tr').length === 1);
  await f.page.locator('#search').fill('');
  await f.page.locator('select[name="set"]').selectOption('1');
  await f.page.locator('.config tbody tr').first().waitFor();
  await f.page.waitForFunction(() => document.querySelectorAll('.config tbody tr.off').length === 0);
}

async function brokenReload(f) {
  if (!f.mock) throw new Skip('needs the mock: a broken configuration');
  f.mock.options.brokenConfig = true;
  try {
    await open(f, '/system');
    await f.page.locator('#reload').click();
    await f.page.locator('.problems li', { hasText: f.t('system.place', { line: 41, column: 22 }) }).waitFor();
  } finally {
    f.mock.options.brokenConfig = false;
  }
  await f.page.locator('#reload').click();
  await say(f, f.t('system.reloaded'));
  await f.page.locator('.entry-head', { hasText: 'watcher:databases' }).click();
  await f.page.locator('.crash pre', { hasText: 'pg_probe' }).waitFor();
}

async function deliveries(f) {
  const made = await f.api('POST', 'channels', { name: `${f.unique}-seen`, type: 'webhook', webhook_url: 'http://127.0.0.1:9/hook', enabled: false, config: {} });
  await open(f, '/channels');
  const row = f.page.locator('.channel', { hasText: `${f.unique}-seen` });
  await row.getByRole('button', exact(f.t('channels.preview'))).click();
  await row.locator('.payload').waitFor({ state: 'attached' });
  await row.getByRole('button', exact(f.t('channels.sent'))).click();
  await row.locator('.sent, .empty-title').first().waitFor();
  await f.api('DELETE', `channels/${made.id}`);
}

export const statusFlows = [
  ['status pages: a page, an incident with an update, deleted', statusPage],
  ['system: the configuration with where each value came from', configuration],
  ['system: a broken configuration and a crash are told readably', brokenReload],
  ['channels: a preview and what was sent', deliveries],
];
