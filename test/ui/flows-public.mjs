// A public status page from beginning to end, as its editor and its readers meet it: made with groups, sections, a logo and a
// language; an incident told and over; maintenance planned; a subscription; feeds; badges; a password. Readers come with a
// browser of their own, which knows no session.
import assert from 'node:assert/strict';
import { openPage } from './browser.mjs';
import { here, logo, sink } from './public.mjs';
import { Skip } from './report.mjs';
import { exact, open, say, until } from './steps.mjs';

const words = {
  en: { planned: 'Planned maintenance', open: 'Current incidents', past: 'Past incidents', almost: 'Almost there', subscribed: 'You are subscribed.', left: 'You are no longer subscribed.', wrong: 'That password is wrong.', private: 'This page is private.', up: 'Operational' },
  zh: { planned: '计划维护', open: '当前事件', past: '历史事件', almost: '还差一步', subscribed: '订阅成功。', left: '已退订。', wrong: '密码错误。', private: '此页面需要密码访问。', up: '正常' },
};

async function makeTarget(f, name, group) {
  return f.api('POST', 'targets', { name, type: 'tcp', group, config: { host: '127.0.0.1', port: Number(new URL(f.url).port) }, interval_seconds: 1, timeout_seconds: 1 });
}

const plan = (f, name) => f.page.locator('.plan', { hasText: name });

/** In the editor: the page with everything that the form knows. */
async function makePage(f, title) {
  await open(f, '/status-pages/new');
  await f.page.locator('#f-title').fill(title);
  await f.page.locator('#f-description').fill('All about **us**');
  await f.page.locator('#f-targets').fill(`${f.unique}-shop`);
  await f.page.locator('.suggestions button', { hasText: `${f.unique}-shop` }).click();
  await f.page.locator('.pick', { hasText: `${f.unique}-group` }).locator('input').check();
  await f.page.locator('#add-section').click();
  await f.page.locator('#f-sections-0-title').fill('Databases');
  await f.page.locator('#f-sections-0-targets').fill(`${f.unique}-db`);
  await f.page.locator('.suggestions button', { hasText: `${f.unique}-db` }).click();
  await f.page.locator('#f-language').selectOption(f.lang);
  await f.page.locator('#f-colour').fill('#7a1f8c');
  await f.page.locator('#f-logo').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(logo.split(',')[1], 'base64') });
  await f.page.locator('#f-show_latency').check();
  await f.page.locator('#f-subscribe_webhook').check();
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name: title }));
}

/** What readers see of it, in the language that its editor chose and not the browser's. */
async function readPage(reader, f, slug) {
  const answer = await reader.goto(`${f.url}status/${slug}`);
  assert.equal(answer.status(), 200);
  assert.equal(await reader.locator('html').getAttribute('lang'), f.lang === 'zh' ? 'zh-CN' : 'en');
  await reader.locator('strong', { hasText: 'us' }).waitFor();
  assert.ok(await reader.locator('.brand img').evaluate((img) => img.complete && img.naturalWidth > 0), 'the logo is shown');
  for (const title of ['Databases', `${f.unique}-group`]) await reader.getByRole('heading', exact(title)).waitFor();
  for (const name of ['shop', 'api', 'db']) await reader.locator('.row .name', { hasText: `${f.unique}-${name}` }).waitFor();
  assert.equal(await reader.locator('.bars').count(), 3, 'a bar a day for each target');
  assert.equal(await reader.locator('script').count(), 0);
}

/** Reloads until it is there: copies are at most some seconds old. */
async function appears(reader, text) {
  await until(async () => (await reader.getByText(text).count()) > 0 || (await reader.reload(), false), `"${text}" appears on the page`);
}

async function tellIncident(f, reader, page, title) {
  await open(f, '/incidents/new');
  await f.page.locator('#f-title').fill(title);
  await f.page.locator('#f-impact').selectOption('major');
  const box = f.page.locator('.pick', { hasText: page }).locator('input');
  if (!(await box.isChecked())) await box.check();
  await f.page.locator('#f-markdown').fill('We <b>look</b> into **it**.\n\n- one\n- two');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name: title }));
  await appears(reader, title);
  await reader.getByRole('heading', exact(words[f.lang].open)).waitFor();
  const article = reader.locator('article', { hasText: title });
  await article.locator('strong', { hasText: 'it' }).waitFor();
  assert.equal(await article.locator('.words li').count(), 2);
  assert.equal(await article.locator('.words b').count(), 0, 'raw HTML is dropped');
}

async function endIncident(f, reader, title) {
  await open(f, '/status-pages');
  await plan(f, title).getByRole('link', exact(title)).click();
  await f.page.locator('#f-update_status').selectOption('resolved');
  await f.page.locator('#f-update').fill('It is *over*.');
  await f.page.locator('#add-update').click();
  await f.page.locator('.update', { hasText: 'It is over.' }).waitFor();
  await appears(reader, 'It is');
  await reader.getByRole('heading', exact(words[f.lang].past)).waitFor();
  assert.equal(await reader.getByRole('heading', exact(words[f.lang].open)).count(), 0);
}

async function planMaintenance(f, reader, target, title) {
  await open(f, `/maintenance/new?target=${target.id}`);
  await f.page.locator('#f-title').fill(title);
  const local = (hours) => new Date(Date.now() + hours * 3600e3 - new Date().getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  await f.page.locator('#f-starts_at').fill(local(24));
  await f.page.locator('#f-ends_at').fill(local(26));
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name: title }));
  await appears(reader, title);
  await reader.getByRole('heading', exact(words[f.lang].planned)).waitFor();
}

/** Subscribes by the public form; nothing is sent before the link was followed. Returns the webhook. */
async function subscribe(f, reader, hook) {
  await reader.locator('footer a[href*="subscribe"]').click();
  await reader.locator('#to-url').fill(hook.url);
  await reader.locator('main button').click();
  await reader.getByText(words[f.lang].almost).first().waitFor();
  const challenge = await hook.until((m) => m.type === 'challenge');
  await reader.goto(here(f, challenge.confirm_url));
  await reader.locator('main button').click();
  await reader.getByText(words[f.lang].subscribed).waitFor();
}

async function toldAndLeft(f, reader, hook, title) {
  const told = await hook.until((m) => JSON.stringify(m).includes(title));
  await reader.goto(here(f, told.unsubscribe_url));
  await reader.locator('main button').click();
  await reader.getByText(words[f.lang].left).waitFor();
}

async function feedsAndBadges(f, reader, target, slug, title) {
  for (const kind of ['rss', 'atom']) {
    await reader.goto(`${f.url}status/${slug}`);
    const href = await reader.locator(`footer a[href*="/${kind}"]`).getAttribute('href');
    const answer = await reader.request.get(new URL(href, reader.url()).href);
    assert.equal(answer.status(), 200);
    assert.match(await answer.text(), new RegExp(title), `${kind} tells of the incident`);
  }
  for (const [type, want] of [['state', new RegExp(words[f.lang].up)], ['uptime', /%/], ['latency', /ms/]]) {
    const svg = await reader.request.get(`${f.url}badge/${target.id}.svg?type=${type}&lang=${f.lang}`);
    assert.match(await svg.text(), want);
  }
}

async function lock(f, reader, title, slug) {
  await open(f, '/status-pages');
  await plan(f, title).getByRole('link', exact(title)).click();
  await f.page.locator('#f-password').fill('open sesame');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name: title }));
  await until(async () => (await reader.goto(`${f.url}status/${slug}`)).status() === 401, 'the page asks for the password'); // the browser's own copy lives for some seconds
  await reader.getByText(words[f.lang].private).waitFor();
  assert.equal(await reader.getByText(`${f.unique}-shop`).count(), 0, 'nothing is told before the password');
  await reader.locator('input[type="password"]').fill('wrong');
  await reader.locator('main button').click();
  await reader.getByText(words[f.lang].wrong).waitFor();
  await reader.locator('input[type="password"]').fill('open sesame');
  await reader.locator('main button').click();
  await reader.locator('.row .name', { hasText: `${f.unique}-shop` }).waitFor();
}

async function wholeStory(f) {
  if (f.mock) throw new Skip('needs a real Belfry: it renders these pages');
  const title = `${f.unique} Status`;
  const slug = `${f.unique}-status`;
  const targets = [await makeTarget(f, `${f.unique}-shop`, 'ui-test'), await makeTarget(f, `${f.unique}-api`, `${f.unique}-group`), await makeTarget(f, `${f.unique}-db`, 'ui-test')];
  const browser = f.page.context().browser();
  const reader = await openPage(browser, { lang: f.lang === 'en' ? 'zh' : 'en' });
  const hook = await sink();
  try {
    await makePage(f, title);
    // Only the API has these two: an address for links in messages, and webhooks on this machine.
    await f.api('PATCH', `status-pages/${slug}`, { public_url: `http://${slug}.example:${new URL(f.url).port}`, webhook_allow_private: true });
    await readPage(reader, f, slug);
    await subscribe(f, reader, hook);
    await reader.goto(`${f.url}status/${slug}`);
    await tellIncident(f, reader, title, `${f.unique} slow`);
    await endIncident(f, reader, `${f.unique} slow`);
    await planMaintenance(f, reader, targets[2], `${f.unique} new disks`);
    await feedsAndBadges(f, reader, targets[0], slug, `${f.unique} slow`);
    await toldAndLeft(f, reader, hook, `${f.unique} slow`);
    await lock(f, reader, title, slug);
    assert.deepEqual(reader.complaints.filter((c) => !c.includes('loaded from elsewhere')), [], "the readers' console is clean");
  } finally {
    hook.close();
    await reader.context().close();
    await cleanUp(f, slug, targets);
  }
}

async function cleanUp(f, slug, targets) {
  await f.api('DELETE', `status-pages/${slug}`).catch(() => undefined);
  for (const kind of ['incidents', 'maintenances']) {
    const { items } = await f.api('GET', `${kind}?limit=1000`);
    for (const x of items) if (x.title.startsWith(f.unique)) await f.api('DELETE', `${kind}/${x.id}`).catch(() => undefined);
  }
  for (const t of targets) await f.api('DELETE', `targets/${t.id}`).catch(() => undefined);
}

export const publicFlows = [['public pages: from the first target to the password', wholeStory]];
