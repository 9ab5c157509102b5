// Locations: how a target stands at each, choosing them in its form, the agents and their tokens. And the forms of what nobody
// probes. The mock has locations that live; a real Belfry's agents are test/integration's.
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { chooseType, exact, open, say } from './steps.mjs';

const mockOnly = (f) => {
  if (!f.mock) throw new Skip('needs the mock: locations that are heard');
};
const row = (f, name) => f.page.locator('.place', { has: f.page.locator('.place-name', { hasText: name }) });

/** The first target of the mock that is checked from elsewhere. */
const elsewhere = (f, mood) => [...f.mock.world.items.values()].find((x) => x.pub.locations?.length > 1 && x.mood === mood).pub;

async function eachPlace(f) {
  mockOnly(f);
  const target = elsewhere(f, 'down');
  await open(f, `/targets/${target.id}`);
  await row(f, 'beijing').locator('.is-down', { hasText: f.t('state.down') }).waitFor();
  await row(f, f.t('places.local')).locator('.is-up', { hasText: f.t('state.up') }).waitFor();
  await row(f, 'beijing').getByText(/10\.0\./).first().waitFor();
  await row(f, 'beijing').locator('.beat-bad:not([d=""])').waitFor({ state: 'attached' });
  await f.page.getByText(f.t('places.quorum', { n: 2, of: 3 }), { exact: true }).waitFor();
  assert.deepEqual(await f.page.locator('.graph-card .legend-name').allTextContents(), [f.t('places.local'), 'beijing', 'frankfurt'], 'a line for each');
  assert.match(await f.page.locator('.graph-card .legend-value').first().textContent(), /\d (µs|ms|s)$/);
  await f.page.locator('.banner .chip', { hasText: f.t('places.down', { n: 3, down: 2 }) }).waitFor();
  await open(f, `/?q=${target.name}`);
  await f.page.locator('a.row .chip', { hasText: f.t('places.down', { n: 3, down: 2 }) }).waitFor();
}

async function silentPlace(f) {
  mockOnly(f);
  await open(f, `/targets/${elsewhere(f, 'up').id}`);
  await row(f, 'frankfurt').getByText(f.t('places.silent'), { exact: true }).waitFor();
  await row(f, 'são-paulo').getByText(f.t('places.never'), { exact: true }).waitFor();
  await row(f, 'frankfurt').locator('.beat-none:not([d=""])').waitFor({ state: 'attached' });
  await f.page.getByText(f.t('places.quorum', { n: 3, of: 4 }), { exact: true }).waitFor();
}

/** A check by hand asks all of them. */
async function eachAnswer(f) {
  mockOnly(f);
  await open(f, `/targets/${elsewhere(f, 'up').id}`);
  await f.page.locator('#check-now').click();
  const answer = (name) => f.page.locator('.fresh .answer', { has: f.page.locator('.place-name', { hasText: name }) });
  const either = new RegExp(`${f.t('result.ok')}|${f.t('result.failed')}`); // now and then a check of the mock fails
  await answer(f.t('places.local')).locator('.place-state', { hasText: either }).waitFor();
  await answer('frankfurt').getByText(f.t('places.silent'), { exact: true }).waitFor();
  await answer('frankfurt').getByText(/no agent of the location "frankfurt"/).waitFor();
  assert.equal(await answer('frankfurt').locator('details').count(), 0, 'nothing was measured there');
  await answer('beijing').locator('summary').click();
  await answer('beijing').locator('.phases, .metrics').first().waitFor();
}

async function chosen(f) {
  mockOnly(f);
  const made = await f.api('POST', 'targets', { name: `${f.unique}-far`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: 9 } });
  await open(f, `/targets/${made.id}/edit`);
  const pick = (name) => f.page.locator('.pick', { hasText: name }).locator('input');
  await pick('beijing').waitFor();
  assert.ok(await pick(f.t('places.local')).isChecked(), 'from here, as it is without the field');
  assert.equal(await f.page.locator('#f-location_quorum').count(), 0, 'one place needs no quorum');
  await pick('beijing').check();
  await pick('frankfurt').check();
  assert.equal(await f.page.locator('#f-location_quorum').getAttribute('placeholder'), f.t('form.quorum.default', { n: 2, of: 3 }));
  await f.page.locator('#f-location_quorum').fill('4');
  await f.page.locator('#save').click();
  await f.page.locator('#f-location_quorum-error', { hasText: f.t('check.quorum', { n: 3 }) }).waitFor();
  await f.page.locator('#f-location_quorum').fill('3');
  await f.page.locator('#save').click();
  await row(f, 'frankfurt').waitFor();
  const saved = await f.api('GET', `targets/${made.id}`);
  assert.deepEqual([saved.locations, saved.location_quorum], [['local', 'beijing', 'frankfurt'], 3]);
  await open(f, `/targets/${made.id}/edit`);
  await pick('beijing').uncheck();
  await pick('frankfurt').uncheck();
  await f.page.locator('#save').click();
  await f.page.getByRole('heading', exact(made.name)).waitFor();
  assert.equal((await f.api('GET', `targets/${made.id}`)).locations, undefined, 'from here alone again');
  await f.api('DELETE', `targets/${made.id}`);
}

async function addLocation(f) {
  mockOnly(f);
  const name = `${f.unique}-rack`;
  await open(f, '/system');
  const table = f.page.locator('table', { hasText: f.t('locations.col.buffered') });
  await table.locator('tr', { hasText: 'beijing' }).getByText(f.t('locations.connected'), { exact: true }).waitFor();
  await table.locator('tr', { hasText: 'frankfurt' }).getByText(f.t('locations.silent'), { exact: true }).waitFor();
  await f.page.locator('#add-location').click();
  await f.page.locator('#f-name').fill('local');
  await f.page.locator('#make-token').click();
  await f.page.locator('#f-name-error', { hasText: f.t('locations.local') }).waitFor();
  await f.page.locator('#f-name').fill('beijing');
  await f.page.locator('#f-name-error', { hasText: f.t('locations.taken') }).waitFor();
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#make-token').click();
  const token = (await f.page.locator('.once-text').innerText()).trim();
  assert.match(token, /^blf_/);
  assert.equal(await f.page.locator('.once .command code').innerText(), `belfry agent --server ${f.url.replace(/\/$/, '')} --token ${token}`);
  await f.page.locator('#once-done').click();
  await table.locator('tr', { hasText: name }).getByText(f.t('locations.never'), { exact: true }).waitFor();
  assert.ok(!(await f.page.content()).includes(token), 'it was shown once');
  await open(f, '/tokens');
  await f.page.locator('.tokens tr', { hasText: name }).getByText(f.t('scope.agent'), { exact: true }).waitFor();
}

async function noLocation(f0) {
  mockOnly(f0);
  const running = await f0.start({ empty: true });
  const f = { ...f0, url: running.url };
  try {
    await open(f, '/system');
    await f.page.getByText(f.t('locations.empty'), { exact: true }).waitFor();
    await f.page.locator('.command code', { hasText: `belfry agent --server ${f.url.replace(/\/$/, '')} --token TOKEN` }).waitFor();
  } finally {
    running.close();
  }
}

async function unprobed(f) {
  const { items } = await f.api('GET', 'probers');
  if (!items.some((p) => p.in_core)) throw new Skip('this Belfry does not say which types nobody probes');
  await open(f, '/targets/new');
  await chooseType(f, 'push');
  await f.page.locator('#f-config-period').waitFor();
  for (const field of ['interval_seconds', 'timeout_seconds', 'threshold', 'location_quorum']) assert.equal(await f.page.locator(`#f-${field}`).count(), 0, field);
  assert.equal(await f.page.locator('#try').count(), 0, 'a job cannot be tried');
  await f.page.locator('#f-name').fill(`${f.unique}-job`);
  await f.page.locator('#f-group').fill('ui-test');
  await f.page.locator('#f-config-period').fill('1h');
  await f.page.locator('#save').click();
  await say(f, f.t('form.created', { name: `${f.unique}-job` }));
  await f.page.locator('.snippets code', { hasText: 'curl -fsS' }).first().waitFor();
  await f.page.getByText(f.t('push.rule'), { exact: true }).waitFor();
  assert.equal(await f.page.locator('#check-now').count(), 0);
  assert.equal(await f.page.getByText(f.t('target.timeout'), { exact: true }).count(), 0);
  await open(f, '/targets/new');
  await chooseType(f, 'group');
  await f.page.locator('#f-config-members').waitFor();
  assert.equal(await f.page.locator('#f-interval_seconds').count(), 0);
  await f.page.locator('#try').waitFor();
}

async function jobAndGroup(f) {
  mockOnly(f);
  const of = (type, mood = 'up') => [...f.mock.world.items.values()].find((x) => x.pub.type === type && x.mood === mood).pub;
  await open(f, `/targets/${of('push').id}`);
  const failed = f.page.locator('.push-run', { hasText: f.t('push.exit', { n: 1 }) });
  await failed.locator('summary').click();
  await failed.locator('pre', { hasText: 'Input/output error' }).waitFor();
  await f.page.locator('.push-run', { hasText: f.t('push.kind.success') }).first().waitFor();
  await f.page.getByText(`${f.t('push.running')} (weekly-45)`, { exact: true }).waitFor();
  await f.page.getByText('0 3 * * * Asia/Shanghai', { exact: false }).first().waitFor();
  await open(f, `/targets/${of('group').id}`);
  await f.page.locator('.members li.is-down', { hasText: 'webhook-03' }).waitFor();
  await f.page.getByText(f.t('members.missing', { text: 'gone-with-the-rack' })).waitFor();
}

export const placeFlows = [
  ['locations: how a target stands at each of them', eachPlace],
  ['locations: one that is silent, one never heard', silentPlace],
  ['locations: a check by hand, and what each of them answers', eachAnswer],
  ['locations: chosen in the form, with a quorum', chosen],
  ['locations: an agent is added, its token shown once', addLocation],
  ['locations: none yet', noLocation],
  ['jobs and groups: forms without what they have none of', unprobed],
  ['jobs and groups: runs with their output, members with their state', jobAndGroup],
];
