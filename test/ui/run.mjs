// Drives the page in a real browser:
//   node test/ui/run.mjs [--server URL | --mock] [--shots DIR] [--junit FILE] [--only TEXT] [--dist DIR]
// With --server it drives a running Belfry (makes and deletes targets in the group "ui-test"), else the mock.
// Without Chromium or web/node_modules each flow is reported as skipped, by name.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findChromium, launch, loadPlaywright, openPage, web } from './browser.mjs';
import { flows } from './flows.mjs';
import { Report } from './report.mjs';
import { scale } from './scale.mjs';
import { takeShots } from './shots.mjs';
import { loadTexts } from './texts.mjs';

function options(argv) {
  const out = { server: null, shots: null, junit: null, only: '', dist: join(web, 'dist') };
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i].replace(/^--/, '');
    if (name === 'mock') continue;
    if (!(name in out) || !argv[i].startsWith('--') || argv[i + 1] === undefined) {
      console.error(`run.mjs: do not understand ${argv[i]}`);
      process.exit(2);
    }
    out[name] = argv[++i];
  }
  if (out.server && !out.server.endsWith('/')) out.server += '/';
  return out;
}

function apiOf(url) {
  return async (method, path, body) => {
    const init = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'content-type': 'application/json' };
    }
    const response = await fetch(`${url}api/v1/${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
}

/** Leaves a real server as it was: the flows' targets all lie in one group, their programs have a prefix. */
async function cleanUp(api) {
  const page = await api('GET', 'targets?group=ui-test&limit=500').catch(() => ({ items: [] }));
  for (const item of page.items) if (item.group === 'ui-test') await api('DELETE', `targets/${item.id}`).catch(() => {});
  const programs = await api('GET', 'processes?limit=1000').catch(() => ({ items: [] }));
  for (const item of programs.items) if (item.id.startsWith('uitest-')) await api('DELETE', `processes/${item.id}`).catch(() => {});
}

async function runFlow(report, browser, context, [name, flow], lang) {
  await report.run(`${name} (${lang})`, async () => {
    const page = await openPage(browser, { lang });
    const unique = `ui${Date.now().toString(36)}`;
    try {
      await flow({ ...context, page, lang, t: context.texts(lang), unique });
      assert.deepEqual(page.complaints, [], 'the console is clean');
    } finally {
      await page.context().close();
    }
  });
}

function skipAll(report, why) {
  for (const [name] of flows) for (const lang of ['en', 'zh']) report.add(`${name} (${lang})`, 'skipped', 0, why);
}

async function main() {
  const opt = options(process.argv.slice(2));
  const report = new Report('ui');
  const chromium = findChromium();
  const playwright = loadPlaywright();
  if (!chromium || !playwright) {
    skipAll(report, chromium ? 'web/node_modules is missing: run `make deps`' : 'chromium is not installed');
    return report.finish(opt.junit);
  }
  const { startMock } = await import(pathToFileURL(join(web, 'dev/mock.mjs')));
  let running = null;
  if (!opt.server) {
    if (!existsSync(join(opt.dist, 'index.html'))) {
      const { build } = await import(pathToFileURL(join(web, 'build.mjs')));
      await build(opt.dist);
    }
    // Behind a prefix, since that is where relative addresses break.
    running = await startMock({ dist: opt.dist, prefix: '/ops/belfry/' });
  }
  const url = opt.server ?? running.url;
  const api = apiOf(url);
  const browser = await launch(playwright, chromium);
  const start = (more) => startMock({ dist: opt.dist, prefix: '/ops/belfry/', ...more });
  const context = { url, api, start, mock: running?.mock ?? null, texts: await loadTexts() };
  try {
    for (const flow of flows.filter(([name]) => name.includes(opt.only))) {
      for (const lang of ['en', 'zh']) await runFlow(report, browser, context, flow, lang);
    }
    await cleanUp(api);
    if (!opt.server && 'scale'.includes(opt.only)) await scale(browser, (more) => startMock({ dist: opt.dist, ...more }), report);
    if (opt.shots) await takeShots(browser, url, api, opt.shots, report);
  } finally {
    await browser.close();
    running?.close();
  }
  return report.finish(opt.junit);
}

process.exit(await main());
