// Looks at a page with many targets as a person does, and prints what it took as one line of JSON:
//   node bench/page.mjs '{"url": …, "count": …, "rows": …, "search": …, "word": …, "opened": …}'
// rows: a row of the list; search: the field that filters it; word: what is typed there; opened: what stands on a target's own page.
// A browser of its own for each run. Times are the browser's; memory is the tab's heap after a collection, and its process' share.
import { readFileSync } from 'node:fs';
import { findChromium, launch, loadPlaywright, openPage } from '../test/ui/browser.mjs';
import { heapMb, keystrokes } from '../test/ui/scale.mjs';

const waitMs = 180_000;
const asked = JSON.parse(process.argv[2]);

/** Proportional memory of the largest renderer, in MB: the tab's. */
async function tabMb(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const sizes = processInfo.filter((p) => p.type === 'renderer').map((p) => {
    const text = readFileSync(`/proc/${p.id}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
  });
  return Math.max(...sizes);
}

/** Milliseconds of work that the page's main thread has done: CPU, so other work on the machine disturbs it little. */
async function worker(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find((m) => m.name === 'TaskDuration')?.value ?? NaN);
  };
}

async function firstRow(page) {
  await page.locator(asked.rows).first().waitFor({ timeout: waitMs });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
}

/** From navigation to the first row on the screen: how long, and how much work. */
async function paint(page, worked) {
  const [start, before] = [performance.now(), await worked()];
  await page.reload({ waitUntil: 'commit' });
  await firstRow(page);
  return [performance.now() - start, (await worked()) - before];
}

async function click(page) {
  const start = performance.now();
  await page.locator(asked.rows).nth(2).click({ timeout: waitMs });
  await page.locator(asked.opened).first().waitFor({ timeout: waitMs });
  return performance.now() - start;
}

const playwright = loadPlaywright();
const chromium = findChromium();
if (!playwright || !chromium) {
  console.log(JSON.stringify({ skipped: 'chromium or web/node_modules is missing' }));
  process.exit(0);
}
const browser = await launch(playwright, chromium);
const page = await openPage(browser);
page.setDefaultTimeout(waitMs);
const worked = await worker(page);
await page.goto(asked.url); // warms the server and the browser's cache
await firstRow(page);
const out = { paint: Infinity, paintCpu: Infinity };
for (let i = 0; i < 3; i++) {
  await page.waitForTimeout(3000); // what still arrives
  const [took, work] = await paint(page, worked);
  out.paint = Math.min(out.paint, took);
  out.paintCpu = Math.min(out.paintCpu, work);
}
await page.waitForTimeout(5000);
await page.locator(asked.search).first().focus();
const before = await worked();
const keys = await keystrokes(page, asked.search, asked.word);
out.keystrokeCpu = ((await worked()) - before) / keys.length;
out.keystroke = keys[keys.length >> 1];
out.keystrokeMax = keys[keys.length - 1];
await page.locator(asked.search).first().fill('');
await page.waitForTimeout(2000);
out.heap = await heapMb(page);
out.tab = await tabMb(browser);
out.elements = await page.evaluate(() => document.querySelectorAll('*').length);
out.click = await click(page);
console.log(JSON.stringify(out));
await browser.close();
process.exit(0);
