// A picture of each view in both themes, three widths and both languages, and a check that nothing is
// wider than the window.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPage } from './browser.mjs';

const widths = [375, 768, 1280];

async function views(api) {
  const page = await api('GET', 'targets?limit=500');
  const by = (want) => page.items.find(want)?.id ?? page.items[0]?.id;
  const http = by((x) => x.type === 'http' && x.source === 'api' && x.status === 'healthy');
  const out = [
    ['overview', '/'],
    ['overview-flat', '/?view=flat&state=down,degraded,paused,maintenance'],
    ['add', '/targets/new'],
    ['explore', '/explore?q=avg+by+(type)+(probe_duration_seconds)'],
    ['explore-table', '/explore?q=probe_success&tab=table'],
    ['alerts', '/alerts'],
    ['alerts-history', '/alerts/history'],
    ['silences', '/silences'],
    ['silence-new', '/silences?new=1'],
    ['maintenance', '/maintenance'],
    ['maintenance-month', '/maintenance?month=2026-11'],
    ['maintenance-new', '/maintenance/new'],
    ['reports', '/reports?by=group'],
    ['reports-group', '/reports?group=payments'],
    ['channels', '/channels'],
    ['channel-new', '/channels/new'],
    ['status-pages', '/status-pages'],
    ['status-page-new', '/status-pages/new'],
    ['incident-new', '/incidents/new'],
    ['users', '/users'],
    ['user-new', '/users/new'],
    ['tokens', '/tokens'],
    ['audit', '/audit?kind=target'],
    ['account', '/account'],
    ['system', '/system'],
    ['config', '/config'],
    ['not-found', '/no/such'],
  ];
  if (http) out.push(['target-up', `/targets/${http}`], ['edit', `/targets/${http}/edit`]);
  const down = page.items.find((x) => x.status === 'unhealthy');
  if (down) out.push(['target-down', `/targets/${down.id}`]);
  out.push(['programs', '/programs'], ['program-new', '/programs/new']);
  const programs = (await api('GET', 'processes?limit=500').catch(() => ({ items: [] }))).items;
  const program = (name, want) => {
    const found = programs.find(want);
    if (found) out.push([name, `/program/${encodeURIComponent(found.id)}`]);
  };
  program('program-running', (p) => p.pid && p.health?.status === 'good');
  program('program-backoff', (p) => p.status === 'backoff');
  program('program-fatal', (p) => p.status === 'fatal');
  program('program-job', (p) => p.kind === 'job' && p.status === 'stopped');
  const own = programs.find((p) => p.source === 'api');
  if (own) out.push(['program-edit', `/program/${encodeURIComponent(own.id)}/edit`]);
  return out;
}

export async function takeShots(browser, url, api, dir, report) {
  mkdirSync(dir, { recursive: true });
  const list = await views(api);
  for (const lang of ['en', 'zh']) {
    for (const theme of ['light', 'dark']) {
      for (const width of widths) {
        await report.run(`screenshots ${lang} ${theme} ${width}`, async () => {
          const page = await openPage(browser, { lang, theme, width, height: width === 375 ? 760 : 860 });
          for (const [name, path] of list) {
            await page.goto(`${url}#${path}`);
            await page.locator('main h1, main .empty-title').first().waitFor();
            await page.waitForTimeout(500);
            await page.screenshot({ path: join(dir, `${name}-${lang}-${theme}-${width}.png`), fullPage: !/^(overview|programs$)/.test(name) });
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (wide > 0) page.complaints.push(`${name} is ${wide} px wider than the window`);
          }
          assert.deepEqual(page.complaints, []);
          await page.context().close();
        });
      }
    }
  }
}
