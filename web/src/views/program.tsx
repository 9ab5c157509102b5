// One supervised program: its state and since when, what it uses, what it prints, how it ended before, its configuration.
// A chunk of its own.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Process } from '../api/process-types';
import { AlertItem, alertProgram } from '../components/alert-item';
import { Button, Card, CopyButton, Failure, LinkButton, Loading, PageHead, Switch } from '../components/basics';
import { Fact, LabelsFact } from '../components/fact';
import { Icon, Mark } from '../components/icons';
import { LogTail } from '../components/log-tail';
import { ask, complain, toast } from '../components/overlay';
import { useProgramActions } from '../components/program-actions';
import { lived, ProgramHistory } from '../components/program-history';
import { Budget, ProgramMark, ProgramMessage, programWord } from '../components/program-parts';
import { Spark } from '../components/spark';
import { t, type Key } from '../i18n';
import { joinCommand } from '../lib/argv';
import { bytes, fullTime, number, since, when } from '../lib/format';
import { useClock, useLoad, usePoll } from '../lib/hooks';
import { markOf, mayStart, mayStop, programState } from '../lib/program-state';
import { yamlOf } from '../lib/yaml';
import { go, href, programPath } from '../router';
import { alerts, onEvent, processes } from '../store';
import { useStores } from '../store/observable';
import { NotFound } from './not-found';

function Banner({ p, now }: { p: Process; now: number }) {
  const state = programState(p);
  return (
    <div class={`banner is-${markOf(state)}`}>
      <ProgramMark state={state} />
      <div class="banner-text">
        <p class="banner-state">
          <strong>{programWord(p)}</strong>
          {p.changed_at && (
            <span class="muted num" title={fullTime(p.changed_at)}>
              {' '}
              {t('target.since', { time: when(p.changed_at) })} · {since(p.changed_at, now)}
            </span>
          )}
        </p>
        <p class="banner-message">
          <ProgramMessage p={p} />
        </p>
      </div>
      <div class="banner-budget">
        <Budget p={p} />
      </div>
    </div>
  );
}

const signals = ['HUP', 'USR1', 'USR2', 'INT', 'QUIT', 'TERM', 'CONT', 'STOP', 'KILL'] as const;

/** Asks which signal to send, with what programs usually make of it. */
function SignalDialog({ p, onClose }: { p: Process; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [chosen, setChosen] = useState<string>('HUP');
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.signalProcess(p.id, chosen);
      toast(t('program.signal.sent', { signal: `SIG${chosen}`, name: p.name || p.id }));
      dialog.current?.close();
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="signal-title" onClose={onClose}>
      <form onSubmit={(e) => void send(e)}>
        <h2 id="signal-title">{t('program.signal.title', { name: p.name || p.id })}</h2>
        <div class="signals" role="radiogroup" aria-labelledby="signal-title">
          {signals.map((s) => (
            <label key={s} class="signal">
              <input type="radio" name="signal" value={s} checked={chosen === s} onChange={() => setChosen(s)} />
              <code>SIG{s}</code>
              <span class="muted small">{t(`program.signal.${s}` as Key)}</span>
            </label>
          ))}
        </div>
        <div class="dialog-actions">
          <Button onClick={() => dialog.current?.close()}>{t('common.cancel')}</Button>
          <Button id="signal-send" type="submit" kind={chosen === 'KILL' ? 'danger' : 'primary'} busy={busy}>
            {t('program.signal.send')}
          </Button>
        </div>
      </form>
    </dialog>
  );
}

function useRemove(p: Process): { busy: boolean; remove: () => void } {
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    const sure = await ask({
      title: t('program.remove.title', { name: p.name || p.id }),
      text: t(p.template ? 'program.remove.all' : 'program.remove.text', { template: p.template ?? '' }),
      yes: t('program.remove'),
      danger: true,
    });
    if (!sure) return;
    setBusy(true);
    try {
      await api.deleteProcess(p.template ?? p.id);
      toast(t('program.removed', { name: p.name || p.id }));
      go('/programs');
      processes.remove(p.id);
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return { busy, remove: () => void remove() };
}

function Actions({ p }: { p: Process }) {
  const { busy, act } = useProgramActions();
  const [signal, setSignal] = useState(false);
  const removal = useRemove(p);
  const file = p.source === 'file';
  const startable = mayStart(p);
  const forgivable = p.status === 'fatal' || (p.restarts_in_hour ?? 0) > 0;
  return (
    <>
      {startable && (
        <Button id="start" kind="primary" icon="play" busy={busy === 'start'} onClick={() => void act(p, 'start')}>
          {t(p.status === 'backoff' || p.status === 'restarting' ? 'program.startNow' : p.kind === 'job' ? 'program.runNow' : 'program.start')}
        </Button>
      )}
      {!startable && (
        <Button id="restart" icon="refresh" busy={busy === 'restart'} disabled={Boolean(p.refused) || p.status === 'stopping'} onClick={() => void act(p, 'restart')}>
          {t('program.restart')}
        </Button>
      )}
      {mayStop(p) && (
        <Button id="stop" icon="stop" busy={busy === 'stop'} onClick={() => void act(p, 'stop')}>
          {t('program.stop')}
        </Button>
      )}
      {forgivable && (
        <Button id="reset" icon="undo" busy={busy === 'reset'} title={t('program.reset.hint')} onClick={() => void act(p, 'reset')}>
          {t('program.reset')}
        </Button>
      )}
      {p.pid && <Button id="signal" icon="bolt" kind="quiet" title={t('program.signal')} onClick={() => setSignal(true)} />}
      {!file && <LinkButton icon="edit" kind="quiet" title={t('common.edit')} href={href(programPath(p.id, '/edit'))} />}
      <LinkButton icon="copy" kind="quiet" title={t('target.duplicate')} href={href('/programs/new', { from: p.id })} />
      {!file && <Button id="remove" icon="trash" kind="quiet" title={t('program.remove')} busy={removal.busy} onClick={removal.remove} />}
      {signal && <SignalDialog p={p} onClose={() => setSignal(false)} />}
    </>
  );
}

function Gauge({ name, value, under, values }: { name: string; value: string; under?: string | undefined; values?: readonly number[] | undefined }) {
  return (
    <div class="usage-item">
      <dt>{name}</dt>
      <dd>
        <span class="usage-value num">{value}</span>
        {values && values.length > 1 && <Spark values={values} label={name} />}
        {under && <span class="muted small num">{under}</span>}
      </dd>
    </div>
  );
}

function orDash(value: number | null | undefined, show: (v: number) => string): string {
  return value === null || value === undefined ? '–' : show(value);
}

/** What it uses now; nothing when it does not run. */
function UsageCard({ p, now }: { p: Process; now: number }) {
  if (!p.pid) return null;
  const samples = processes.samples.get(p.id);
  const pss = p.pss_bytes ? t('program.pss', { v: bytes(p.pss_bytes) }) : undefined;
  const io = p.read_bytes != null && p.written_bytes != null;
  return (
    <Card class="usage-card">
      <dl class="usage">
        <Gauge
          name={t('system.col.cpu')}
          value={orDash(p.cpu_percent, (v) => `${number(v, 1)} %`)}
          values={samples?.cpu}
          under={p.cpu_seconds ? t('program.cpuTotal', { v: lived(p.cpu_seconds) }) : undefined}
        />
        <Gauge name={t('system.col.memory')} value={orDash(p.rss_bytes, bytes)} values={samples?.memory} under={pss} />
        <Gauge
          name={t('programs.col.uptime')}
          value={p.started_at ? since(p.started_at, now) : '–'}
          under={p.started_at ? t('target.since', { time: when(p.started_at) }) : undefined}
        />
        <Gauge
          name={t('program.tree')}
          value={t('program.processes', { n: p.processes ?? 1 })}
          under={p.threads || p.fds ? t('program.threads', { n: p.threads ?? 0, files: p.fds ?? 0 }) : undefined}
        />
        {io && <Gauge name={t('program.io')} value={bytes(p.written_bytes ?? 0)} under={t('program.read', { v: bytes(p.read_bytes ?? 0) })} />}
      </dl>
    </Card>
  );
}

/** Who was told of its present trouble. */
function FiringCard({ id, now }: { id: string; now: number }) {
  useStores(alerts);
  const firing = alerts.items.filter((a) => alertProgram(a) === id);
  if (firing.length === 0) return null;
  return (
    <Card class="firing-card">
      {firing.map((a) => (
        <AlertItem key={a.id} alert={a} now={now} named={false} />
      ))}
    </Card>
  );
}

function MonitorFact({ p }: { p: Process }) {
  const { busy, act } = useProgramActions();
  const working = busy === 'enable' || busy === 'disable';
  return (
    <Fact name={t('program.monitor')} wide="wider">
      <span class="monitor">
        <Switch on={p.enabled} busy={working} label={t('program.monitor.switch')} onChange={(on) => void act(p, on ? 'enable' : 'disable')} />
        <span>{t(p.enabled ? 'program.monitor.on' : 'program.monitor.off')}</span>
      </span>
    </Fact>
  );
}

function HealthFact({ p, now }: { p: Process; now: number }) {
  const health = p.health;
  if (!health || health.status === 'none') {
    return <Fact name={t('programs.col.health')}>{t('program.health.none')}</Fact>;
  }
  const mark = health.status === 'good' ? 'up' : health.status === 'failing' ? 'down' : 'unknown';
  return (
    <Fact name={t('programs.col.health')} wide="wide" title={health.checked_at ? fullTime(health.checked_at) : undefined}>
      <span class={`state is-${mark}`}>
        <Mark state={mark} />
        <span class="state-word">{t(`program.health.${health.status}` as Key)}</span>
      </span>{' '}
      {(health.failures ?? 0) > 0 && <span>{t('program.health.failures', { n: health.failures ?? 0 })} · </span>}
      {health.message && <span class="breakable">{health.message}</span>}
      {health.checked_at && <span class="muted num"> · {t('program.health.ago', { span: since(health.checked_at, now) })}</span>}
    </Fact>
  );
}

function Names({ name, ids }: { name: string; ids: readonly string[] | undefined }) {
  if (!ids?.length) return null;
  return (
    <Fact name={name}>
      {ids.map((id, i) => (
        <span key={id}>
          {i > 0 && ', '}
          <a href={href(programPath(id))}>{id}</a>
        </span>
      ))}
    </Fact>
  );
}

function Facts({ p, now }: { p: Process; now: number }) {
  // One word alone is a line for the shell.
  const command = p.command?.length === 1 ? (p.command[0] as string) : joinCommand(p.command ?? []);
  return (
    <dl class="facts program-facts">
      <Fact name={t('program.command')} wide="whole">
        <span class="command">
          <code>{command}</code>
          <CopyButton kind="quiet" text={command} />
        </span>
      </Fact>
      <MonitorFact p={p} />
      <HealthFact p={p} now={now} />
      {p.schedule && (
        <Fact name={t('program.schedule')} wide="wide">
          <code>{p.schedule}</code>
          {p.next_run_at && (
            <span title={fullTime(p.next_run_at)}>
              {' '}
              · {t('program.nextRunAt', { time: when(p.next_run_at) })}
            </span>
          )}
        </Fact>
      )}
      <Fact name={t('program.user')}>{p.user || t('program.user.own')}</Fact>
      <Fact name={t('program.directory')}>{p.directory ? <code class="breakable">{p.directory}</code> : '–'}</Fact>
      {p.type && (
        <Fact name={t('target.type')}>
          <a href={href('/programs', { type: p.type })}>{p.type}</a>
        </Fact>
      )}
      <Fact name={t('program.kind')}>{t(`program.kind.${p.kind ?? 'daemon'}` as Key)}</Fact>
      {p.template && <Fact name={t('program.template')}>{p.template}</Fact>}
      {p.pid && <Fact name="PID">{String(p.pid)}</Fact>}
      <Fact name={t('program.restarts')}>{number(p.restarts ?? 0)}</Fact>
      <Names name={t('program.requires')} ids={p.requires} />
      <Names name={t('program.after')} ids={p.after} />
      <LabelsFact labels={p.labels} />
    </dl>
  );
}

function ConfigCard({ p }: { p: Process }) {
  if (!p.config) return null;
  const yaml = yamlOf({ processes: { units: [p.config] } });
  return (
    <Card title={t('program.config')} aside={<CopyButton kind="quiet" text={yaml} />} class="config-card">
      <pre class="yaml" tabIndex={0}>
        <code>{yaml}</code>
      </pre>
    </Card>
  );
}

/** The store's copy is live, the first load's has the configuration. */
function useProgram(id: string) {
  useStores(processes);
  const first = useLoad(() => api.process(id), [id]);
  const [gone, setGone] = useState(false);
  useEffect(() => {
    processes.want();
    setGone(false);
    return onEvent((name, data) => {
      if (name === 'config' || name === 'reset') first.reload();
      const event = data as { id?: string; deleted?: boolean } | null;
      if (name === 'process' && event?.id === id && event.deleted) setGone(true);
    });
  }, [id]);
  useEffect(() => {
    if (first.data) processes.merge(first.data);
  }, [first.data]);
  usePoll(() => first.reload(), 5000);
  const live = processes.get(first.data?.id ?? id);
  const config = first.data?.config;
  const p = live ? { ...live, ...(config ? { config } : {}) } : first.data;
  return { p: gone ? undefined : p, gone, error: first.error, reload: first.reload };
}

export default function ProgramView({ id }: { id: string }) {
  const now = useClock(1000);
  const { p, gone, error, reload } = useProgram(id);
  if (!p) {
    if (gone || (error instanceof ApiError && error.status === 404)) return <NotFound />;
    return error ? <Failure error={error} onRetry={reload} /> : <Loading />;
  }
  return (
    <div class="program">
      <PageHead
        title={
          <>
            {p.id}
            {p.name && p.name !== p.id && <span class="title-more"> {p.name}</span>}
          </>
        }
        back={{ href: href('/programs'), text: t('nav.programs') }}
      >
        <Actions p={p} />
      </PageHead>
      {p.source === 'file' && (
        <p class="note">
          <Icon name="file" />
          {t('program.fromFile')}
        </p>
      )}
      <Banner p={p} now={now} />
      <FiringCard id={p.id} now={now} />
      <UsageCard p={p} now={now} />
      <Card>
        <Facts p={p} now={now} />
      </Card>
      <LogTail key={id} id={id} />
      <ProgramHistory key={`h${id}`} p={p} />
      <ConfigCard p={p} />
    </div>
  );
}
