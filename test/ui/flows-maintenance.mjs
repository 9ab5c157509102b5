// Maintenance: once and weekly, with a preview of the next windows; the calendar; ending one.
import assert from 'node:assert/strict';
import { confirm, exact, open, say } from './steps.mjs';

async function makeTarget(f, name) {
  return f.api('POST', 'targets', { name, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 60, timeout_seconds: 2 });
}

async function pick(f, name) {
  await f.page.locator('#f-target_ids').fill(name);
  await f.page.locator('.suggestions button', { hasText: name }).click();
  await f.page.locator('.chip.removable', { hasText: name }).waitFor();
}

const plan = (f, name) => f.page.locator('.plan', { hasText: name });

async function once(f) {
  const name = `${f.unique}-move`;
  const target = await makeTarget(f, `${name}-target`);
  await open(f, '/maintenance/new');
  await f.page.locator('#save').click();
  await f.page.locator('#f-title-error').waitFor();
  await f.page.locator('#f-title').fill(name);
  await pick(f, `${name}-target`);
  await f.page.locator('.preview-card', { hasText: f.t('maintenance.preview.targets', { n: 1 }) }).waitFor();
  await f.page.locator('#f-starts_at').fill('2020-01-01T00:00'); // it goes on already
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  await plan(f, name).locator('.state.is-maintenance').waitFor();
  await plan(f, name).getByRole('button', exact(f.t('maintenance.end'))).click();
  await confirm(f);
  await say(f, f.t('maintenance.ended', { name }));
  await plan(f, name).getByRole('button', exact(f.t('maintenance.delete.title', { name }))).click();
  await confirm(f);
  await say(f, f.t('maintenance.deleted', { name }));
  await plan(f, name).waitFor({ state: 'detached' });
  await f.api('DELETE', `targets/${target.id}`);
}

async function weekly(f) {
  const name = `${f.unique}-weekly`;
  const target = await makeTarget(f, `${name}-target`);
  await open(f, `/maintenance/new?target=${target.id}`);
  await f.page.locator('#f-title').fill(name);
  await f.page.getByRole('button', exact(f.t('maintenance.kind.weekly'))).click();
  await f.page.locator('#f-schedule-from').fill('22:00');
  await f.page.locator('#f-schedule-to').fill('02:00');
  await f.page.locator('#f-schedule-time_zone').fill('Europe/Berlin');
  await f.page.locator('.windows li').nth(4).waitFor();
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  await plan(f, name).getByText('Europe/Berlin').waitFor();
  await f.page.getByRole('button', exact(f.t('maintenance.calendar'))).click();
  await f.page.locator('.day-item', { hasText: name }).first().waitFor();
  assert.match(f.page.url(), /month=\d{4}-\d\d/);
  await f.page.getByRole('button', exact(f.t('maintenance.nextMonth'))).click();
  await f.page.locator('.day-item', { hasText: name }).first().click();
  await f.page.getByRole('heading', exact(f.t('maintenance.edit', { name }))).waitFor();
  assert.equal(await f.page.locator('#f-schedule-from').inputValue(), '22:00');
  const { items } = await f.api('GET', 'maintenances?limit=1000');
  await f.api('DELETE', `maintenances/${items.find((m) => m.title === name).id}`);
  await f.api('DELETE', `targets/${target.id}`);
}

async function cronErrors(f) {
  await open(f, '/maintenance/new');
  await f.page.locator('#f-title').fill(`${f.unique}-cron`);
  await f.page.getByRole('button', exact(f.t('maintenance.kind.cron'))).click();
  await f.page.locator('#f-schedule-cron').fill('0 3 * *');
  await f.page.locator('#save').click();
  await f.page.locator('#f-schedule-cron-error').waitFor();
  await f.page.locator('#f-schedule-cron').fill('0 3 * * sat');
  await f.page.locator('#f-schedule-cron-error').waitFor({ state: 'detached' });
  await f.page.keyboard.press('Escape');
  await f.page.locator('a', { hasText: f.t('common.cancel') }).click();
  await confirm(f);
  await f.page.getByRole('heading', exact(f.t('nav.maintenance'))).waitFor();
}

async function cron(f) {
  const name = `${f.unique}-cron`;
  await open(f, '/maintenance/new');
  await f.page.locator('#f-title').fill(name);
  await f.page.getByRole('button', exact(f.t('maintenance.kind.cron'))).click();
  await f.page.locator('#f-schedule-cron').fill('nonsense');
  await f.page.locator('#f-schedule-duration').fill('45m');
  await f.page.locator('#f-schedule-time_zone').fill('Asia/Shanghai');
  await f.page.getByRole('button', exact(f.t('matcher.add'))).click();
  await f.page.locator('.matcher-row input').first().fill('env');
  await f.page.locator('.matcher-row input').nth(1).fill(f.unique);
  if (!f.mock) {
    await f.page.locator('#save').click();
    await f.page.locator('#f-schedule-cron-error').waitFor();
  }
  await f.page.locator('#f-schedule-cron').fill('0 2 * * *');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  await plan(f, name).getByText('0 2 * * *').waitFor();
  await plan(f, name).getByRole('button', exact(f.t('maintenance.delete.title', { name }))).click();
  await confirm(f);
  await plan(f, name).waitFor({ state: 'detached' });
}

export const maintenanceFlows = [
  ['maintenance: by cron expression and label', cron],
  ['maintenance: once, with a preview, ended now, deleted', once],
  ['maintenance: weekly over midnight, on the calendar', weekly],
  ['maintenance: what is wrong with a cron expression', cronErrors],
];
