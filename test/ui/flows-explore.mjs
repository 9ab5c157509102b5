// What people do with numbers: ask, look, zoom, tell others. Against a real Belfry the numbers are its own targets'.
import assert from 'node:assert/strict';
import { exact, keys, open } from './steps.mjs';

const editor = (f, n = 0) => f.page.locator('.promql textarea').nth(n);
const candidates = (f) => f.page.locator('.promql-list [role=option]');

/** Until this stands in the editor, with | where the caret is. */
async function becomes(f, wanted) {
  await f.page.waitForFunction((text) => {
    const a = document.querySelector('.promql textarea');
    return `${a.value.slice(0, a.selectionStart)}|${a.value.slice(a.selectionEnd)}` === text;
  }, wanted);
}

async function type(f, text, n = 0) {
  await editor(f, n).click();
  await f.page.keyboard.press('Control+a');
  await f.page.keyboard.type(text);
  await f.page.keyboard.press('Escape'); // no completion is meant
  await f.page.keyboard.press('Enter');
}

async function askAndShare(f) {
  await open(f);
  await keys(f, 'ge');
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
  const { keyboard } = f.page;
  await editor(f).click();
  await keyboard.type('avg_over_t');
  await candidates(f).filter({ hasText: 'avg_over_time' }).first().waitFor();
  assert.equal(await editor(f).getAttribute('aria-activedescendant'), await candidates(f).first().getAttribute('id'));
  assert.equal(await candidates(f).first().getAttribute('aria-selected'), 'true');
  assert.ok(((await f.page.locator('.promql-help').textContent()) ?? '').length > 3, 'a word of help');
  await keyboard.press('Tab');
  await becomes(f, 'avg_over_time(|)');
  await keyboard.type('probe_succ');
  await candidates(f).filter({ hasText: 'probe_success' }).first().waitFor();
  await keyboard.press('Enter');
  await becomes(f, 'avg_over_time(probe_success|)');
  await keyboard.type('{ty');
  await candidates(f).filter({ hasText: 'type' }).first().waitFor();
  await keyboard.press('Enter'); // and the values at once
  await candidates(f).filter({ hasText: 'http' }).first().waitFor();
  await keyboard.type('htt');
  await candidates(f).first().locator('b').first().waitFor();
  await keyboard.press('Enter');
  await becomes(f, 'avg_over_time(probe_success{type="http"|})');
  await keyboard.type('}[5');
  await candidates(f).filter({ hasText: '5m' }).first().waitFor();
  await keyboard.press('Enter');
  await becomes(f, 'avg_over_time(probe_success{type="http"}[5m|])');
  await keyboard.press('Control+Enter');
  await f.page.locator('.legend li, .empty').first().waitFor();
  assert.match(f.page.url(), /q=avg_over_time/);
}

async function editing(f) {
  await open(f, '/explore');
  const { keyboard } = f.page;
  await editor(f).click();
  await keyboard.press('Control+Space');
  await candidates(f).first().waitFor();
  const second = await candidates(f).nth(1).getAttribute('id');
  await keyboard.press('ArrowDown');
  await f.page.waitForFunction((id) => document.querySelector('.promql textarea')?.getAttribute('aria-activedescendant') === id, second);
  await keyboard.press('Escape');
  await candidates(f).first().waitFor({ state: 'detached' });
  assert.ok(await editor(f).evaluate((a) => a === document.activeElement), 'Escape closes the list alone');
  await keyboard.type('sum (');
  await becomes(f, 'sum (|)');
  await f.page.locator('.q-pair').nth(1).waitFor();
  await keyboard.type('up)');
  await becomes(f, 'sum (up)|');
  await keyboard.press('Control+a');
  await keyboard.type('(');
  assert.equal(await editor(f).inputValue(), '(sum (up))');
  for (let i = 0; i < 20 && (await editor(f).inputValue()) !== ''; i++) await keyboard.press('Control+z');
  assert.equal(await editor(f).inputValue(), '', 'all of it is undone');
  await keyboard.type('a');
  await keyboard.press('Shift+Enter');
  await keyboard.insertText('# 中文');
  assert.equal(await editor(f).inputValue(), 'a\n# 中文');
  assert.equal(await f.page.locator('.q-comment').textContent(), '# 中文');
  const tall = await editor(f).evaluate((area) => [area.scrollHeight - area.clientHeight, area.clientHeight]);
  assert.ok(tall[0] <= 1 && tall[1] > 40, `grows with its lines: ${tall}`);
}

async function mistakes(f) {
  await open(f, '/explore');
  await type(f, 'probe_success)'); // the editor closes what is opened
  await f.page.locator('.promql .q-wrong').waitFor();
  assert.match(await editor(f).getAttribute('title'), /1:\d+: parse error/);
  const error = f.page.locator('.query-error');
  await error.waitFor();
  assert.match(await error.textContent(), /1:\d+: parse error/);
  await type(f, 'no_such_metric_here');
  await f.page.getByText(f.t('explore.empty'), { exact: true }).waitFor();
  assert.equal(await error.count(), 0);
  assert.equal(await f.page.locator('.promql .q-wrong').count(), 0);
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
  ['explore: brackets, undo, lines, the keys of the list', editing],
  ['explore: mistakes are told with their place', mistakes],
  ['explore: several queries, statistics', severalAndStatistics],
  ['explore: what the store holds', cost],
];
