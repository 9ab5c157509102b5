// What people do with numbers: ask, look, zoom, tell others. Against a real Belfry the numbers are its own targets'.
import assert from 'node:assert/strict';
import { exact, open } from './steps.mjs';

/** The editor stands in a shadow root, which locators see through. */
const editor = (f, n = 0) => f.page.locator('.promql').nth(n).locator('.cm-content');

async function type(f, text, n = 0) {
  await editor(f, n).click();
  await f.page.keyboard.press('Control+a');
  await f.page.keyboard.type(text);
  await f.page.keyboard.press('Escape'); // no completion is meant
  await f.page.keyboard.press('Enter');
}

async function askAndShare(f) {
  await open(f);
  await f.page.keyboard.press('g');
  await f.page.keyboard.press('e');
  await editor(f).waitFor();
  await f.page.getByText('probe_success', { exact: true }).first().click();
  await f.page.locator('.legend li').first().waitFor();
  assert.match(f.page.url(), /q=probe_success/);
  await f.page.reload();
  await f.page.locator('.legend li').first().waitFor();
  await f.page.getByRole('button', exact(f.t('explore.table'))).click();
  await f.page.locator('.query-table tbody tr').first().waitFor();
  assert.match(f.page.url(), /tab=table/);
}

async function completion(f) {
  await open(f, '/explore');
  await editor(f).click();
  await f.page.keyboard.type('probe_succ');
  await f.page.locator('.cm-tooltip-autocomplete li', { hasText: 'probe_success' }).first().waitFor();
}

async function mistakes(f) {
  await open(f, '/explore');
  await type(f, 'probe_success)'); // the editor closes what is opened
  const error = f.page.locator('.query-error');
  await error.waitFor();
  assert.match(await error.textContent(), /1:\d+: parse error/);
  await type(f, 'no_such_metric_here');
  await f.page.getByText(f.t('explore.empty'), { exact: true }).waitFor();
  assert.equal(await error.count(), 0);
}

async function severalAndStatistics(f) {
  await open(f, '/explore?q=probe_success');
  await f.page.locator('.legend li').first().waitFor();
  await f.page.getByRole('button', exact(f.t('explore.add'))).click();
  await type(f, 'sum by (type) (probe_success)', 1);
  await f.page.locator('.explore-panel').nth(1).locator('.legend li').first().waitFor();
  await f.page.getByText(f.t('explore.stats'), { exact: true }).first().click();
  assert.ok((await f.page.locator('.query-nodes tbody tr').count()) >= 1);
  await f.page.locator('.explore-panel').nth(1).getByRole('button', exact(f.t('explore.remove'))).click();
  await f.page.waitForFunction(() => document.querySelectorAll('.explore-panel').length === 1);
}

async function cost(f) {
  await open(f, '/explore');
  await f.page.getByRole('button', exact(f.t('explore.cost.show'))).click();
  await f.page.locator('.top-list li').first().waitFor();
}

export const exploreFlows = [
  ['explore: ask, table, a link that shows the same', askAndShare],
  ['explore: completion from the live server', completion],
  ['explore: mistakes are told with their place', mistakes],
  ['explore: several queries, statistics', severalAndStatistics],
  ['explore: what the store holds', cost],
];
