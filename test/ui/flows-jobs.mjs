// Targets that nobody probes: a job that reports by itself, and a group of other targets.
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { open } from './steps.mjs';

const realOnly = (f) => {
  if (f.mock) throw new Skip('needs a real Belfry: it judges these itself');
};

/** The address that the page shows, as it leads here. */
async function addressOf(f) {
  const shown = await f.page.locator('.snippets code').first().innerText();
  return new URL(new URL(shown).pathname.replace(/^.*\/push\//, 'push/'), f.url).href;
}

async function heartbeat(f) {
  realOnly(f);
  const made = await f.api('POST', 'targets', { name: `${f.unique}-backup`, type: 'push', group: 'ui-test', config: { period: '1h' } });
  await open(f, `/targets/${made.id}`);
  await f.page.getByText(f.t('push.runs.empty'), { exact: true }).waitFor();
  const address = await addressOf(f);
  assert.match(await f.page.locator('.snippets').innerText(), /curl -fsS .*\/push\/.*--data-binary @out/s);
  assert.equal((await fetch(`${address}?msg=3+files+saved`)).status, 200);
  await f.page.locator('.push-run', { hasText: f.t('push.kind.success') }).getByText('3 files saved').waitFor();
  await f.page.locator('.banner.is-up').waitFor();
  await fetch(`${address}/7`, { method: 'POST', body: 'disk full\n' });
  const failed = f.page.locator('.push-run', { hasText: f.t('push.exit', { n: 7 }) });
  await failed.locator('summary').click();
  await failed.locator('pre', { hasText: 'disk full' }).waitFor();
  await f.api('DELETE', `targets/${made.id}`);
}

async function members(f) {
  realOnly(f);
  const port = Number(new URL(f.url).port);
  const one = await f.api('POST', 'targets', { name: `${f.unique}-one`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port }, interval_seconds: 1, timeout_seconds: 1 });
  const gone = await f.api('POST', 'targets', { name: `${f.unique}-gone`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port } });
  const group = await f.api('POST', 'targets', { name: `${f.unique}-all`, type: 'group', group: 'ui-test', config: { members: [`${f.unique}-one`, `${f.unique}-gone`] }, interval_seconds: 1, timeout_seconds: 1 });
  await f.api('DELETE', `targets/${gone.id}`);
  await open(f, `/targets/${group.id}`);
  await f.page.locator('.members li.is-up', { hasText: `${f.unique}-one` }).waitFor();
  await f.page.getByText(f.t('members.missing', { text: `${f.unique}-gone` })).waitFor();
  await f.page.locator('.members a', { hasText: `${f.unique}-one` }).click();
  await f.page.getByRole('heading', { name: `${f.unique}-one`, exact: true }).waitFor();
  for (const t of [group, one]) await f.api('DELETE', `targets/${t.id}`);
}

export const jobFlows = [
  ['jobs: the address of a heartbeat, and its runs as they come', heartbeat],
  ['groups of targets: the members and their state', members],
];
