// Reports: by target and group, a month or any days, a service level, and on paper.
import assert from 'node:assert/strict';
import { exact, open, until } from './steps.mjs';

async function report(f) {
  const made = await f.api('POST', 'targets', { name: `${f.unique}-report`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 1, timeout_seconds: 1 });
  const month = new Date().toISOString().slice(0, 7);
  const listed = async () => (await f.api('GET', `reports/uptime?group=ui-test&month=${month}`)).items.some((x) => x.name === `${f.unique}-report`);
  await until(listed, 'the report has its first check');
  await open(f, '/reports?group=ui-test');
  const row = f.page.locator('.report tr', { hasText: `${f.unique}-report` });
  await row.waitFor();
  await f.page.getByRole('button', exact(f.t('reports.by.group'))).click();
  await f.page.locator('.report tbody tr', { hasText: 'ui-test' }).waitFor();
  assert.match(f.page.url(), /by=group/);
  await f.page.getByLabel(f.t('reports.slo'), { exact: true }).selectOption('99.99');
  await f.page.waitForFunction(() => location.hash.includes('slo=99.99'));
  await f.page.getByRole('button', exact(f.t('reports.any'))).click();
  await f.page.waitForFunction(() => /from=.*to=/.test(location.hash));
  await f.page.locator('.report tbody tr').first().waitFor();
  assert.match(await f.page.getByRole('link', exact('CSV')).getAttribute('href'), /by=group.*slo=99\.99.*format=csv/);
  await f.page.emulateMedia({ media: 'print' });
  assert.equal(await f.page.locator('.top').isVisible(), false, 'navigation is not printed');
  assert.equal(await f.page.locator('.report').isVisible(), true);
  await f.page.emulateMedia({ media: 'screen' });
  await f.api('DELETE', `targets/${made.id}`);
}

async function emptyMonth(f) {
  await open(f, '/reports?month=2001-01');
  await f.page.locator('.empty-title, .report').first().waitFor();
  await f.page.getByRole('button', exact(f.t('maintenance.nextMonth'))).click();
  await f.page.waitForFunction(() => location.hash.includes('month=2001-02'));
}

export const reportFlows = [
  ['reports: by target and group, a service level, on paper', report],
  ['reports: a month without data', emptyMonth],
];
