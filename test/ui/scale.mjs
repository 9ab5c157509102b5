// Ten thousand targets: how long until they are painted, until a keystroke has filtered them, and how much
// memory the tab takes. Mock only: making 10,000 real targets is the bench's work. Times are printed, not asserted (the
// machine may be busy); what makes them short is asserted: only the rows in sight are in the document.
import assert from 'node:assert/strict';
import { openPage } from './browser.mjs';

export async function scale(browser, startMock, report) {
  await report.run('10,000 targets: only those in sight are drawn, tab < 150 MB', async () => {
    const running = await startMock({ targets: 10_000 });
    const page = await openPage(browser);
    const start = Date.now();
    await page.goto(running.url);
    await page.locator('a.row').first().waitFor();
    const paint = Date.now() - start;
    await page.waitForFunction(() => document.querySelector('.found')?.textContent?.includes('10,000'));
    const all = Date.now() - start;
    await page.locator('#search').focus();
    const keys = await page.evaluate(async () => {
      const input = document.getElementById('search');
      const times = [];
      for (const text of ['c', 'ch', 'che', 'chec', 'check', 'checko']) {
        const before = performance.now();
        input.value = text;
        input.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - before);
      }
      return times.sort((a, b) => a - b);
    });
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const heap = (await session.send('Runtime.getHeapUsage')).usedSize / 1e6;
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('a.row').last().waitFor();
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    const median = keys[keys.length >> 1];
    console.log(`# paint ${paint} ms, all loaded ${all} ms, keystroke ${median.toFixed(0)} ms (max ${keys.at(-1).toFixed(0)}), heap ${heap.toFixed(0)} MB, ${nodes} elements`);
    assert.deepEqual(page.complaints, []);
    assert.ok(nodes < 3000, `${nodes} elements`);
    assert.ok(heap < 150, `${heap} MB`);
    await page.context().close();
    running.close();
  });
}
