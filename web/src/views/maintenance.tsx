// Maintenance: what is planned, as a list and as a month.
import { useEffect, useState } from 'preact/hooks';
import { alerting, type Maintenance, type Occurrence } from '../api/alerting';
import { Button, Card, Empty, Failure, LinkButton, Loading, PageHead, Segmented, StateLabel } from '../components/basics';
import { MatcherChips } from '../components/matchers';
import { ask, complain, toast } from '../components/overlay';
import { AlertsNav } from '../components/sections';
import { locale, t } from '../i18n';
import { isMonth, monthDays, monthText, onDay, type Day } from '../lib/calendar';
import { span, when } from '../lib/format';
import { useClock, useLoad } from '../lib/hooks';
import { dayName, days, scheduleWords } from '../lib/schedule-words';
import { useTargetNames } from '../lib/target-names';
import { href, replaceQuery, type Route } from '../router';
import { onChange } from '../store';
import { maySome } from '../store/session';

function Scope({ item }: { item: Maintenance }) {
  const shown = item.target_ids.slice(0, 6);
  const name = useTargetNames(shown);
  return (
    <span class="scope">
      {item.groups.map((g) => <span class="chip" key={g}>{t('maintenance.group', { name: g })}</span>)}
      {shown.map((id) => <a class="chip" key={id} href={href(`/targets/${id}`)}>{name(id)}</a>)}
      {item.target_ids.length > shown.length && <span class="muted small">{t('maintenance.more', { n: item.target_ids.length - shown.length })}</span>}
      <MatcherChips matchers={item.matchers} />
    </span>
  );
}

function nextText(item: Maintenance, now: number): string {
  if (item.active) return item.next_ends_at ? t('maintenance.endsIn', { span: span(Date.parse(item.next_ends_at) - now) }) : t('maintenance.noEnd');
  if (item.next_starts_at) return t('maintenance.startsIn', { time: when(item.next_starts_at), span: span(Date.parse(item.next_starts_at) - now) });
  return t('maintenance.over');
}

function Row({ item, now, onChange }: { item: Maintenance; now: number; onChange: () => void }) {
  const [busy, setBusy] = useState('');
  const run = async (name: string, question: { title: string; text: string; yes: string }, work: () => Promise<unknown>, done: string) => {
    if (!(await ask({ ...question, danger: name === 'delete' }))) return;
    setBusy(name);
    try {
      await work();
      toast(done);
      onChange();
    } catch (error) {
      complain(error);
    }
    setBusy('');
  };
  const { id, title } = item;
  const endNow = () => run('end', { title: t('maintenance.end.title', { name: title }), text: t(item.schedule.kind === 'once' ? 'maintenance.end.text' : 'maintenance.end.series'), yes: t('maintenance.end') }, () => alerting.updateMaintenance(id, { ends_at: new Date().toISOString() }), t('maintenance.ended', { name: title }));
  const remove = () => run('delete', { title: t('maintenance.delete.title', { name: title }), text: t('maintenance.delete.text'), yes: t('common.delete') }, () => alerting.deleteMaintenance(id), t('maintenance.deleted', { name: title }));
  const over = !item.active && !item.next_starts_at;
  return (
    <li class={`plan${over ? ' off' : ''}`}>
      <div class="plan-text">
        <p class="plan-head">
          {maySome('editor') ? <a class="name" href={href(`/maintenance/${id}`)}>{title || t('maintenance.untitled')}</a> : <span class="name">{title || t('maintenance.untitled')}</span>}
          {item.active && <StateLabel state="maintenance" word={t('maintenance.active')} />}
        </p>
        <p class="small">{scheduleWords(item.schedule, item)} <span class="muted">· {nextText(item, now)}</span></p>
        <Scope item={item} />
      </div>
      {maySome('editor') && (
        <div class="channel-actions">
          {item.active && <Button busy={busy === 'end'} onClick={() => void endNow()}>{t('maintenance.end')}</Button>}
          <LinkButton icon="edit" kind="quiet" title={t('maintenance.edit', { name: title })} href={href(`/maintenance/${id}`)} />
          <Button icon="trash" kind="quiet" title={t('maintenance.delete.title', { name: title })} busy={busy === 'delete'} onClick={() => void remove()} />
        </div>
      )}
    </li>
  );
}

function timeOf(o: Occurrence, day: Day): string {
  const from = Date.parse(o.starts_at);
  if (from < day.start) return '…';
  return new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(from);
}

function DayCell({ day, items, now }: { day: Day; items: Occurrence[]; now: number }) {
  const today = now >= day.start && now < day.end;
  const label = new Intl.DateTimeFormat(locale(), { weekday: 'short', month: 'short', day: 'numeric' }).format(day.start);
  return (
    <div class={`day${day.inside ? '' : ' outside'}${today ? ' today' : ''}${items.length ? '' : ' none'}`} role="gridcell">
      <span class="day-number num" aria-hidden="true">{new Date(day.start).getDate()}</span>
      <span class="day-label">{label}</span>
      {items.slice(0, 4).map((o, i) => (
        <a class={`day-item${o.active ? ' active' : ''}`} key={i} href={href(`/maintenance/${o.maintenance_id}`)} title={`${o.title}: ${when(o.starts_at)} – ${o.ends_at ? when(o.ends_at) : t('maintenance.open')}`}>
          <span class="num">{timeOf(o, day)}</span> {o.title || t('maintenance.untitled')}
        </a>
      ))}
      {items.length > 4 && <span class="muted small">{t('maintenance.more', { n: items.length - 4 })}</span>}
    </div>
  );
}

function Calendar({ month, onMonth }: { month: string; onMonth: (month: string) => void }) {
  const now = useClock(60_000);
  const cells = monthDays(month);
  const first = cells[0] as Day;
  const last = cells[cells.length - 1] as Day;
  const list = useLoad((signal) => alerting.calendar(new Date(first.start).toISOString(), new Date(last.end).toISOString(), signal), [month]);
  const items = list.data?.items ?? [];
  const title = new Intl.DateTimeFormat(locale(), { year: 'numeric', month: 'long' }).format(new Date(`${month}-01T00:00:00`));
  const weeks = Array.from({ length: cells.length / 7 }, (_, i) => cells.slice(i * 7, i * 7 + 7));
  return (
    <Card class="calendar-card">
      <header class="card-head">
        <h2>{title}</h2>
        <div class="button-row tight">
          <Button icon="back" kind="quiet" title={t('maintenance.prev')} onClick={() => onMonth(monthText(month, -1))} />
          <Button kind="quiet" onClick={() => onMonth(monthText(Date.now()))}>{t('maintenance.today')}</Button>
          <Button icon="chevron" kind="quiet" title={t('maintenance.nextMonth')} onClick={() => onMonth(monthText(month, 1))} />
        </div>
      </header>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      <div class="calendar" role="grid" aria-label={title} aria-busy={list.busy}>
        <div class="calendar-row calendar-head" role="row">
          {days.map((d) => <span key={d} role="columnheader" aria-label={dayName(d, 'long')}>{dayName(d)}</span>)}
        </div>
        {weeks.map((week) => (
          <div class="calendar-row" role="row" key={(week[0] as Day).start}>
            {week.map((day) => <DayCell key={day.start} day={day} items={onDay(day, items)} now={now} />)}
          </div>
        ))}
      </div>
      {list.data && items.length === 0 && <p class="calendar-none muted">{t('maintenance.month.empty')}</p>}
    </Card>
  );
}

type Show = 'list' | 'month';

export default function MaintenanceView({ route }: { route: Route }) {
  const now = useClock(5000);
  const asked = route.query.get('month');
  const month = isMonth(asked) ? asked : monthText(Date.now());
  const show: Show = asked !== null ? 'month' : 'list';
  const list = useLoad(() => alerting.maintenances(), []);
  useEffect(() => onChange('maintenance', list.reload), []);
  const choose = (query: Record<string, string>) => replaceQuery('/maintenance', new URLSearchParams(query));
  const items = list.data?.items ?? [];
  const ordered = [...items].sort((a, b) => Number(b.active) - Number(a.active) || (a.next_starts_at ?? '9').localeCompare(b.next_starts_at ?? '9'));
  const add = maySome('editor') && <LinkButton kind="primary" icon="plus" href={href('/maintenance/new')}>{t('maintenance.add')}</LinkButton>;
  return (
    <div class="maintenance">
      <AlertsNav current="/maintenance" />
      <PageHead title={t('nav.maintenance')}>
        <Segmented<Show>
          label={t('overview.layout')}
          value={show}
          choices={[
            { value: 'list', text: t('maintenance.list') },
            { value: 'month', text: t('maintenance.calendar') },
          ]}
          onChange={(v) => choose(v === 'month' ? { month } : {})}
        />
        {(items.length > 0 || show === 'month') && add}
      </PageHead>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {show === 'month' && <Calendar month={month} onMonth={(m) => choose({ month: m })} />}
      {show === 'list' && list.data && items.length === 0 && (
        <Empty icon="wrench" title={t('maintenance.empty')} hint={t('maintenance.empty.hint')}>
          {add}
        </Empty>
      )}
      {show === 'list' && items.length > 0 && (
        <Card>
          <ul class="plan-list">
            {ordered.map((m) => <Row key={m.id} item={m} now={now} onChange={list.reload} />)}
          </ul>
        </Card>
      )}
    </div>
  );
}
