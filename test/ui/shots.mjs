// A picture of each view in both themes, three widths and both languages, and a check that nothing is wider than the window.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPage } from './browser.mjs';
import { publicPages } from './public.mjs';
import { allViews, openView, Worlds } from './views.mjs';

const widths = [390, 820, 1440];
const heights = { 390: 844, 820: 1000, 1440: 900 };

async function picture(page, dir, name, whole) {
  await page.screenshot({ path: join(dir, `${name}.png`), fullPage: whole });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) page.complaints.push(`${name} is ${wide} px wider than the window`);
}

/** {url, api, start, mock, dir, only: a piece of the views' names, lanes: so many pages at once} */
export async function takeShots(browser, f, report) {
  mkdirSync(f.dir, { recursive: true });
  const list = (await allViews(f.api)).filter((v) => v.name.includes(f.only) && (f.mock || (v.world === 'open' && !v.act)));
  const worlds = new Worlds(f.start, f.url);
  const outside = f.mock ? null : await publicPages(f);
  const ends = ['en', 'zh'].flatMap((lang) => ['light', 'dark'].flatMap((theme) => widths.map((width) => ({ lang, theme, width }))));
  const take = async ({ lang, theme, width }) => {
    const page = await openPage(browser, { lang, theme, width, height: heights[width] });
    const end = `${lang}-${theme}-${width}`;
    for (const view of list) {
      await openView(page, await worlds.url(view.world), view);
      await picture(page, f.dir, `${view.name}-${end}`, !view.short);
    }
    for (const { name, open } of outside?.views.filter((v) => v.name.includes(f.only)) ?? []) {
      await open(page, lang);
      await picture(page, f.dir, `${name}-${end}`, true);
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  };
  await Promise.all(Array.from({ length: f.lanes }, async () => {
    for (let end = ends.shift(); end; end = ends.shift()) {
      const combination = end;
      await report.run(`screenshots ${Object.values(combination).join(' ')}`, () => take(combination));
    }
  }));
  worlds.close();
  await outside?.remove();
}
