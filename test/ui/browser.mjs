// Finds Chromium, opens pages in the language, theme and width that a flow asks for, and fails a flow
// on whatever the console complains of (a violated content policy, an exception).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const web = join(here, '../../web');

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export function findChromium() {
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return places.find((p) => p && existsSync(p)) ?? null;
}

export function loadPlaywright() {
  try {
    return createRequire(join(web, 'package.json'))('playwright-core');
  } catch {
    return null;
  }
}

export async function launch(playwright, executablePath) {
  return playwright.chromium.launch({ executablePath, args: flags });
}

async function newContext(browser, { lang = 'en', theme = 'light', width = 1280, height = 860 }) {
  return browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: lang === 'zh' ? 'zh-CN' : 'en-GB',
    reducedMotion: 'reduce',
  });
}

/** A page that remembers what went wrong in it. Answers of 4xx that a flow provokes are no complaint. */
async function newPage(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000); // how long a failure takes, not how fast the page is: the machine may be busy
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/Failed to load resource/.test(text)) page.complaints.push(text);
  });
  page.flying = new Set(); // what it asked and has no answer yet; streams and long polls are never answered
  const landed = (request) => page.flying.delete(request);
  page.on('requestfinished', landed);
  page.on('requestfailed', landed);
  page.on('request', (request) => {
    if (request.resourceType() !== 'eventsource' && !/[?&]wait=/.test(request.url())) page.flying.add(request);
    const from = new URL(page.url() === 'about:blank' ? request.url() : page.url()).origin;
    if (!request.url().startsWith(from)) page.complaints.push(`loaded from elsewhere: ${request.url()}`);
  });
  return page;
}

/** Nothing of it changes for `ms`, or it never stops to. */
function quiet(page, ms) {
  return page.evaluate((wanted) => new Promise((done) => {
    const finish = () => {
      watch.disconnect();
      clearTimeout(last);
      clearTimeout(timer);
      done();
    };
    const last = setTimeout(finish, 4 * wanted);
    let timer = setTimeout(finish, wanted);
    const watch = new MutationObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(finish, wanted);
    });
    watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  }), ms);
}

/** Waits until all that it asked was answered and drawn. */
export async function settled(page) {
  for (let n = 0; n < 40; n++) {
    await quiet(page, 90);
    if (page.flying.size === 0) return;
  }
}

/** A page with a context of its own; close that. */
export async function openPage(browser, options = {}) {
  return newPage(await newContext(browser, options));
}

/** Pages one after another in a context for each language: what the browser keeps of scripts is kept, what the page keeps
    of its reader (cookies, choices) is not. */
export class Pages {
  constructor(browser) {
    this.browser = browser;
    this.contexts = new Map();
  }

  async open(lang, url) {
    if (!this.contexts.has(lang)) this.contexts.set(lang, await newContext(this.browser, { lang }));
    const context = this.contexts.get(lang);
    await context.clearCookies();
    const page = await newPage(context);
    const session = await context.newCDPSession(page);
    await session.send('Storage.clearDataForOrigin', { origin: new URL(url).origin, storageTypes: 'local_storage' });
    await session.detach();
    return page;
  }

  async close() {
    for (const context of this.contexts.values()) await context.close();
  }
}
