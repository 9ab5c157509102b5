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

/** A page that remembers what went wrong in it. Answers of 4xx that a flow provokes are no complaint. */
export async function openPage(browser, { lang = 'en', theme = 'light', width = 1280, height = 860 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    locale: lang === 'zh' ? 'zh-CN' : 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/Failed to load resource/.test(text)) page.complaints.push(text);
  });
  page.on('request', (request) => {
    const from = new URL(page.url() === 'about:blank' ? request.url() : page.url()).origin;
    if (!request.url().startsWith(from)) page.complaints.push(`loaded from elsewhere: ${request.url()}`);
  });
  return page;
}
