// What people do with supervised programs. Against a real Belfry the programs are real ones: a shell that counts, a sleep.
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { confirm, exact, keys, open, say, until } from './steps.mjs';

const ticking = 'i=0; while :; do i=$((i+1)); if [ $((i % 4)) = 0 ]; then echo oops >&2; else echo tick $i; fi; sleep 0.2; done';

/** Named so that run.mjs can clean up after a flow that failed. */
async function makeProgram(f, name, more = {}) {
  const id = `uitest-${f.unique}-${name}`;
  const document = { id, command: ['/bin/sh', '-c', ticking], type: 'uitest', stop_timeout: '2s', monitor: { enable: true }, ...more };
  try {
    return await f.api('POST', 'processes', document);
  } catch (error) {
    if (/: 404 /.test(error.message)) throw new Skip('this Belfry supervises no programs');
    throw error;
  }
}

const remove = (f, ...programs) => Promise.all(programs.map((p) => f.api('DELETE', `processes/${p.id}`)));

/** The list, when it is there: the view is a chunk of its own. */
async function list(f, query = '') {
  await open(f, `/programs${query}`);
  await f.page.locator('.vlist .prow').first().waitFor();
}

const row = (f, p) => f.page.locator('.vlist .prow', { has: f.page.locator(`a[data-id="${p.id}"]`) });
const inState = (f, p, state) => f.page.locator(`.vlist .prow[data-state="${state}"]`, { has: f.page.locator(`a[data-id="${p.id}"]`) }).waitFor();

async function listAndFilter(f) {
  const one = await makeProgram(f, 'one');
  const off = await makeProgram(f, 'off', { autostart: false });
  await open(f);
  await keys(f, 'gp');
  await row(f, one).waitFor();
  await f.page.keyboard.press('/');
  await f.page.keyboard.type(f.unique);
  await f.page.waitForFunction(() => document.querySelectorAll('.vlist .prow').length === 2);
  await inState(f, one, 'running');
  await f.page.locator('.tile[data-state="stopped"]').click();
  await f.page.waitForFunction(() => document.querySelectorAll('.vlist .prow').length === 1);
  assert.match(f.page.url(), /state=stopped/);
  await f.page.reload();
  await row(f, off).waitFor();
  assert.equal(await f.page.locator('#search').inputValue(), f.unique);
  await f.page.locator('#search').fill('zzz-no-such-program');
  await f.page.getByText(f.t('programs.none'), { exact: true }).waitFor();
  await remove(f, one, off);
}

async function startStop(f) {
  const p = await makeProgram(f, 'life');
  await list(f, `?q=${p.id}`);
  await inState(f, p, 'running');
  await row(f, p).getByRole('button', exact(f.t('program.stop.named', { name: p.id }))).click();
  await f.page.locator('dialog[open]').waitFor();
  await f.page.locator('#ask-no').click();
  await row(f, p).getByRole('button', exact(f.t('program.stop.named', { name: p.id }))).click();
  await confirm(f);
  await say(f, f.t('program.did.stop', { name: p.id }));
  await inState(f, p, 'stopped');
  await row(f, p).getByRole('button', exact(f.t('program.start.named', { name: p.id }))).click();
  await inState(f, p, 'running');
  const before = (await f.api('GET', `processes/${p.id}`)).pid;
  await row(f, p).getByRole('button', exact(f.t('program.restart.named', { name: p.id }))).click();
  await say(f, f.t('program.did.restart', { name: p.id }));
  await until(async () => ![0, null, undefined, before].includes((await f.api('GET', `processes/${p.id}`)).pid), 'it has another pid');
  await inState(f, p, 'running');
  await remove(f, p);
  await row(f, p).waitFor({ state: 'detached' });
}

async function severalAtOnce(f) {
  const a = await makeProgram(f, 'a');
  const b = await makeProgram(f, 'b');
  await list(f, `?q=${f.unique}`);
  await inState(f, a, 'running');
  await inState(f, b, 'running');
  await row(f, a).locator('a').focus();
  await f.page.keyboard.press('x');
  await row(f, b).locator('input').check();
  const bar = f.page.locator('.bulk');
  await bar.getByText(f.t('programs.selected', { n: 2 })).waitFor();
  await bar.getByRole('button', exact(f.t('program.stop'))).click();
  await confirm(f);
  await inState(f, a, 'stopped');
  await inState(f, b, 'stopped');
  await bar.waitFor({ state: 'detached' });
  await f.page.locator('.prow-head input').check();
  await bar.getByRole('button', exact(f.t('program.start'))).click();
  await inState(f, a, 'running');
  await inState(f, b, 'running');
  await remove(f, a, b);
}

async function details(f) {
  const p = await makeProgram(f, 'page', { labels: { team: 'ui' } });
  await open(f, `/program/${p.id}`);
  await f.page.getByRole('heading', { name: p.id }).waitFor();
  await f.page.locator('.banner.is-up').waitFor();
  await f.page.locator('.usage').waitFor();
  await f.page.getByText('team=ui').waitFor();
  await f.page.locator('.yaml', { hasText: `id: ${p.id}` }).waitFor();
  await f.page.locator('#signal').click();
  await f.page.locator('dialog input[value="KILL"]').check();
  await f.page.locator('#signal-send').click();
  await say(f, f.t('program.signal.sent', { signal: 'SIGKILL', name: p.id }));
  if (!f.mock) {
    await f.page.locator('.history tbody tr', { hasText: 'SIGKILL' }).first().waitFor();
    await f.page.locator('.budget-boxes .used').first().waitFor();
    await f.page.locator('.banner.is-up').waitFor();
  }
  await f.page.getByRole('switch').click();
  await say(f, f.t('program.did.disable', { name: p.id }));
  await f.page.getByText(f.t('program.monitor.off')).waitFor();
  await f.page.getByRole('switch').click();
  await f.page.getByText(f.t('program.monitor.on')).waitFor();
  await f.page.locator('.history-card').getByRole('button', exact(f.t('history.all'))).click();
  await f.page.locator('.history .step, .history-card .empty-title').first().waitFor();
  await remove(f, p);
  await f.page.getByText(f.t('error.notFound'), { exact: true }).waitFor();
}

async function output(f) {
  const p = await makeProgram(f, 'log');
  await open(f, `/program/${p.id}`);
  const lines = f.page.locator('.log-line');
  await lines.filter({ hasText: 'tick' }).first().waitFor();
  await lines.filter({ hasText: 'oops' }).first().waitFor();
  const card = f.page.locator('.log-card');
  await card.getByRole('button', exact('stderr')).click();
  await f.page.waitForFunction(() => {
    const shown = [...document.querySelectorAll('.log-text')];
    return shown.length > 0 && shown.every((l) => l.textContent === 'oops');
  });
  await card.getByRole('button', exact(f.t('log.both'))).click();
  await f.page.locator('#log-search').fill('tick');
  await f.page.locator('.log mark').first().waitFor();
  await f.page.locator('#log-search').fill('zzz-never-printed');
  await f.page.getByText(f.t('log.none'), { exact: true }).waitFor();
  await f.page.locator('#log-search').fill('');
  await lines.first().waitFor();
  await f.page.locator('#log-follow').click();
  await f.page.locator('.log-paused').waitFor();
  const last = await lines.last().textContent();
  await f.page.waitForTimeout(1200); // it prints every 200 ms: a page that still follows would have moved
  assert.equal(await lines.last().textContent(), last, 'paused: nothing moves');
  await f.page.locator('#log-follow').click();
  await f.page.waitForFunction((text) => [...document.querySelectorAll('.log-line')].at(-1)?.textContent !== text, last);
  const numbers = (await f.page.locator('.log-text').allTextContents()).flatMap((x) => /^tick (\d+)$/.exec(x)?.[1] ?? []).map(Number);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((x, y) => x - y), 'each line once, in order');
  await card.getByLabel(f.t('log.times'), { exact: true }).uncheck();
  assert.equal(await f.page.locator('.log-time').count(), 0);
  await remove(f, p);
}

async function addEditRemove(f) {
  const id = `uitest-${f.unique}-form`;
  await makeProgram(f, 'taken').then((p) => remove(f, p)); // is there a supervisor at all?
  await open(f, '/programs/new');
  await f.page.locator('#f-id').fill('not an id');
  await f.page.locator('#save').click();
  await f.page.locator('#f-id-error', { hasText: f.t('program.form.id.bad') }).waitFor();
  await f.page.locator('#f-command-error').waitFor();
  await f.page.locator('#f-id').fill(id);
  await f.page.locator('#f-command').fill(`/bin/sh -c '${ticking}'`);
  await f.page.locator('.words code', { hasText: 'while :' }).waitFor();
  await f.page.locator('#f-user').fill('nosuch');
  await f.page.locator('#save').click();
  await f.page.locator('#f-user-error').waitFor(); // only the server knows
  await f.page.locator('#f-user').fill('');
  await f.page.locator('#f-stop_timeout').fill('2s');
  await f.page.locator('#save').click();
  await say(f, f.t('program.form.added', { name: id }));
  await f.page.getByRole('heading', { name: id }).waitFor();
  await f.page.locator('.banner.is-up').waitFor();
  await f.page.getByRole('link', exact(f.t('common.edit'))).click();
  await f.page.locator('#f-type').fill('changed');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name: id }));
  const saved = await f.api('GET', `processes/${id}`);
  assert.equal(saved.type, 'changed');
  assert.deepEqual(saved.command, ['/bin/sh', '-c', ticking]);
  await f.page.locator('#remove').click();
  await confirm(f);
  await say(f, f.t('program.removed', { name: id }));
  await assert.rejects(() => f.api('GET', `processes/${id}`), /404/);
}

async function empty(f) {
  if (!f.mock) throw new Skip('needs a Belfry without programs');
  const kept = new Map(f.mock.programs.items);
  f.mock.programs.items.clear();
  await open(f, '/programs');
  await f.page.getByRole('heading', exact(f.t('programs.empty'))).waitFor();
  await f.page.locator('.snippet', { hasText: 'processes:' }).waitFor();
  for (const [id, p] of kept) f.mock.programs.items.set(id, p);
}

export const programFlows = [
  ['programs: list, search, filter, shared by address', listAndFilter],
  ['programs: start, stop, restart', startStop],
  ['programs: several at once', severalAtOnce],
  ["programs: one program's page", details],
  ['programs: output, followed and searched', output],
  ['programs: add, edit, remove', addEditRemove],
  ['programs: none yet', empty],
];
