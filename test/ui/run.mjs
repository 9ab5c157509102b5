// Drives the page in a real browser:
//   node test/ui/run.mjs [--server URL | --mock] [--shots DIR] [--junit FILE] [--only TEXT] [--views TEXT] [--dist DIR] [--lanes N]
// --views: only the pictures of views whose name has that in it. --lanes: so many flows at once (by default one for each processor, 2 to 4).
// With --server it drives a running Belfry (makes and deletes targets in the group "ui-test"), else the mock.
// Without Chromium or web/node_modules each flow is reported as skipped, by name.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findChromium, launch, loadPlaywright, Pages, web } from './browser.mjs';
import { flows } from './flows.mjs';
import { Report } from './report.mjs';
import { scale } from './scale.mjs';
import { takeShots } from './shots.mjs';
import { loadTexts } from './texts.mjs';

function options(argv) {
  const out = { server: null, shots: null, junit: null, only: '', views: '', dist: join(web, 'dist'), lanes: Math.max(2, Math.min(4, availableParallelism())) };
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
  out.lanes = Number(out.lanes);
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

let made = 0;

/** Of as many letters each time, so that none begins with another. */
function uniqueName() {
  return `ui${Date.now().toString(36)}${(made++).toString(36).padStart(2, '0')}`;
}

async function runFlow(report, lane, { name, flow, lang }) {
  await report.run(`${name} (${lang})`, async () => {
    const page = await lane.pages.open(lang, lane.url);
    try {
      await flow({ ...lane, page, lang, t: lane.texts(lang), unique: uniqueName() });
      assert.deepEqual(page.complaints, [], 'the console is clean');
    } finally {
      await page.close();
    }
  });
}

/** Somebody who runs one flow after another: with a mock of their own, or before the one real Belfry. */
async function openLane(browser, context) {
  const running = context.server ? null : await context.start();
  const url = context.server ?? running.url;
  const pages = new Pages(browser);
  const close = async () => {
    await pages.close();
    running?.close();
  };
  return { ...context, url, api: apiOf(url), mock: running?.mock ?? null, pages, close };
}

/** The long ones first; those that need the machine or Belfry to themselves after all others. */
function jobsOf(only) {
  const weight = (job) => (job.alone ? 2 : job.long ? 0 : 1);
  const jobs = flows.filter(([name]) => name.includes(only)).flatMap(([name, flow, how]) => ['en', 'zh'].map((lang) => ({ name, flow, lang, ...how })));
  return jobs.sort((a, b) => weight(a) - weight(b));
}

/** Each lane takes the next job when it is done with one. */
async function runAll(report, lanes, jobs) {
  const together = jobs.filter((job) => !job.alone);
  await Promise.all(lanes.map(async (lane) => {
    for (let job = together.shift(); job; job = together.shift()) await runFlow(report, lane, job);
  }));
  for (const job of jobs.filter((job) => job.alone)) await runFlow(report, lanes[0], job);
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
  if (!opt.server && !existsSync(join(opt.dist, 'index.html'))) {
    const { build } = await import(pathToFileURL(join(web, 'build.mjs')));
    await build(opt.dist);
  }
  // Behind a prefix, since that is where relative addresses break.
  const start = (more) => startMock({ dist: opt.dist, prefix: '/ops/belfry/', ...more });
  const browser = await launch(playwright, chromium);
  const context = { server: opt.server, start, texts: await loadTexts() };
  const lanes = [];
  try {
    const jobs = jobsOf(opt.only);
    for (let n = 0; n < Math.min(opt.lanes, Math.max(1, jobs.length)); n++) lanes.push(await openLane(browser, context));
    await runAll(report, lanes, jobs);
    await cleanUp(lanes[0].api);
    if (!opt.server && 'scale'.includes(opt.only)) await scale(browser, (more) => startMock({ dist: opt.dist, ...more }), report);
    if (opt.shots) await takeShots(browser, { ...lanes[0], dir: opt.shots, only: opt.views, lanes: opt.lanes }, report);
  } finally {
    for (const lane of lanes) await lane.close();
    await browser.close();
  }
  return report.finish(opt.junit);
}

process.exit(await main());
