// The mock's acknowledgements, silences, maintenance and reports.
const iso = (ms) => new Date(ms).toISOString();
const hour = 3600e3;
const day = 24 * hour;
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const holdsAll = (matchers, labels) =>
  matchers.every((m) => {
    const have = String(labels[m.name] ?? '');
    const regex = () => new RegExp(`^(?:${m.value})$`).test(have);
    return m.op === '=' ? have === m.value : m.op === '!=' ? have !== m.value : m.op === '=~' ? regex() : !regex();
  });

const labelsOf = (pub) => ({ target: pub.name, group: pub.group, type: pub.type, instance: pub.address, alertname: pub.name, ...pub.labels });

/** The windows of a schedule between two moments; UTC days, which is near enough for a mock. */
export function windows(m, since, until, most = 200) {
  const out = [];
  const s = m.schedule;
  const first = m.starts_at ? Date.parse(m.starts_at) : 0;
  const last = m.ends_at ? Date.parse(m.ends_at) : Infinity;
  if (s.kind === 'once') return last > since && first < until ? [[first, m.ends_at ? last : null]] : [];
  const clock = (text) => text.split(':').reduce((h, x) => h * 60 + Number(x), 0) * 60e3;
  for (let d = Math.floor((since - 2 * day) / day) * day; d < until && out.length < most; d += day) {
    const name = weekdays[new Date(d).getUTCDay()];
    let from, to;
    if (s.kind === 'weekly') {
      if (s.days.length && !s.days.includes(name)) continue;
      [from, to] = [d + clock(s.from), d + clock(s.to)];
      if (to <= from) to += day;
    } else {
      const [minute, h, , , dow] = s.cron.split(/\s+/);
      if (dow !== '*' && !dow.includes(name) && !dow.includes(String(new Date(d).getUTCDay()))) continue;
      from = d + (Number(h) || 0) * hour + (Number(minute) || 0) * 60e3;
      to = from + (Number.parseInt(s.duration, 10) || 1) * (s.duration.endsWith('m') ? 60e3 : hour);
    }
    if (to > since && from < until && from >= first && from < last) out.push([from, to]);
  }
  return out;
}

export class Alerting {
  constructor(world, emit, empty) {
    this.world = world;
    this.emit = emit;
    this.next = 50;
    this.silences = new Map();
    this.plans = new Map();
    if (empty) return;
    const now = Date.now();
    const matcher = (name, value, op = '=') => ({ name, op, value });
    const silence = (id, matchers, from, to, created_by, comment) => this.silences.set(id, { id, matchers, starts_at: iso(now + from), ends_at: iso(now + to), created_by, comment, created_at: iso(now + from) });
    silence(1, [matcher('group', 'partners'), matcher('type', 'http|tcp', '=~')], -2 * hour, 5.4 * hour, 'alice', 'partner moves their data centre');
    silence(2, [matcher('target', '缓存-16')], -20 * 60e3, 40 * 60e3, '王小明', '扩容中');
    silence(3, [matcher('env', 'staging')], 3 * hour, 9 * hour, 'bob', '');
    silence(4, [matcher('group', 'office')], -60 * hour, -52 * hour, 'alice', 'cleaning day');
    const plan = (id, title, schedule, starts, ends, more) => this.plans.set(id, { id, title, target_ids: [], groups: [], matchers: [], schedule, starts_at: starts, ends_at: ends, created_at: iso(now - 9 * day), ...more });
    plan(1, '数据库升级', { kind: 'once' }, iso(now - 25 * 60e3), iso(now + 95 * 60e3), { groups: ['databases'] });
    plan(2, 'Weekly deployment', { kind: 'weekly', days: ['tue', 'thu'], from: '21:00', to: '22:30', time_zone: 'Europe/Berlin' }, null, null, { target_ids: [1, 9, 17], groups: ['payments'] });
    plan(3, 'Backups of the night', { kind: 'cron', cron: '0 2 * * *', duration: '45m', time_zone: 'Asia/Shanghai' }, null, null, { matchers: [matcher('team', 'sre')] });
    plan(4, 'Switch replaced', { kind: 'once' }, iso(now - 12 * day), iso(now - 12 * day + 2 * hour), { groups: ['network'] });
    plan(5, 'Certificates renewed', { kind: 'once' }, iso(now + 4.3 * day), iso(now + 4.3 * day + hour), { target_ids: [4] });
  }

  status(s) {
    const now = Date.now();
    return Date.parse(s.ends_at) <= now ? 'expired' : Date.parse(s.starts_at) > now ? 'pending' : 'active';
  }

  targetsOf(matchers) {
    return [...this.world.items.values()].filter((x) => holdsAll(matchers, labelsOf(x.pub))).map((x) => x.pub.id);
  }

  firing(matchers) {
    const ids = new Set(this.targetsOf(matchers));
    return this.world.alerts.filter((a) => a.status === 'firing' && ids.has(a.target_id)).map((a) => a.id);
  }

  pubSilence(s) {
    return { ...s, status: this.status(s), alert_ids: this.status(s) === 'active' ? this.firing(s.matchers) : [], updated_at: s.created_at };
  }

  pubPlan(m) {
    const now = Date.now();
    const next = windows(m, now, now + 400 * day, 5).map(([a, b]) => ({ starts_at: iso(a), ends_at: b && iso(b) }));
    const active = next.length > 0 && Date.parse(next[0].starts_at) <= now;
    return { ...m, active, next, next_starts_at: next[0]?.starts_at ?? null, next_ends_at: next[0]?.ends_at ?? null };
  }

  heldTargets(m) {
    return [...this.world.items.values()].filter((x) => m.target_ids?.includes(x.pub.id) || m.groups?.includes(x.pub.group) || (m.matchers?.length > 0 && holdsAll(m.matchers, labelsOf(x.pub)))).length;
  }

  /** What is added to an alert that the list answers. */
  dress(alert) {
    if (alert.status !== 'firing') return { acknowledged: null, ...alert };
    const holds = [];
    if (alert.suppressed) holds.push({ reason: alert.suppressed, id: 8, name: alert.suppressed_by ?? '', until: null });
    for (const s of this.silences.values()) if (this.status(s) === 'active' && this.firing(s.matchers).includes(alert.id)) holds.push({ reason: 'silence', id: s.id, name: s.comment, until: s.ends_at });
    if (alert.acknowledged) holds.push({ reason: 'acknowledged', id: 0, name: alert.acknowledged.by, until: null });
    return { acknowledged: null, ...alert, holds };
  }

  end(duration) {
    const [, n, unit] = /^(\d+(?:\.\d+)?)([mhd])$/.exec(duration) ?? [null, 1, 'h'];
    return iso(Date.now() + Number(n) * { m: 60e3, h: hour, d: day }[unit]);
  }

  addSilence(body, by) {
    const { duration, ...rest } = body;
    const s = { comment: '', created_by: by, ...rest, id: this.next++, starts_at: body.starts_at ?? iso(Date.now()), ends_at: body.ends_at ?? this.end(duration ?? '1h'), created_at: iso(Date.now()) };
    this.silences.set(s.id, s);
    this.emit('silence', { id: s.id });
    return this.pubSilence(s);
  }

  planFaults(body) {
    const errors = [];
    if (body.schedule?.kind === 'cron' && /x/.test(body.schedule.cron)) errors.push({ field: 'schedule.cron', message: `got "${body.schedule.cron}"; want five fields` });
    if (body.schedule?.time_zone && !/^[A-Z][\w/+-]+$/.test(body.schedule.time_zone)) errors.push({ field: 'schedule.time_zone', message: `got "${body.schedule.time_zone}"; want a name like Europe/Berlin` });
    return errors;
  }

  report(query) {
    const by = query.get('by') ?? 'target';
    const slo = Number(query.get('slo') ?? 99.9);
    const month = query.get('month');
    const since = month ? Date.parse(`${month}-01T00:00:00Z`) : Date.parse(query.get('since'));
    const until = Math.min(Date.now(), month ? Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 1) : Date.parse(query.get('until')));
    const length = Math.max(0, (until - since) / 1000);
    const fill = (name, id, down, incidents, mean, more) => {
      const budget = (length * (100 - slo)) / 100;
      const uptime = length > 0 ? Math.max(0, 1 - down / length) : null;
      return { ...(id && { id }), name, uptime, incidents, down_seconds: down, maintenance_seconds: down > 3000 ? 5400 : 0, latency_mean_ms: mean, latency_p95_ms: mean === null ? null : Math.round(mean * 22) / 10, slo: { met: uptime === null ? null : uptime >= slo / 100, budget_seconds: budget, used_seconds: down, left_seconds: budget - down, left: budget > 0 ? 1 - down / budget : null }, ...more };
    };
    let all = [...this.world.items.values()].filter((x) => !query.get('group') || x.pub.group === query.get('group')).map((x) => {
      const { pub } = x;
      const seen = x.mood !== 'unknown' && length > 0;
      const down = !seen ? 0 : x.mood === 'down' ? 9000 + pub.id * 37 : pub.id % 5 === 0 ? pub.id * 11 : pub.id % 7 === 0 ? 1900 : 0;
      const row = fill(pub.name, pub.id, down, down === 0 ? 0 : 1 + (pub.id % 3), seen ? Math.round(x.base * 10) / 10 : null, { group: pub.group, type: pub.type });
      return seen ? row : { ...row, uptime: null, slo: { ...row.slo, met: null, left: null } };
    });
    if (until <= since) all = [];
    const sum = (rows, name, id, more) => fill(name, id, rows.reduce((n, r) => n + r.down_seconds, 0) / Math.max(1, rows.length), rows.reduce((n, r) => n + r.incidents, 0), rows.length ? Math.round(rows.reduce((n, r) => n + (r.latency_mean_ms ?? 0), 0) / rows.length) : null, more);
    const groups = [...new Set(all.map((r) => r.group))];
    const items = by === 'group' ? groups.map((g) => sum(all.filter((r) => r.group === g), g, 0, { targets: all.filter((r) => r.group === g).length })) : all.sort((a, b) => (a.uptime ?? 2) - (b.uptime ?? 2));
    const start = Number(query.get('cursor') ?? 0);
    const limit = Number(query.get('limit') ?? 100);
    return { since: iso(since), until: iso(until), time_zone: query.get('time_zone') ?? '', by, slo, maintenance: query.get('maintenance') ?? 'exclude', items: items.slice(start, start + limit), total: items.length, next: start + limit < items.length ? String(start + limit) : null, summary: sum(all, '', 0, {}) };
  }

  /** [status, body]; undefined: not ours. */
  answer(req, path, query, body, by) {
    const { method } = req;
    const alert = /^alerts\/(\d+)\/(ack|silence)$/.exec(path);
    if (alert) {
      const found = this.world.alerts.find((a) => a.id === Number(alert[1]));
      if (!found) return [404, { title: 'No such alert', status: 404 }];
      if (alert[2] === 'silence') return [201, this.addSilence({ matchers: [{ name: 'target', op: '=', value: found.target_name }], duration: body.duration, comment: body.comment ?? '' }, by)];
      found.acknowledged = method === 'DELETE' ? null : { by, at: iso(Date.now()), note: body.note ?? '' };
      this.emit('alert', found);
      return [200, this.dress(found)];
    }
    if (path === 'silences' && method === 'GET') return [200, { items: [...this.silences.values()].map((s) => this.pubSilence(s)), total: this.silences.size, next: null }];
    if (path === 'silences') return body.matchers?.some((m) => m.op.includes('~') && m.value.includes('(')) ? [422, { title: 'The silence is not valid', status: 422, errors: [{ field: 'matchers[0].value', message: 'missing closing parenthesis' }] }] : [201, this.addSilence(body, by)];
    if (path === 'silences/preview') return [200, { alert_ids: this.firing(body.matchers), targets: this.targetsOf(body.matchers).length }];
    const silence = /^silences\/(\d+)$/.exec(path);
    if (silence) {
      const s = this.silences.get(Number(silence[1]));
      if (!s) return [404, { title: 'No such silence', status: 404 }];
      if (method === 'PATCH') Object.assign(s, body);
      if (method === 'DELETE' && this.status(s) === 'expired') this.silences.delete(s.id);
      else if (method === 'DELETE') s.ends_at = iso(Date.now());
      this.emit('silence', { id: s.id });
      return method === 'DELETE' ? [204] : [200, this.pubSilence(s)];
    }
    if (path === 'reports/uptime') return query.get('format') === 'csv' ? [200, 'name,uptime\n'] : [200, this.report(query)];
    if (!path.startsWith('maintenances')) return undefined;
    return this.planAnswer(method, path, query, body);
  }

  planAnswer(method, path, query, body) {
    if (path === 'maintenances/calendar') {
      const since = Date.parse(query.get('since'));
      const until = Date.parse(query.get('until'));
      const now = Date.now();
      const items = [...this.plans.values()].flatMap((m) => windows(m, since, until).map(([a, b]) => ({ maintenance_id: m.id, title: m.title, starts_at: iso(a), ends_at: b && iso(b), active: a <= now && (b === null || b > now), target_ids: m.target_ids, groups: m.groups, matchers: m.matchers })));
      return [200, { items: items.sort((a, b) => a.starts_at.localeCompare(b.starts_at)), total: items.length, truncated: false }];
    }
    const given = ['POST', 'PATCH', 'PUT'].includes(method);
    const errors = given ? this.planFaults(body) : [];
    if (errors.length) return [422, { title: 'The maintenance is not valid', status: 422, errors }];
    if (path === 'maintenances/preview') return [200, { ...this.pubPlan({ id: 0, target_ids: [], groups: [], matchers: [], ...body }), targets: this.heldTargets(body) }];
    if (path === 'maintenances' && method === 'GET') return [200, { items: [...this.plans.values()].map((m) => this.pubPlan(m)), total: this.plans.size, next: null }];
    if (path === 'maintenances') {
      const m = { target_ids: [], groups: [], matchers: [], starts_at: null, ends_at: null, ...body, id: this.next++, created_at: iso(Date.now()) };
      this.plans.set(m.id, m);
      this.emit('maintenance', { id: m.id });
      return [201, this.pubPlan(m)];
    }
    const m = this.plans.get(Number(path.slice(13)));
    if (!m) return [404, { title: 'No such maintenance', status: 404 }];
    if (method === 'DELETE') this.plans.delete(m.id);
    else if (given) Object.assign(m, body);
    if (method !== 'GET') this.emit('maintenance', { id: m.id });
    return method === 'DELETE' ? [204] : [200, this.pubPlan(m)];
  }
}
