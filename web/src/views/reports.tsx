// Uptime and latency of a month or any span, by target or group, against a service level; printable.
import { alerting, type Report, type ReportItem } from '../api/alerting';
import { Button, Card, Empty, Failure, LinkButton, Loading, PageHead, Segmented } from '../components/basics';
import { Mark } from '../components/icons';
import { locale, t } from '../i18n';
import '../i18n/more';
import { isMonth, monthText } from '../lib/calendar';
import { fullTime, latency, number, percent, span } from '../lib/format';
import { useGroups } from '../lib/groups';
import { useMore } from '../lib/more';
import type { State } from '../lib/state';
import { useState } from 'preact/hooks';
import { href, replaceQuery, type Route } from '../router';

const slos = ['99', '99.5', '99.9', '99.95', '99.99'];

/** 99.95 % rather than 100 %: never rounded up to what it is not. */
function uptimeText(fraction: number | null): string {
  if (fraction === null) return '–';
  return percent(Math.floor(fraction * 100_000) / 100_000, 3);
}

function seconds(value: number): string {
  return value === 0 ? '–' : span(value * 1000);
}

function verdict(item: ReportItem): { state: State; word: string } {
  if (item.slo.met === null) return { state: 'unknown', word: t('reports.slo.none') };
  if (!item.slo.met) return { state: 'down', word: t('reports.slo.missed') };
  return (item.slo.left ?? 1) < 0.25 ? { state: 'degraded', word: t('reports.slo.close') } : { state: 'up', word: t('reports.slo.met') };
}

/** How much of the allowed down time is left; drawn as a bar that empties. */
function Budget({ item }: { item: ReportItem }) {
  const left = item.slo.left;
  if (left === null || left === undefined) return <>–</>;
  const { state, word } = verdict(item);
  const shown = Math.max(0, Math.min(1, left));
  const text = left >= 0 ? t('reports.budget.left', { span: span(item.slo.left_seconds * 1000) }) : t('reports.budget.over', { span: span(-item.slo.left_seconds * 1000) });
  return (
    <span class={`slo-budget is-${state}`} title={t('reports.budget.of', { used: span(item.slo.used_seconds * 1000), all: span(item.slo.budget_seconds * 1000) })}>
      <span class="gauge-bar" aria-hidden="true">
        <span style={{ width: `${shown * 100}%` }} />
      </span>
      <Mark state={state} />
      <span class="hidden">{word}. </span>
      <span class="num">{text}</span>
    </span>
  );
}

function Row({ item, by }: { item: ReportItem; by: Report['by'] }) {
  return (
    <tr>
      <th scope="row" class="breakable">
        {by === 'target' && item.id ? <a href={href(`/targets/${item.id}`)}>{item.name}</a> : item.name || t('overview.group.none')}
      </th>
      {by === 'target' ? <td>{item.group}</td> : <td class="num right">{number(item.targets ?? 0)}</td>}
      <td class={`num right is-${verdict(item).state}${item.slo.met === false ? ' stateful' : ''}`}>{uptimeText(item.uptime)}</td>
      <td><Budget item={item} /></td>
      <td class="num right">{number(item.incidents)}</td>
      <td class="num right nowrap">{seconds(item.down_seconds)}</td>
      <td class="num right nowrap">{seconds(item.maintenance_seconds)}</td>
      <td class="num right nowrap">{latency(item.latency_mean_ms)}</td>
      <td class="num right nowrap">{latency(item.latency_p95_ms)}</td>
    </tr>
  );
}

function Summary({ item }: { item: ReportItem }) {
  const { state, word } = verdict(item);
  const facts: [string, string][] = [
    [t('reports.col.incidents'), number(item.incidents)],
    [t('reports.col.down'), seconds(item.down_seconds)],
    [t('reports.col.maintenance'), seconds(item.maintenance_seconds)],
    [t('reports.col.mean'), latency(item.latency_mean_ms)],
    [t('reports.col.p95'), latency(item.latency_p95_ms)],
  ];
  return (
    <dl class="figures">
      <div class={`figure is-${state}`}>
        <dt>{t('reports.col.uptime')}</dt>
        <dd class="figure-big num">{uptimeText(item.uptime)}</dd>
        <dd class="stateful with-icon"><Mark state={state} />{word}</dd>
      </div>
      <div class="figure">
        <dt>{t('reports.col.budget')}</dt>
        <dd><Budget item={item} /></dd>
      </div>
      {facts.map(([name, value]) => (
        <div class="figure" key={name}>
          <dt>{name}</dt>
          <dd class="figure-value num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Wanted {
  month: string;
  from: string;
  to: string;
  by: Report['by'];
  group: string;
  slo: string;
  maintenance: string;
}

function wantedOf(route: Route): Wanted {
  const get = (name: string) => route.query.get(name) ?? '';
  const month = get('month');
  return {
    month: isMonth(month) ? month : monthText(Date.now()),
    from: get('from'),
    to: get('to'),
    by: get('by') === 'group' ? 'group' : 'target',
    group: get('group'),
    slo: get('slo') || '99.9',
    maintenance: get('maintenance') === 'include' ? 'include' : 'exclude',
  };
}

function queryOf(w: Wanted): Record<string, string> {
  const day = (text: string, days: number) => {
    const d = new Date(`${text}T00:00:00`);
    d.setDate(d.getDate() + days);
    return d.toISOString();
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const time: Record<string, string> = w.from && w.to && w.from <= w.to ? { since: day(w.from, 0), until: day(w.to, 1) } : { month: w.month };
  return { ...time, ...(zone && { time_zone: zone }), by: w.by, ...(w.group && { group: w.group }), slo: w.slo, maintenance: w.maintenance };
}

function Bar({ w, set }: { w: Wanted; set: (part: Partial<Wanted>) => void }) {
  const groups = useGroups();
  const free = w.from !== '' || w.to !== '';
  const end = new Date(Number(w.month.slice(0, 4)), Number(w.month.slice(5)), 0).getDate();
  return (
    <div class="filters">
      <Segmented<'month' | 'span'>
        label={t('reports.span')}
        value={free ? 'span' : 'month'}
        choices={[
          { value: 'month', text: t('reports.month') },
          { value: 'span', text: t('reports.any') },
        ]}
        onChange={(v) => set(v === 'month' ? { from: '', to: '' } : { from: `${w.month}-01`, to: `${w.month}-${end}` })}
      />
      {free ? (
        <span class="span-picker">
          <input type="date" aria-label={t('filter.from')} value={w.from} onChange={(e) => set({ from: e.currentTarget.value })} />
          <span aria-hidden="true">–</span>
          <input type="date" aria-label={t('filter.to')} value={w.to} onChange={(e) => set({ to: e.currentTarget.value })} />
        </span>
      ) : (
        <span class="span-picker">
          <Button icon="back" kind="quiet" title={t('maintenance.prev')} onClick={() => set({ month: monthText(w.month, -1) })} />
          <input type="month" aria-label={t('reports.month')} value={w.month} max={monthText(Date.now())} onChange={(e) => isMonth(e.currentTarget.value) && set({ month: e.currentTarget.value })} />
          <Button icon="chevron" kind="quiet" title={t('maintenance.nextMonth')} disabled={w.month >= monthText(Date.now())} onClick={() => set({ month: monthText(w.month, 1) })} />
        </span>
      )}
      <Segmented<Report['by']>
        label={t('reports.by')}
        value={w.by}
        choices={[
          { value: 'target', text: t('reports.by.target') },
          { value: 'group', text: t('reports.by.group') },
        ]}
        onChange={(by) => set({ by })}
      />
      <select aria-label={t('overview.group')} value={w.group} onChange={(e) => set({ group: e.currentTarget.value })}>
        <option value="">{t('overview.group.all')}</option>
        {groups.map((g) => <option key={g} value={g}>{g}</option>)}
      </select>
      <select aria-label={t('reports.slo')} value={w.slo} onChange={(e) => set({ slo: e.currentTarget.value })}>
        {[...new Set([...slos, w.slo])].map((s) => <option key={s} value={s}>{t('reports.slo.value', { v: s })}</option>)}
      </select>
      <select aria-label={t('reports.maintenance')} value={w.maintenance} onChange={(e) => set({ maintenance: e.currentTarget.value })}>
        <option value="exclude">{t('reports.maintenance.exclude')}</option>
        <option value="include">{t('reports.maintenance.include')}</option>
      </select>
    </div>
  );
}

const columns = ['uptime', 'budget', 'incidents', 'down', 'maintenance', 'mean', 'p95'] as const;

function Table({ items, by }: { items: ReportItem[]; by: Report['by'] }) {
  return (
    <div class="scroll-x" tabIndex={0}>
      <table class="report">
        <thead>
          <tr>
            <th>{t(by === 'target' ? 'reports.by.target' : 'reports.by.group')}</th>
            <th class={by === 'group' ? 'right' : ''}>{t(by === 'target' ? 'reports.by.group' : 'reports.col.targets')}</th>
            {columns.map((c) => <th key={c} class={c === 'budget' ? '' : 'right'}>{t(`reports.col.${c}`)}</th>)}
          </tr>
        </thead>
        <tbody>
          {items.map((x) => <Row key={x.id ?? x.name} item={x} by={by} />)}
        </tbody>
      </table>
    </div>
  );
}

/** "November 2026", or the days. */
function spanTitle(w: Wanted): string {
  const date = new Intl.DateTimeFormat(locale(), { dateStyle: 'long' });
  if (w.from && w.to) return `${date.format(new Date(`${w.from}T00:00:00`))} – ${date.format(new Date(`${w.to}T00:00:00`))}`;
  return new Intl.DateTimeFormat(locale(), { year: 'numeric', month: 'long' }).format(new Date(`${w.month}-01T00:00:00`));
}

export default function ReportsView({ route }: { route: Route }) {
  const w = wantedOf(route);
  const query = queryOf(w);
  const key = JSON.stringify(query);
  const [report, setReport] = useState<Report | null>(null);
  const list = useMore<ReportItem>(
    async (cursor, signal) => {
      const page = await alerting.report({ ...query, limit: '200', ...(cursor && { cursor }) }, signal);
      if (!cursor) setReport(page);
      return page;
    },
    [key],
  );
  const set = (part: Partial<Wanted>) => {
    const next = { ...w, ...part };
    const defaults: Wanted = wantedOf({ path: '', query: new URLSearchParams() });
    const entries = Object.entries(next).filter(([k, v]) => v !== defaults[k as keyof Wanted] && v !== '');
    replaceQuery('/reports', new URLSearchParams(entries.filter(([k]) => !(k === 'month' && next.from && next.to))));
  };
  const items = list.items ?? [];
  return (
    <div class="reports">
      <PageHead title={t('reports.title', { span: spanTitle(w) })}>
        <LinkButton icon="download" href={alerting.reportCsv(query)}>CSV</LinkButton>
        <Button icon="print" onClick={() => print()}>{t('reports.print')}</Button>
      </PageHead>
      <Bar w={w} set={set} />
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.items && list.busy && <Loading />}
      {list.items && items.length === 0 && <Empty icon="report" title={t('reports.empty')} hint={t('reports.empty.hint')} />}
      {report && items.length > 0 && (
        <>
          {items.length > 1 && <Card><Summary item={report.summary} /></Card>}
          <Card><Table items={items} by={w.by} /></Card>
          {list.next && (
            <div class="card-foot">
              <Button kind="quiet" busy={list.busy} onClick={list.more}>{t('common.more')}</Button>
            </div>
          )}
          <p class="muted small report-note">
            {t('reports.note', { since: fullTime(report.since), until: fullTime(report.until), slo: w.slo })} {t(`reports.note.${w.maintenance as 'include' | 'exclude'}`)}
          </p>
        </>
      )}
    </div>
  );
}
