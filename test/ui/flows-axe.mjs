// What screen readers and weak eyes meet: axe looks at every view, in both themes, wide in English and on a phone in Chinese,
// and at every public page. Nothing serious, nothing critical.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { web } from './browser.mjs';
import { publicPages } from './public.mjs';
import { Skip } from './report.mjs';
import { allViews, openView, Worlds } from './views.mjs';

function axeSource() {
  try {
    return readFileSync(createRequire(join(web, 'package.json')).resolve('axe-core/axe.min.js'), 'utf8');
  } catch {
    throw new Skip('web/node_modules has no axe-core: run `make deps`');
  }
}

/** What axe finds serious, a line each. In the dark only colours are looked at: the rest is the same. */
async function examine(page, source) {
  await page.evaluate(source);
  const found = [];
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme });
    const faults = await page.evaluate(async (only) => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'], ...(only && { runOnly: only }) });
      return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
        .flatMap((v) => v.nodes.slice(0, 3).map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.split('\n')[1]?.trim()}`));
    }, theme === 'dark' ? ['color-contrast'] : null);
    found.push(...faults.map((f) => `${theme}: ${f}`));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
}

/** Each fault once, with the views that have it. */
function clean(found) {
  const faults = [...new Set(found.map(([fault]) => fault))];
  assert.deepEqual(faults.map((fault) => `${fault} (${found.filter(([x]) => x === fault).map(([, name]) => name).join(', ')})`), []);
}

async function looked(f, views) {
  const source = axeSource();
  const worlds = new Worlds(f.start, f.url);
  const found = [];
  await f.page.setViewportSize(f.lang === 'zh' ? { width: 390, height: 844 } : { width: 1440, height: 900 });
  try {
    for (const view of views) {
      await openView(f.page, await worlds.url(view.world), view);
      found.push(...(await examine(f.page, source)).map((fault) => [fault, view.name]));
    }
  } finally {
    worlds.close();
  }
  clean(found);
}

/** A share of the views for each flow, so that one that fails says what it was about. */
const part = (which) => async (f) => {
  if (!f.mock) throw new Skip('needs the mock: each view is looked at there, filled');
  const all = await allViews(f.api);
  await looked(f, all.filter((v) => which(v)));
};
const about = (pattern) => (v) => v.world === 'open' && pattern.test(v.path);
const targets = /^\/(\?|$|targets)/;
const telling = /^\/(alerts|silences|maintenance|reports|channels|explore)/;

async function publicOnes(f) {
  if (f.mock) throw new Skip('needs a real Belfry: it renders these pages');
  const source = axeSource();
  const made = await publicPages(f);
  const found = [];
  await f.page.setViewportSize(f.lang === 'zh' ? { width: 390, height: 844 } : { width: 1440, height: 900 });
  try {
    for (const { name, open } of made.views) {
      await open(f.page, f.lang);
      found.push(...(await examine(f.page, source)).map((fault) => [fault, name]));
    }
  } finally {
    await made.remove();
  }
  clean(found);
}

export const axeFlows = [
  ['axe: overview and targets', part(about(targets)), { long: true }],
  ['axe: alerts, silences, maintenance, reports, channels, explore', part(about(telling)), { long: true }],
  ['axe: settings, programs and the rest', part((v) => v.world === 'open' && !targets.test(v.path) && !telling.test(v.path)), { long: true }],
  ['axe: signing in, and an empty Belfry', part((v) => v.world !== 'open'), { long: true }],
  ['axe: public pages', publicOnes],
];
