// Public status pages for the eyes: one that shows all there is to show, a private, an empty and a forbidden one, and the small
// pages of a subscription. Only a real Belfry renders them. Each view is {name, open(page, lang)}.
import { createServer } from 'node:http';
import { until } from './steps.mjs';

export const logo = `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="14" fill="#1f6a8c"/><path d="M9 17l5 5 9-11" fill="none" stroke="#fff" stroke-width="3"/></svg>').toString('base64')}`;

const iso = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

/** A webhook that keeps what it is sent and confirms nothing by itself. */
export async function sink() {
  const got = [];
  const server = createServer((req, res) => {
    let text = '';
    req.on('data', (c) => (text += c));
    req.on('end', () => {
      got.push(JSON.parse(text));
      res.end('ok');
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const told = (want) => until(() => got.find(want), 'the webhook is told').catch((error) => {
    throw new Error(`${error.message}; it got ${JSON.stringify(got)}`);
  });
  return { url: `http://127.0.0.1:${server.address().port}/hook`, got, until: told, close: () => (server.closeAllConnections(), server.close()) };
}

/** Links in messages are made of the page's public_url; its path leads there on this machine, too. */
export function here(f, url) {
  const { pathname, search } = new URL(url);
  return new URL(`${pathname.slice(1)}${search}`, f.url).href;
}

/** What a test makes, to be deleted in reverse. */
class Made {
  constructor(f) {
    this.f = f;
    this.undo = [];
  }

  async add(kind, body) {
    const made = await this.f.api('POST', kind, body);
    this.undo.unshift(() => this.f.api('DELETE', `${kind}/${made.id}`).catch(() => undefined));
    return made;
  }

  async remove() {
    for (const work of this.undo) await work();
  }
}

async function targets(made, unique, port) {
  const target = (name, more) => made.add('targets', { name: `${unique}-${name}`, type: 'tcp', group: 'ui-test', config: { host: '127.0.0.1', port, ...more?.config }, interval_seconds: 5, timeout_seconds: 2, threshold: 1, ...more, config: { host: '127.0.0.1', port, ...more?.config } });
  return [await target('web'), await target('api', { config: { port: 1 } }), await target('db'), await target('old', { enabled: false })];
}

async function fullPage(made, f, slug) {
  const { unique, url } = f;
  const [web, api, db, old] = await targets(made, unique, Number(new URL(url).port));
  const page = await made.add('status-pages', {
    slug, title: 'Example 商城', description: 'Everything that **customers** touch. 用户可见的全部服务。\n\n- [Terms](https://example.com/terms)', logo, footer: '[Imprint](https://example.com/imprint)',
    targets: [web.id, api.id], sections: [{ title: 'Databases 数据库', targets: [db.id, old.id] }],
    names: { [web.id]: 'Shop', [api.id]: 'Payments with a rather long name that must not break the line', [db.id]: '订单库', [old.id]: 'Archive' },
    show_latency: true, subscribe_webhook: true, webhook_allow_private: true, public_url: `http://${slug}.example:${new URL(url).port}`,
  });
  const open = await made.add('incidents', { title: 'Payments are slow 支付缓慢', impact: 'major', status_pages: [slug], targets: [api.id], markdown: 'Some payments take **ten seconds**.\n\n- reads: done\n- writes: `under way`' });
  await f.api('POST', `incidents/${open.id}/updates`, { status: 'identified', markdown: 'A replica lags. See [the ticket](https://example.com/t/1).' });
  const over = await made.add('incidents', { title: 'Shop was unreachable', impact: 'critical', status_pages: [slug], targets: [web.id], markdown: 'We look into it.' });
  await f.api('POST', `incidents/${over.id}/updates`, { status: 'resolved', markdown: 'A switch was replaced.' });
  await made.add('maintenances', { title: 'New disks 更换磁盘', target_ids: [db.id], starts_at: iso(86400), ends_at: iso(86400 + 7200) });
  await made.add('maintenances', { title: 'Index rebuild', target_ids: [db.id], starts_at: iso(-60), ends_at: iso(3600) });
  return page;
}

/** The links that a subscriber is sent: to confirm, and to leave. */
async function subscribed(made, f, slug) {
  const hook = await sink();
  made.undo.unshift(() => hook.close());
  const answer = await fetch(`${f.url}status/${slug}/subscribe`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ type: 'webhook', to: hook.url, language: 'en' }) });
  if (answer.status !== 202) throw new Error(`subscribing: ${answer.status} ${await answer.text()}`);
  const confirm = here(f, (await hook.until((m) => m.type === 'challenge')).confirm_url);
  return { confirm };
}

export async function publicPages(f) {
  const made = new Made(f);
  const unique = f.unique ?? `shots${Date.now().toString(36)}`;
  const g = { ...f, unique };
  try {
    return await prepare(made, g, unique);
  } catch (error) {
    await made.remove();
    throw error;
  }
}

async function prepare(made, f, unique) {
  const slug = `${unique}-all`;
  await fullPage(made, f, slug);
  await made.add('status-pages', { slug: `${unique}-private`, title: 'Internal 内部', password: 'open sesame' });
  await made.add('status-pages', { slug: `${unique}-empty`, title: 'Nothing yet' });
  await made.add('status-pages', { slug: `${unique}-forbidden`, title: 'Office', allow: ['192.0.2.0/24'] });
  const { confirm } = await subscribed(made, f, slug);
  const at = (path) => async (page, lang) => {
    await page.goto(`${f.url}status/${path}${path.includes('?') ? '&' : '?'}lang=${lang}`);
    await page.locator('main').waitFor();
  };
  const views = [
    { name: 'public-page', open: at(slug) },
    { name: 'public-open', open: async (page, lang) => { await at(slug)(page, lang); await page.locator('details.more summary').first().click(); } },
    { name: 'public-empty', open: at(`${unique}-empty`) },
    { name: 'public-password', open: at(`${unique}-private`) },
    { name: 'public-forbidden', open: at(`${unique}-forbidden`) },
    { name: 'public-subscribe', open: at(`${slug}/subscribe`) },
    { name: 'public-confirm', open: async (page, lang) => void (await page.goto(`${confirm}&lang=${lang}`)) },
    { name: 'public-confirmed', open: async (page, lang) => { await page.goto(`${confirm}&lang=${lang}`); await page.locator('main button').click(); await page.locator('main h2').waitFor(); } },
    { name: 'public-link-old', open: at(`${slug}/confirm?id=1&token=00`) },
  ];
  return { views, remove: () => made.remove(), slug };
}
