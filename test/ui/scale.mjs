// Ten thousand and a hundred thousand targets: how long until they are painted, until a keystroke is, and until its answer is,
// and how much memory the tab takes. Mock only: making real ones is the bench's work (bench_api.py). Times are printed, not
// asserted (the machine may be busy); what makes them short is asserted: only rows in sight are drawn, few requests are made.
import assert from 'node:assert/strict';
import { openPage } from './browser.mjs';

const aims = 'aims: paint < 1000 ms, keystroke < 50 ms, tab < 150 MB';

function countRequests(page) {
  const seen = [];
  page.on('request', (r) => {
    const at = r.url().indexOf('/api/v1/');
    if (at >= 0) seen.push(r.url().slice(at + 8));
  });
  return (prefix) => seen.filter((u) => u.startsWith(prefix)).length;
}

/** Milliseconds until each keystroke is painted, sorted. bench/page.mjs asks another page so, too. */
export function keystrokes(page, selector, word) {
  return page.evaluate(async ([where, all]) => {
    const input = document.querySelector(where);
    const times = [];
    for (let n = 1; n <= all.length; n++) {
      const text = all.slice(0, n);
      const before = performance.now();
      input.value = text;
      input.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      times.push(performance.now() - before);
      await new Promise((done) => setTimeout(done, 60));
    }
    return times.sort((a, b) => a - b);
  }, [selector, word]);
}

export async function heapMb(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize / 1e6;
}

const drawn = (page) => page.evaluate(() => document.querySelectorAll('.vlist .vrow').length);

async function measure(browser, startMock, count) {
  const running = await startMock({ targets: count, still: count > 10_000 }); // its checks of 100,000 would be what is measured
  const page = await openPage(browser);
  page.setDefaultTimeout(60_000);
  const requests = countRequests(page);
  const start = Date.now();
  await page.goto(running.url);
  await page.locator('a.row').first().waitFor();
  const paint = Date.now() - start;
  const shown = count.toLocaleString('en-GB');
  await page.waitForFunction((text) => document.querySelector('.found')?.textContent?.includes(text), shown);
  assert.ok(requests('targets?') <= 4, 'the list, how many are down for the title, a change or two');
  assert.ok((await drawn(page)) < 60, 'only the rows in sight');
  await page.locator('#search').focus();
  const keys = await keystrokes(page, '#search', 'checko');
  const answered = Date.now();
  await page.waitForFunction(() => document.querySelector('.found:not(.behind)')?.textContent?.includes(' of '));
  const answer = Date.now() - answered;
  await page.locator('#search').fill('');
  await page.waitForFunction((text) => document.querySelector('.found:not(.behind)')?.textContent === `${text} targets`, shown);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.waitForFunction(() => document.querySelector('.vlist .row:not(.blank)'));
  await page.locator('.vlist .row.blank').first().waitFor({ state: 'detached' });
  const rows = await drawn(page);
  const heap = await heapMb(page);
  const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
  const lists = requests('targets?');
  const median = keys[keys.length >> 1];
  console.log(`# ${shown} targets: first rows ${paint} ms, keystroke ${median.toFixed(0)} ms (max ${keys.at(-1).toFixed(0)}), its answer ${answer} ms, heap ${heap.toFixed(0)} MB, ${rows} rows, ${nodes} elements, ${lists} lists asked, ${requests('events')} streams (${aims})`);
  assert.deepEqual(page.complaints, []);
  assert.ok(rows < 60, `${rows} rows drawn`);
  assert.ok(nodes < 2500, `${nodes} elements`);
  assert.ok(lists < 40, `${lists} lists asked`);
  assert.ok(heap < 150, `${heap} MB`);
  await page.context().close();
  running.close();
}

export async function scale(browser, startMock, report) {
  for (const count of [10_000, 100_000]) {
    await report.run(`${count.toLocaleString('en-GB')} targets: only those in sight are drawn and loaded`, () => measure(browser, startMock, count));
  }
}
