// Alerts: taking one on, silencing it, silences of their own, the history. Against a real Belfry an alert is made to ring.
import assert from 'node:assert/strict';
import { exact, open, say, until } from './steps.mjs';

const closedPort = 1; // where nobody listens, and nobody begins to while the test runs

async function ringing(f, name) {
  const body = { name, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: closedPort }, interval_seconds: 1, timeout_seconds: 1, threshold: 1 };
  const made = await f.api('POST', 'targets', body);
  if (f.mock) {
    const item = f.mock.world.items.get(made.id);
    await until(() => item.pub.status !== 'unknown', "the mock's own first check");
    f.mock.setMood(item, 'down');
  }
  return made;
}

const card = (f, name) => f.page.locator('.alert.firing', { hasText: name });

async function acknowledge(f) {
  const name = `${f.unique}-rings`;
  const made = await ringing(f, name);
  await open(f, '/alerts');
  await card(f, name).waitFor();
  await card(f, name).getByRole('button', exact(f.t('alerts.ack'))).click();
  await card(f, name).locator('.alert-note').fill('a cable');
  await card(f, name).locator('button[type="submit"]').click();
  await say(f, f.t('alerts.acked', { name }));
  await card(f, name).locator('.alert-acked', { hasText: 'a cable' }).waitFor();
  await card(f, name).getByRole('button', exact(f.t('alerts.unack'))).click();
  await card(f, name).locator('.alert-acked').waitFor({ state: 'detached' });
  await f.api('DELETE', `targets/${made.id}`);
}

async function silenceOne(f) {
  const name = `${f.unique}-noise`;
  const made = await ringing(f, name);
  await open(f, '/alerts');
  await card(f, name).waitFor();
  await card(f, name).getByRole('button', exact(f.t('alerts.silence'))).click();
  await card(f, name).getByRole('button', exact(f.t('silence.for.1h'))).click();
  await card(f, name).locator('.alert-note').fill('known');
  await card(f, name).locator('button[type="submit"]').click();
  await say(f, f.t('alerts.silenced', { name }));
  await card(f, name).locator('.alert-holds', { hasText: f.t('holds.silence') }).waitFor();
  await open(f, '/silences');
  const row = f.page.locator('.silence', { hasText: name });
  await row.getByText('known').waitFor();
  await row.getByRole('button', exact(f.t('silences.end'))).click();
  await row.waitFor({ state: 'detached' });
  await f.api('DELETE', `targets/${made.id}`);
}

async function silences(f) {
  const value = `${f.unique}-env`;
  await open(f, '/silences?new=1');
  await f.page.locator('#add-silence').click();
  await f.page.locator('[data-field="matchers"] .field-error').waitFor();
  await f.page.locator('.matcher-row input').first().fill('env');
  await f.page.locator('.matcher-row input').nth(1).fill(value);
  await f.page.locator('.form-preview', { hasText: f.t('silences.holds', { n: 0 }) }).waitFor();
  await f.page.locator('#f-comment').fill('a word');
  await f.page.locator('#add-silence').click();
  await say(f, f.t('silences.added'));
  const row = f.page.locator('.silence', { hasText: value });
  await row.getByRole('button', exact(f.t('silences.longer'))).click();
  await row.getByRole('button', exact(f.t('silences.end'))).click();
  await f.page.getByRole('button', exact(f.t('silences.past'))).click();
  await f.page.locator('.silence.expired', { hasText: value }).getByRole('button', exact(f.t('silences.again'))).click();
  assert.equal(await f.page.locator('.matcher-row input').nth(1).inputValue(), value);
  await f.page.getByRole('button', exact(f.t('common.cancel'))).click();
}

async function history(f) {
  await open(f, '/alerts');
  await f.page.locator('.subnav').getByRole('link', exact(f.t('alerts.history'))).click();
  await f.page.getByRole('heading', exact(f.t('alerts.history'))).waitFor();
  await f.page.locator('.alert, .empty-title').first().waitFor();
  await f.page.locator('select[name="suppressed"]').selectOption('maintenance');
  await f.page.waitForFunction(() => location.hash.includes('suppressed=maintenance'));
  await f.page.locator('.alert, .empty-title').first().waitFor();
  await f.page.keyboard.press('/');
  await f.page.locator('#search').fill('zzz-nothing');
  await f.page.waitForFunction(() => location.hash.includes('q=zzz-nothing'));
  await f.page.getByText(f.t('filter.none'), { exact: true }).waitFor();
  assert.match(await f.page.getByRole('link', exact('JSON')).getAttribute('href'), /q=zzz-nothing.*format=json/);
  await f.page.getByRole('button', exact(f.t('overview.clear'))).click();
  await f.page.waitForFunction(() => !location.hash.includes('?'));
}

export const alertFlows = [
  ['alerts: take one on with a word, take it back', acknowledge],
  ['alerts: silence one for an hour, end the silence', silenceOne],
  ['alerts: a silence by label: preview, longer, end, once more', silences],
  ['alerts: the history, filtered by its address', history],
];
