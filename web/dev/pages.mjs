// The mock's status pages, incidents, configuration, crash reports, deliveries and previews.
const iso = (ms) => new Date(ms).toISOString();
const hour = 3600e3;

/** As much Markdown as a mock needs; HTML is shown as text. */
function markdown(text) {
  const safe = String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const inline = (s) => s.replace(/\*\*(.+?)\*\*/g, '<strong>$1</strong>').replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, '<a href="$2" rel="nofollow">$1</a>');
  return safe.split(/\n{2,}/).map((block) => {
    const lines = block.split('\n');
    if (lines.every((l) => /^- /.test(l))) return `<ul>${lines.map((l) => `<li>${inline(l.slice(2))}</li>`).join('')}</ul>`;
    return `<p>${inline(block)}</p>`;
  }).join('');
}

const wrong = (status, title, errors = []) => [status, { type: 'about:blank', title, status, detail: '', errors }];

export class Pages {
  constructor(world, emit, empty) {
    this.world = world;
    this.emit = emit;
    this.next = 20;
    this.pages = new Map();
    this.incidents = new Map();
    if (empty) return;
    const now = Date.now();
    const page = (id, slug, title, more) => this.pages.set(id, { id, slug, title, description: '', enabled: true, targets: [], groups: [], sections: [], names: {}, language: 'auto', theme: 'auto', colour: '', time_zone: '', logo: null, public_url: '', show_latency: false, show_uptime: true, history_days: 90, footer: '', refresh_seconds: 60, password: null, allow: [], auto_incidents: false, subscribe_webhook: false, mail_channel_id: 0, missing: [], subscribers: { active: 0, pending: 0 }, ...more });
    page(1, 'shop', 'Our shop', { description: 'Everything that **customers** touch.', targets: [1, 2], groups: ['payments'], sections: [{ title: 'Databases', targets: [3, 4], groups: [] }], subscribers: { active: 42, pending: 3 }, auto_incidents: true });
    page(2, 'internal', '内部系统', { groups: ['office', '生产环境'], password: '********', allow: ['10.0.0.0/8'], missing: [99] });
    page(3, 'draft', 'Partners', { enabled: false, groups: ['partners'] });
    const update = (id, at, status, text, by) => ({ id, at: iso(now - at), status, markdown: text, html: markdown(text), by });
    const incident = (id, title, impact, status, at, more) => this.incidents.set(id, { id, title, impact, status, status_pages: ['shop'], targets: [], auto: false, started_at: iso(now - at), resolved_at: null, created_at: iso(now - at), updates: [], ...more });
    incident(1, 'Payments are slow', 'major', 'identified', 1.4 * hour, { targets: [1], updates: [update(1, 1.4 * hour, 'investigating', 'Some payments take more than ten seconds. **We are looking into it.**', 'alice'), update(2, 0.5 * hour, 'identified', 'A database replica lags. We move readers to another one:\n\n- reads: done\n- reports: under way', 'bob')] });
    incident(2, 'orders-26 is down', 'critical', 'resolved', 50 * hour, { auto: true, resolved_at: iso(now - 49.2 * hour), updates: [update(3, 50 * hour, 'investigating', 'Belfry noticed it.', '')] });
  }

  pub(p) {
    const ids = new Set([...p.targets, ...p.sections.flatMap((s) => s.targets)]);
    const inGroups = [...this.world.items.values()].filter((x) => p.groups.includes(x.pub.group) || p.sections.some((s) => s.groups.includes(x.pub.group))).length;
    return { ...p, path: `/status/${p.slug}`, url: null, private: Boolean(p.password || p.allow.length), target_count: ids.size + inGroups };
  }

  faults(body, id) {
    const errors = [];
    if (body.public_url && !/^https?:/.test(body.public_url)) errors.push({ field: 'public_url', message: `got "${body.public_url}"; want an http or https URL` });
    if (errors.length) return wrong(422, 'The status page is not valid', errors);
    if ([...this.pages.values()].some((p) => p.slug === body.slug && p.id !== id)) return wrong(409, 'The address is taken', [{ field: 'slug', message: 'another status page has this address' }]);
    return null;
  }

  pageAnswer(method, path, body) {
    if (path === 'status-pages' && method === 'GET') return [200, { items: [...this.pages.values()].map((p) => this.pub(p)), total: this.pages.size, next: null }];
    const id = Number(path.split('/')[1]);
    if (method === 'POST' || method === 'PATCH') {
      const fault = this.faults(body, id);
      if (fault) return fault;
    }
    if (path === 'status-pages') {
      const p = { targets: [], groups: [], sections: [], allow: [], subscribers: { active: 0, pending: 0 }, missing: [], ...body, id: this.next++, ...(body.password && { password: '********' }) };
      this.pages.set(p.id, p);
      this.emit('status_page', { id: p.id });
      return [201, this.pub(p)];
    }
    const p = this.pages.get(id);
    if (!p) return wrong(404, 'No such status page');
    if (path.endsWith('/subscribers')) {
      const items = p.subscribers.active ? [{ id: 1, type: 'mail', to: 'cto@customer.example', language: 'en', state: 'active', created_at: iso(Date.now() - 90 * 24 * hour) }, { id: 2, type: 'webhook', to: 'https://hooks.example.com/belfry', language: 'en', state: 'active', created_at: iso(Date.now() - 9 * 24 * hour), failures: 3, last_error: 'HTTP 500' }] : [];
      return [200, { items, total: items.length, next: null }];
    }
    if (method === 'DELETE') this.pages.delete(id);
    else if (method === 'PATCH') Object.assign(p, body, body.password && { password: '********' });
    if (method !== 'GET') this.emit('status_page', { id });
    return method === 'DELETE' ? [204] : [200, this.pub(p)];
  }

  incidentAnswer(method, path, query, body, by) {
    if (path === 'incidents' && method === 'GET') return [200, { items: [...this.incidents.values()].sort((a, b) => b.started_at.localeCompare(a.started_at)), total: this.incidents.size, next: null }];
    const update = (x) => {
      x.updates.push({ id: this.next++, at: iso(Date.now()), status: body.status ?? x.status, markdown: body.markdown, html: markdown(body.markdown), by });
      x.status = body.status ?? x.status;
      x.resolved_at = x.status === 'resolved' ? iso(Date.now()) : null;
    };
    if (path === 'incidents') {
      const { markdown: text, notify: _n, ...rest } = body;
      const x = { impact: 'minor', status: 'investigating', status_pages: [], targets: [], auto: false, ...rest, id: this.next++, started_at: iso(Date.now()), resolved_at: null, updates: [] };
      this.incidents.set(x.id, x);
      if (text) update(x);
      this.emit('incident', { id: x.id });
      return [201, x];
    }
    const [, id, , at] = path.split('/');
    const x = this.incidents.get(Number(id));
    if (!x) return wrong(404, 'No such incident');
    if (at !== undefined) x.updates = x.updates.filter((u) => u.id !== Number(at));
    else if (path.endsWith('/updates')) update(x);
    else if (method === 'DELETE') this.incidents.delete(x.id);
    else if (method === 'PATCH') Object.assign(x, body);
    if (method !== 'GET') this.emit('incident', { id: x.id });
    return method === 'DELETE' && at === undefined ? [204] : [path.endsWith('/updates') ? 201 : 200, x];
  }

  config() {
    const main = '/etc/belfry/belfry.yaml';
    const rows = [['server.listen', '0.0.0.0:9370', main, 2], ['server.public_url', 'https://monitor.example.com', main, 3], ['server.anonymous', 'none'], ['server.tls.cert_file', '/etc/belfry/tls/cert.pem', main, 5], ['server.tls.key_file', '/etc/belfry/tls/key.pem', main, 6], ['data_dir', '/var/lib/belfry'], ['log.level', 'info'], ['log.keep_days', '14', main, 9], ['results.keep', '30d'], ['limits.core.memory_limit', '2GiB'], ['channels[ops].type', 'wecom', '/etc/belfry/conf.d/channels.yaml', 2], ['channels[ops].webhook_url', '********', '/etc/belfry/conf.d/channels.yaml', 3], ['channels[ops].mention_all', 'true', '/etc/belfry/conf.d/channels.yaml', 4], ['groups[payments].interval', '15s', '/etc/belfry/conf.d/payments.yaml', 3], ['groups[payments].channels', '["ops"]', '/etc/belfry/conf.d/payments.yaml', 4], ['groups[payments].targets', '25', '/etc/belfry/conf.d/payments.yaml', 6], ['processes.monitor.max_restarts', '10'], ['host.enable', 'true', main, 31], ['access.oidc.client_secret', '********', main, 36]];
    const items = rows.map(([path, value, file, line]) => ({ path, value, from: file ? 'file' : 'default', ...(file && { file, line, column: 3 }) }));
    return [200, { file: main, items, total: items.length, truncated: false }];
  }

  crashes() {
    const now = Date.now();
    const report = { timestamp: iso(now - 7 * hour), process_id: 4088, process_name: 'belfry: watcher:databases', unit: 'watcher:databases', started_at: iso(now - 60 * hour), reason: null, command: ['/usr/bin/belfry', 'watcher', '--group', 'databases'], exception: { type: 'SIGSEGV', message: 'invalid read at address 0x18', traceback: 'pg_probe  src/probe/postgresql.c:212\nfiber_main  src/io/fiber.c:88\nfiber_entry  src/io/fiber_x86_64.S:31' }, exit: { text: 'killed by SIGSEGV', signal: 11 }, resources: { uptime_seconds: 190000, max_rss_bytes: 28e6, cpu_user_seconds: 310.2, cpu_system_seconds: 44.1 }, system_info: { platform: 'Linux 6.1.0-28-amd64 x86_64 (Debian GNU/Linux 12)', version: '0.1.0' }, log_tail: ['{"level":"info","msg":"assignment loaded","targets":25}', '{"level":"warn","msg":"slow probe","target":"main-db","ms":4801}'] };
    return [200, { items: [{ file: '20261121T130412Z-watcher-databases-4088.json', report }], total: 1, next: null }];
  }

  deliveries(id) {
    const now = Date.now();
    const rows = id === 4 ? [['pending', 2, 'HTTP 502 from 10.0.0.9: Bad Gateway', 20, null], ['failed', 5, 'HTTP 502 from 10.0.0.9: Bad Gateway', 190, 140]] : id === 3 ? [] : [['sent', 1, '{"errcode":0,"errmsg":"ok"}', 26, 26], ['sent', 1, '{"errcode":0,"errmsg":"ok"}', 120, 120], ['sent', 2, '{"errcode":0,"errmsg":"ok"}', 800, 799]];
    return [200, { items: rows.map(([status, attempts, answer, made, done], i) => ({ id: 900 - i, alert_id: 60 - i, status, attempts, answer, created_at: iso(now - made * 60e3), at: done === null ? null : iso(now - done * 60e3) })), total: rows.length, next: null }];
  }

  preview(id) {
    if (id === 2) return [200, { payload: 'From: belfry@example.com\nTo: ops@example.com\nSubject: [FIRING] shop is down\nContent-Type: text/plain; charset=utf-8\n\nshop (payments) is down: HTTP 503 Service Unavailable\nsince 2026-11-21 20:31:07 UTC' }];
    return [200, { payload: JSON.stringify({ msgtype: 'markdown', markdown: { content: '**[告警] shop 故障**\n> 分组：payments\n> 原因：HTTP 503 Service Unavailable\n> 开始时间：2026-11-21 20:31:07' } }) }];
  }

  /** [status, body]; undefined: not ours. */
  answer(req, path, query, body, by) {
    if (path.startsWith('status-pages')) return this.pageAnswer(req.method, path, body);
    if (path.startsWith('incidents')) return this.incidentAnswer(req.method, path, query, body, by);
    if (path === 'markdown') return [200, { html: markdown(body.markdown) }];
    if (path === 'config') return this.config();
    if (path === 'crashes') return this.crashes();
    const channel = /^channels\/(\d+)\/(deliveries|preview)$/.exec(path);
    if (channel) return channel[2] === 'preview' ? this.preview(Number(channel[1])) : this.deliveries(Number(channel[1]));
    return undefined;
  }
}
