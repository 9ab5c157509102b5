// The form of one maintenance: what for, when (once, weekly, cron), what it holds, and when that will be.
import { useEffect, useState } from 'preact/hooks';
import { alerting, type Maintenance, type MaintenanceDraft, type Matcher, type Schedule } from '../api/alerting';
import { ApiError } from '../api/client';
import { Card, Failure, Loading, Segmented } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { Field, TextField } from '../components/fields';
import { GroupPicks } from '../components/group-picks';
import { filled, MatcherRows } from '../components/matchers';
import { TargetPicker } from '../components/target-picker';
import { fromLocal, localInput, MomentField } from '../components/time-fields';
import { t } from '../i18n';
import '../i18n/more';
import { parseDuration } from '../lib/duration';
import { fullTime, span } from '../lib/format';
import type { Complaints } from '../lib/form-model';
import { useLoad } from '../lib/hooks';
import { dayName, days, ownTimeZone, timeZones } from '../lib/schedule-words';
import { href, type Route } from '../router';

type Kind = Schedule['kind'];

interface Values {
  title: string;
  kind: Kind;
  starts: string;
  ends: string;
  days: string[];
  from: string;
  to: string;
  cron: string;
  duration: string;
  zone: string;
  targets: number[];
  groups: string[];
  matchers: Matcher[];
}

function valuesOf(m: Maintenance | null, route: Route): Values {
  const now = Math.ceil(Date.now() / 300_000) * 300_000;
  const s = m?.schedule;
  const target = Number(route.query.get('target'));
  const group = route.query.get('group');
  return {
    title: m?.title ?? '',
    kind: s?.kind ?? 'once',
    starts: m ? localInput(m.starts_at) : localInput(now),
    ends: m ? localInput(m.ends_at) : localInput(now + 7_200_000),
    days: s?.kind === 'weekly' ? s.days : ['sat'],
    from: s?.kind === 'weekly' ? s.from : '22:00',
    to: s?.kind === 'weekly' ? s.to : '02:00',
    cron: s?.kind === 'cron' ? s.cron : '0 3 * * sat',
    duration: s?.kind === 'cron' ? s.duration : '2h',
    zone: s && s.kind !== 'once' ? (s.time_zone ?? '') : ownTimeZone(),
    targets: m?.target_ids ?? (target ? [target] : []),
    groups: m?.groups ?? (group ? [group] : []),
    matchers: m?.matchers ?? [],
  };
}

function draftOf(v: Values): MaintenanceDraft {
  const zone = v.zone ? { time_zone: v.zone } : {};
  const schedule: Schedule =
    v.kind === 'once' ? { kind: 'once' } : v.kind === 'weekly' ? { kind: 'weekly', days: v.days, from: v.from, to: v.to, ...zone } : { kind: 'cron', cron: v.cron.trim(), duration: v.duration, ...zone };
  return { title: v.title.trim(), schedule, starts_at: fromLocal(v.starts), ends_at: fromLocal(v.ends), target_ids: v.targets, groups: v.groups, matchers: filled(v.matchers) };
}

function complaintsOf(v: Values): Complaints {
  const out: Complaints = new Map();
  if (v.title.trim() === '') out.set('title', { key: 'check.required' });
  if (v.kind === 'once' && v.starts === '') out.set('starts_at', { key: 'check.required' });
  if (v.starts !== '' && v.ends !== '' && v.ends <= v.starts) out.set('ends_at', { key: 'check.after' });
  if (v.kind === 'weekly' && v.from === '') out.set('schedule.from', { key: 'check.required' });
  if (v.kind === 'weekly' && v.to === '') out.set('schedule.to', { key: 'check.required' });
  if (v.kind === 'cron' && v.cron.trim().split(/\s+/).length !== 5 && !v.cron.startsWith('@')) out.set('schedule.cron', { key: 'check.cron' });
  if (v.kind === 'cron' && !(Number(parseDuration(v.duration)) > 0)) out.set('schedule.duration', { key: 'check.duration' });
  if (v.targets.length + v.groups.length + filled(v.matchers).length === 0) out.set('target_ids', { key: 'check.scope' });
  return out;
}

/** The next windows and how many targets they hold, as the server sees them; asked a moment after the last change. */
function Preview({ draft, ready }: { draft: MaintenanceDraft; ready: boolean }) {
  const [found, setFound] = useState<Maintenance | null>(null);
  const [problem, setProblem] = useState('');
  const key = JSON.stringify(draft);
  useEffect(() => {
    if (!ready) {
      setFound(null);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      alerting.previewMaintenance({ ...draft, title: draft.title || '–' }, abort.signal).then(
        (m) => {
          setFound(m);
          setProblem('');
        },
        (error: Error) => {
          if (abort.signal.aborted) return;
          setFound(null);
          setProblem(error instanceof ApiError && error.errors[0] ? error.errors[0].message : error.message);
        },
      );
    }, 350);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, ready]);
  return (
    <Card class="preview-card" title={t('maintenance.preview')}>
      <div class="card-body" aria-live="polite">
        {!ready && <p class="muted">{t('maintenance.preview.wait')}</p>}
        {ready && problem !== '' && <p class="field-error">{problem}</p>}
        {found?.targets !== undefined && <p>{t('maintenance.preview.targets', { n: found.targets })}</p>}
        {found && found.next.length === 0 && <p class="muted">{t('maintenance.preview.none')}</p>}
        {found && found.next.length > 0 && (
          <ol class="windows">
            {found.next.map((w) => (
              <li key={w.starts_at}>
                <span class="num">{fullTime(w.starts_at)}</span>
                <span class="muted">{w.ends_at ? t('maintenance.for', { span: span(Date.parse(w.ends_at) - Date.parse(w.starts_at)) }) : t('maintenance.noEnd')}</span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </Card>
  );
}

interface PartProps {
  v: Values;
  set: (path: string, part: Partial<Values>) => void;
  errorAt: (path: string) => string | undefined;
}

function Zone({ v, set, errorAt }: PartProps) {
  return <TextField wide path="schedule.time_zone" label={t('maintenance.zone')} value={v.zone} list={timeZones()} placeholder={t('maintenance.zone.server')} help={t('maintenance.zone.help')} error={errorAt('schedule.time_zone')} onInput={(zone) => set('schedule.time_zone', { zone })} />;
}

function Weekly(props: PartProps) {
  const { v, set, errorAt } = props;
  const toggle = (day: string, on: boolean) => set('schedule.days', { days: days.filter((d) => (d === day ? on : v.days.includes(d))) });
  return (
    <>
      <fieldset class="field wide" data-field="schedule.days">
        <legend>{t('maintenance.days')}</legend>
        <div class="picks">
          {days.map((d) => (
            <label class="pick" key={d}>
              <input type="checkbox" checked={v.days.includes(d)} onChange={(e) => toggle(d, e.currentTarget.checked)} />
              {dayName(d)}
            </label>
          ))}
        </div>
        {errorAt('schedule.days') && <p class="field-error">{errorAt('schedule.days')}</p>}
        <p class="field-help">{t('maintenance.days.help')}</p>
      </fieldset>
      <MomentField kind="time" path="schedule.from" label={t('maintenance.from')} value={v.from} error={errorAt('schedule.from')} onInput={(from) => set('schedule.from', { from })} />
      <MomentField kind="time" path="schedule.to" label={t('maintenance.to')} value={v.to} help={v.to !== '' && v.to <= v.from ? t('maintenance.nextDay.help') : undefined} error={errorAt('schedule.to')} onInput={(to) => set('schedule.to', { to })} />
      <Zone {...props} />
    </>
  );
}

function Cron(props: PartProps) {
  const { v, set, errorAt } = props;
  return (
    <>
      <TextField path="schedule.cron" label={t('maintenance.cron')} value={v.cron} help={t('maintenance.cron.help')} error={errorAt('schedule.cron')} onInput={(cron) => set('schedule.cron', { cron })} />
      <TextField path="schedule.duration" label={t('maintenance.duration')} numeric value={v.duration} help={t('form.interval.help')} error={errorAt('schedule.duration')} onInput={(duration) => set('schedule.duration', { duration })} />
      <Zone {...props} />
    </>
  );
}

function When(props: PartProps) {
  const { v, set, errorAt } = props;
  const once = v.kind === 'once';
  return (
    <Card title={t('maintenance.when')}>
      <div class="fields">
        <Field path="schedule.kind" label={t('maintenance.repeat')} wide error={errorAt('schedule.kind')}>
          {() => (
            <Segmented<Kind>
              label={t('maintenance.repeat')}
              value={v.kind}
              choices={(['once', 'weekly', 'cron'] as const).map((k) => ({ value: k, text: t(`maintenance.kind.${k}`) }))}
              onChange={(kind) => set('schedule.kind', kind !== 'once' && v.kind === 'once' ? { kind, starts: '', ends: '' } : { kind })}
            />
          )}
        </Field>
        {v.kind === 'weekly' && <Weekly {...props} />}
        {v.kind === 'cron' && <Cron {...props} />}
        <MomentField path="starts_at" label={t(once ? 'maintenance.starts' : 'maintenance.seriesFrom')} required={once} value={v.starts} error={errorAt('starts_at')} onInput={(starts) => set('starts_at', { starts })} />
        <MomentField path="ends_at" label={t(once ? 'maintenance.ends' : 'maintenance.seriesTo')} value={v.ends} help={t(once ? 'maintenance.ends.help' : 'maintenance.series.help')} error={errorAt('ends_at')} onInput={(ends) => set('ends_at', { ends })} />
      </div>
    </Card>
  );
}

function What({ v, set, errorAt }: PartProps) {
  return (
    <Card title={t('maintenance.what')}>
      <div class="fields">
        <TargetPicker path="target_ids" label={t('maintenance.targets')} value={v.targets} error={errorAt('target_ids')} onChange={(targets) => set('target_ids', { targets })} />
        <GroupPicks path="groups" label={t('maintenance.groups')} value={v.groups} error={errorAt('groups')} onChange={(groups) => set('target_ids', { groups })} />
        <MatcherRows path="matchers" label={t('maintenance.labels')} help={t('maintenance.labels.help')} value={v.matchers} error={errorAt('matchers')} onChange={(matchers) => set('target_ids', { matchers })} />
      </div>
    </Card>
  );
}

function Form({ before, route }: { before: Maintenance | null; route: Route }) {
  const [v, setValues] = useState(() => valuesOf(before, route));
  const complaints = complaintsOf(v);
  const edit = useEditing(complaints, async () => {
    const saved = before ? await alerting.updateMaintenance(before.id, draftOf(v)) : await alerting.createMaintenance(draftOf(v));
    return { say: t('form.saved', { name: saved.title }), to: '/maintenance' };
  });
  const { errorAt } = edit.errors;
  const set = (path: string, part: Partial<Values>) => {
    setValues({ ...v, ...part });
    edit.change(path);
  };
  const blocking = [...complaints.keys()].some((k) => k !== 'title');
  const parts: PartProps = { v, set, errorAt };
  return (
    <EditForm edit={edit} title={before ? t('maintenance.edit', { name: before.title }) : t('maintenance.add')} back={{ href: href('/maintenance'), text: t('nav.maintenance') }}>
      <Card title={t('maintenance.why')}>
        <div class="fields">
          <TextField wide path="title" label={t('maintenance.title')} required value={v.title} help={t('maintenance.title.help')} error={errorAt('title')} onInput={(title) => set('title', { title })} />
        </div>
      </Card>
      <When {...parts} />
      <What {...parts} />
      <Preview draft={draftOf(v)} ready={!blocking} />
    </EditForm>
  );
}

export default function MaintenanceEdit({ id, route }: { id: number; route: Route }) {
  const source = useLoad(() => (id ? alerting.maintenance(id) : Promise.resolve(null)), [id]);
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (source.data === undefined) return <Loading />;
  return <Form key={id} before={source.data} route={route} />;
}
