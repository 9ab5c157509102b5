// One target: what state it is in and since when, its latency, its checks, its alerts.
import { useEffect, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Alert, Result, Target } from '../api/types';
import { AlertItem } from '../components/alert-item';
import { Button, Card, Empty, Failure, LinkButton, Loading, PageHead, Said, targetWord } from '../components/basics';
import { Beats, BeatTip } from '../components/beats';
import { Fact, LabelsFact } from '../components/fact';
import { Icon, Mark } from '../components/icons';
import { ask, complain, toast } from '../components/overlay';
import { ResultTable } from '../components/result-table';
import { CertificateCard, UptimeCards } from '../components/target-cards';
import { TargetGraph } from '../components/target-graph';
import { MembersCard, PushCards } from '../components/target-jobs';
import { MaintenanceDialog } from '../components/target-maintenance';
import { Checked, PlacesCard } from '../components/target-places';
import { TargetYaml } from '../components/target-yaml';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { fullTime, latency, since, spanSeconds, when } from '../lib/format';
import { useClock, useLoad, useNarrow } from '../lib/hooks';
import { isFailing, stateOf } from '../lib/state';
import { go, href } from '../router';
import { channels, onEvent, targets } from '../store';
import { may } from '../store/session';
import { useStores } from '../store/observable';
import { NotFound } from './not-found';

function channelNames(target: Target): string {
  const ids = target.notify_channel_ids ?? [];
  if (ids.length === 0) return t('target.channels.default');
  return ids.map((id) => channels.items.find((c) => c.id === id)?.name ?? `#${id}`).join(', ');
}

/** When it is probed; nothing of what Belfry itself knows of. */
function ProbeFacts({ target }: { target: Target }) {
  return (
    <>
      <Fact name={t('target.interval')}>{t('target.every', { span: spanSeconds(target.interval_seconds) })}</Fact>
      <Fact name={t('target.timeout')}>{spanSeconds(target.timeout_seconds)}</Fact>
      <Fact name={t('target.threshold')}>{t('target.threshold.value', { n: target.threshold })}</Fact>
    </>
  );
}

function Facts({ target, probed, now }: { target: Target; probed: boolean; now: number }) {
  return (
    <dl class="facts">
      {probed && (
        <Fact name={t('target.latency')}>
          <span class="num big">{latency(target.last_latency_ms)}</span>
        </Fact>
      )}
      <Fact name={t('target.lastCheck')} title={target.last_checked_at ? fullTime(target.last_checked_at) : ''}>
        <span class="num">{when(target.last_checked_at)}</span>
        {target.last_checked_at && <span class="muted"> · {since(target.last_checked_at, now)}</span>}
      </Fact>
      <Fact name={t('target.type')}>{target.type}</Fact>
      {target.address && (
        <Fact name={t(probed ? 'target.address' : 'target.rule')} wide={target.address.length > 20 ? 'wide' : undefined}>
          <span class="breakable">{target.address}</span>
        </Fact>
      )}
      <Fact name={t('target.group')}>
        <a href={href('/', { group: target.group })}>{target.group || t('overview.group.none')}</a>
      </Fact>
      {probed && <ProbeFacts target={target} />}
      <Fact name={t('target.channels')}>{channelNames(target)}</Fact>
      <LabelsFact labels={target.labels} />
    </dl>
  );
}

function Actions({ target, probed, onResult }: { target: Target; probed: boolean; onResult: (r: Result) => void }) {
  const [busy, setBusy] = useState('');
  const [planning, setPlanning] = useState(false);
  const run = async (name: string, work: () => Promise<void>) => {
    setBusy(name);
    try {
      await work();
    } catch (error) {
      complain(error);
    }
    setBusy('');
  };
  const check = () => run('check', async () => onResult(await api.checkNow(target.id)));
  const pause = () =>
    run('pause', async () => {
      const next = await api.updateTarget(target.id, { enabled: !target.enabled });
      targets.merge(next ?? { ...target, enabled: !target.enabled });
      toast(t(target.enabled ? 'target.paused' : 'target.resumed', { name: target.name }));
    });
  const remove = () =>
    run('delete', async () => {
      const sure = await ask({
        title: t('target.delete.title', { name: target.name }),
        text: t('target.delete.text'),
        yes: t('target.delete'),
        danger: true,
      });
      if (!sure) return;
      await api.deleteTarget(target.id);
      toast(t('target.deleted', { name: target.name }));
      go('/');
      targets.remove(target.id);
    });
  const file = target.source === 'file';
  const narrow = useNarrow();
  if (!may('editor', target.group)) return null;
  const label = (key: Key) => (narrow ? { title: t(key), kind: 'quiet' as const } : { children: t(key) });
  return (
    <>
      {probed && (
        <Button id="check-now" kind="primary" icon="refresh" busy={busy === 'check'} onClick={check}>
          {t(busy === 'check' ? 'target.checking' : 'target.checkNow')}
        </Button>
      )}
      <Button id="pause" icon={target.enabled ? 'pause' : 'play'} busy={busy === 'pause'} onClick={pause}>
        {t(target.enabled ? 'target.pause' : 'target.resume')}
      </Button>
      {planning && <MaintenanceDialog target={target} onClose={() => setPlanning(false)} />}
      <span class="icon-buttons">
        <Button id="maintain" icon="wrench" onClick={() => setPlanning(true)} {...label('target.maintain')} />
        {!file && <LinkButton icon="edit" href={href(`/targets/${target.id}/edit`)} {...label('common.edit')} />}
        <LinkButton icon="copy" kind="quiet" title={t('target.duplicate')} href={href('/targets/new', { from: String(target.id) })} />
        {!file && <Button id="delete" icon="trash" kind="quiet" title={t('target.delete')} busy={busy === 'delete'} onClick={remove} />}
      </span>
    </>
  );
}

/** The server says since when; otherwise the firing alert knows, or we say nothing. */
function sinceOf(target: Target, firing: Alert | undefined): string | null {
  return target.since ?? (stateOf(target) === 'down' ? (firing?.fired_at ?? null) : null);
}

function Banner({ target, firing, now }: { target: Target; firing: Alert | undefined; now: number }) {
  const state = stateOf(target);
  const start = sinceOf(target, firing);
  const beats = targets.recent(target.id)?.beats;
  return (
    <div class={`banner is-${state}`}>
      <Mark state={state} />
      <div class="banner-text">
        <p class="banner-state">
          <strong>{targetWord(target)}</strong>
          {start && (
            <span class="muted num" title={fullTime(start)}>
              {' '}
              {t('target.since', { time: when(start) })} · {since(start, now)}
            </span>
          )}
        </p>
        {isFailing(target) && <p class="small">{t('target.failing', { n: target.fail_count, of: target.threshold })}</p>}
        {target.last_message && <p class="banner-message"><Said text={target.last_message} /></p>}
      </div>
      <div class="banner-beats">
        <Beats beats={beats} slots={40} />
      </div>
    </div>
  );
}

function AlertsCard({ id, now, tick }: { id: number; now: number; tick: number }) {
  const list = useLoad(() => api.alerts({ target_id: id, limit: 20 }), [id, tick]);
  const items = list.data?.items.filter((a) => a.target_id === id) ?? [];
  return (
    <Card title={t('target.alerts')}>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && items.length === 0 && <Empty small icon="bell" title={t('target.alerts.empty')} />}
      {items.map((a) => (
        <AlertItem key={a.id} alert={a} now={now} named={false} />
      ))}
    </Card>
  );
}

export function TargetView({ id }: { id: number }) {
  useStores(targets, channels);
  const now = useClock();
  const first = useLoad(() => api.target(id), [id]);
  const alerts = useLoad(() => api.alerts({ target_id: id, status: 'firing', limit: 1 }), [id]);
  const [fresh, setFresh] = useState<Result | null>(null);
  const [resultTick, setResultTick] = useState(0);
  const [alertTick, setAlertTick] = useState(0);
  useEffect(() => {
    channels.want();
    setFresh(null);
    return onEvent((name, data) => {
      const event = data as { id?: number; target_id?: number } | null;
      if (name === 'reset' || (name === 'target' && event?.id === id)) first.reload();
      if (name === 'reset' || name === 'delivery') setAlertTick((n) => n + 1);
      if (event?.target_id !== id) return;
      if (name === 'result') setResultTick((n) => n + 1);
      if (name === 'alert') setAlertTick((n) => n + 1);
    });
  }, [id]);
  useEffect(() => {
    if (first.data) targets.merge(first.data);
  }, [first.data]);
  useEffect(() => targets.fetchWanted());
  useEffect(() => targets.watch([id]), [id]);
  useEffect(() => {
    if (alertTick > 0) alerts.reload();
  }, [alertTick]);

  const judgedInside = first.data?.push ?? first.data?.members ?? first.data?.places; // what the core tells of them comes with the target alone
  useEffect(() => {
    if (resultTick > 0 && judgedInside) first.reload();
  }, [resultTick]);

  const target = targets.get(id) ?? first.data;
  if (!target) {
    if (first.error instanceof ApiError && first.error.status === 404) return <NotFound />;
    return first.error ? <Failure error={first.error} onRetry={first.reload} /> : <Loading />;
  }
  const probed = !first.data?.push && !first.data?.members;
  const firing = alerts.data?.items.find((a) => a.status === 'firing' && a.target_id === id);
  return (
    <div class="target">
      <PageHead title={target.name} back={{ href: href('/'), text: t('nav.overview') }}>
        <Actions target={target} probed={probed} onResult={setFresh} />
      </PageHead>
      {target.source === 'file' && (
        <p class="note">
          <Icon name="file" />
          {t('target.fromFile.hint')}
        </p>
      )}
      <Banner target={target} firing={firing} now={now} />
      {fresh && (
        <Card class="fresh">
          <Checked result={fresh} title={t('result.fresh')} />
          <Button icon="cross" kind="quiet" title={t('common.close')} onClick={() => setFresh(null)} />
        </Card>
      )}
      <Card>
        <Facts target={{ ...first.data, ...target }} probed={probed} now={now} />
      </Card>
      {first.data?.push && <PushCards push={first.data.push} config={first.data.config ?? {}} now={now} />}
      {first.data?.members && <MembersCard members={first.data.members} missing={first.data.members_missing ?? []} />}
      {first.data?.places && <PlacesCard target={{ ...first.data, ...target }} places={first.data.places} now={now} />}
      <TargetGraph target={target} places={first.data?.places} title={first.data?.push && 'push.duration'} tick={resultTick} />
      <div class="two">
        <UptimeCards id={id} tick={alertTick} />
      </div>
      <CertificateCard result={fresh ?? first.data?.last_result} />
      <div class="two">
        <ResultTable id={id} tick={resultTick} interval={target.interval_seconds} />
        <AlertsCard id={id} now={now} tick={alertTick} />
      </div>
      {first.data && <TargetYaml target={{ ...first.data, ...target }} />}
      <BeatTip />
    </div>
  );
}
