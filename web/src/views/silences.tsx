// Silences: labels whose alerts stay quiet for a while. The list, and the form that adds one.
import { useEffect, useState } from 'preact/hooks';
import { alerting, type Matcher, type Silence, type SilenceDraft } from '../api/alerting';
import { Button, Card, Empty, Failure, Loading, PageHead, Segmented } from '../components/basics';
import { TextField } from '../components/fields';
import { FormSummary, useSubmit } from '../components/edit-form';
import { useFormErrors } from '../components/form-errors';
import { filled, MatcherChips, MatcherRows } from '../components/matchers';
import { complain, toast } from '../components/overlay';
import { AlertsNav } from '../components/sections';
import { t } from '../i18n';
import { parseDuration } from '../lib/duration';
import { fullTime, span, when } from '../lib/format';
import type { Complaints } from '../lib/form-model';
import { useClock, useLoad } from '../lib/hooks';
import { parseMatcher } from '../lib/matchers';
import { replaceQuery, type Route } from '../router';
import { onChange } from '../store';
import { maySome } from '../store/session';

const spans = ['30m', '1h', '2h', '8h', '1d', '7d'] as const;

/** How many alerts and targets the matchers hold, asked a moment after the last change. */
function Preview({ matchers }: { matchers: Matcher[] }) {
  const [found, setFound] = useState<{ alert_ids: number[]; targets: number } | null>(null);
  const key = JSON.stringify(matchers);
  useEffect(() => {
    setFound(null);
    if (matchers.length === 0) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => alerting.previewSilence(matchers, abort.signal).then(setFound, () => undefined), 300);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  if (matchers.length === 0) return null;
  return (
    <p class="form-preview" role="status">
      {found ? `${t('silences.holds', { n: found.targets })} · ${t('silences.holdsAlerts', { n: found.alert_ids.length })}` : t('common.loading')}
    </p>
  );
}

function SilenceForm({ like, onDone }: { like: Silence | null; onDone: () => void }) {
  const [matchers, setMatchers] = useState<Matcher[]>(like?.matchers ?? [{ name: 'group', op: '=', value: '' }]);
  const [duration, setDuration] = useState('2h');
  const [comment, setComment] = useState(like?.comment ?? '');
  const given = filled(matchers).filter((m) => m.value !== '' || m.op !== '=');
  const complaints: Complaints = new Map();
  if (given.length === 0) complaints.set('matchers', { key: 'check.matchers' });
  if (!(Number(parseDuration(duration)) > 0)) complaints.set('duration', { key: 'check.duration' });
  const errors = useFormErrors(complaints);
  const { busy, submit } = useSubmit(errors, async () => {
    const draft: SilenceDraft = { matchers: given, duration, ...(comment.trim() && { comment: comment.trim() }) };
    await alerting.createSilence(draft);
    toast(t('silences.added'));
    onDone();
  });
  return (
    <Card title={t('silences.add')}>
      <form class="card-form" onSubmit={submit} noValidate>
        <div class="fields">
          <MatcherRows path="matchers" label={t('silences.matchers')} help={t('silences.matchers.help')} value={matchers} error={errors.errorAt('matchers')} onChange={(v) => (setMatchers(v), errors.touch('matchers'))} />
          <TextField path="duration" label={t('silence.span')} value={duration} numeric list={spans} help={t('form.interval.help')} error={errors.errorAt('duration') ?? errors.errorAt('ends_at')} onInput={(v) => (setDuration(v), errors.touch('duration'))} />
          <TextField path="comment" label={t('silence.comment')} value={comment} error={errors.errorAt('comment')} onInput={setComment} />
        </div>
        <Preview matchers={given} />
        <div class="card-form-bar">
          <FormSummary errors={errors} />
          <Button onClick={onDone}>{t('common.cancel')}</Button>
          <Button id="add-silence" type="submit" kind="primary" icon="mute" busy={busy}>{t('alerts.silence')}</Button>
        </div>
      </form>
    </Card>
  );
}

function times(s: Silence, now: number): string {
  if (s.status === 'pending') return t('silences.from', { time: when(s.starts_at) });
  if (s.status === 'active') return t('silences.left', { span: span(Date.parse(s.ends_at) - now) });
  return t('silences.ended', { time: when(s.ends_at) });
}

function Row({ silence, now, onChange, onAgain }: { silence: Silence; now: number; onChange: () => void; onAgain: () => void }) {
  const [busy, setBusy] = useState('');
  const run = async (name: string, work: () => Promise<unknown>) => {
    setBusy(name);
    try {
      await work();
      onChange();
    } catch (error) {
      complain(error);
    }
    setBusy('');
  };
  const longer = () => alerting.updateSilence(silence.id, { ends_at: new Date(Date.parse(silence.ends_at) + 3_600_000).toISOString() });
  const held = silence.alert_ids?.length ?? 0;
  return (
    <li class={`silence ${silence.status}`}>
      <div class="silence-text">
        <p class="silence-what">
          <MatcherChips matchers={silence.matchers} />
          {held > 0 && <span class="chip">{t('silences.holdsAlerts', { n: held })}</span>}
        </p>
        <p class="muted small">
          <span title={`${fullTime(silence.starts_at)} – ${fullTime(silence.ends_at)}`}>{times(silence, now)}</span>
          {silence.created_by && ` · ${silence.created_by}`}
          {silence.comment && <> · <q>{silence.comment}</q></>}
        </p>
      </div>
      {maySome('editor') && (
        <div class="channel-actions">
          {silence.status === 'active' && <Button kind="quiet" icon="plus" busy={busy === 'longer'} onClick={() => void run('longer', longer)}>{t('silences.longer')}</Button>}
          {silence.status !== 'expired' && <Button icon="bell" busy={busy === 'end'} onClick={() => void run('end', () => alerting.endSilence(silence.id))}>{t('silences.end')}</Button>}
          {silence.status === 'expired' && <Button kind="quiet" icon="refresh" onClick={onAgain}>{t('silences.again')}</Button>}
          {silence.status === 'expired' && <Button kind="quiet" icon="trash" title={t('common.delete')} busy={busy === 'end'} onClick={() => void run('end', () => alerting.endSilence(silence.id))} />}
        </div>
      )}
    </li>
  );
}

type Show = 'now' | 'expired';

/** ?new=1 opens the form, ?new=env%3Dprod with that matcher. */
function prefilled(text: string | null): Silence | null {
  const matcher = text ? parseMatcher(text) : null;
  return matcher ? { id: 0, matchers: [matcher], starts_at: '', ends_at: '', status: 'expired' } : null;
}

export default function SilencesView({ route }: { route: Route }) {
  const now = useClock(5000);
  const show: Show = route.query.get('show') === 'expired' ? 'expired' : 'now';
  const wanted = route.query.get('new');
  const list = useLoad((signal) => alerting.silences({}, signal), []);
  const [form, setForm] = useState<{ like: Silence | null } | null>(wanted !== null && maySome('editor') ? { like: prefilled(wanted) } : null);
  useEffect(() => onChange('silence', list.reload), []);
  const items = list.data?.items ?? [];
  const shown = items.filter((s) => (s.status === 'expired') === (show === 'expired'));
  const close = () => {
    setForm(null);
    list.reload();
    if (wanted !== null) replaceQuery('/silences', new URLSearchParams());
  };
  const add = maySome('editor') && !form && (
    <Button id="new-silence" kind="primary" icon="plus" onClick={() => setForm({ like: null })}>{t('silences.add')}</Button>
  );
  return (
    <div class="silences">
      <AlertsNav current="/silences" />
      <PageHead title={t('nav.silences')}>
        <Segmented<Show>
          label={t('nav.silences')}
          value={show}
          choices={[
            { value: 'now', text: t('silences.now'), count: items.filter((s) => s.status !== 'expired').length },
            { value: 'expired', text: t('silences.past') },
          ]}
          onChange={(v) => replaceQuery('/silences', new URLSearchParams(v === 'expired' ? { show: 'expired' } : {}))}
        />
        {add}
      </PageHead>
      {form && <SilenceForm key={form.like?.id ?? 0} like={form.like} onDone={close} />}
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && shown.length === 0 && !form && <Empty icon="mute" title={t(show === 'now' ? 'silences.empty' : 'silences.past.empty')} hint={t('silences.empty.hint')} />}
      {shown.length > 0 && (
        <Card>
          <ul class="silence-list">
            {shown.map((s) => <Row key={s.id} silence={s} now={now} onChange={list.reload} onAgain={() => setForm({ like: s })} />)}
          </ul>
        </Card>
      )}
    </div>
  );
}
