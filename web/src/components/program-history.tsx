// A program's past: how each of its processes ended, how long it lived, what it used, and what came then. A row opens
// to show its last words.
import { Fragment } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Process, ProcessEvent } from '../api/process-types';
import { hasKey, t } from '../i18n';
import { bytes, fullTime, latency, number, span, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { stripAnsi } from '../lib/ansi';
import { statusMark } from '../lib/program-state';
import { Button, Card, Empty, Failure, Loading, Segmented } from './basics';
import { Icon, Mark } from './icons';

type Kind = 'death' | 'all';

function stateText(status: string | null | undefined): string {
  const key = `process.${status}`;
  return hasKey(key) ? t(key) : (status ?? '');
}

/** What could not be started has no exit status, though its record may say 0. */
function neverRan(event: ProcessEvent): boolean {
  return event.cause === 'spawn' || !event.exit;
}

function exitText(event: ProcessEvent): string {
  const { exit } = event;
  if (neverRan(event) || !exit) return t('history.notStarted');
  if (exit.signal) return exit.signal;
  return exit.status === null || exit.status === undefined ? (exit.text ?? '–') : t('history.status', { n: String(exit.status) });
}

function causeText(event: ProcessEvent): string {
  const key = `cause.${event.cause}`;
  return hasKey(key) ? t(key) : (event.cause ?? '');
}

/** Seconds of CPU or of life: short ones in ms. */
export function lived(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–';
  return seconds < 60 ? latency(seconds * 1000) : span(seconds * 1000);
}

function Restarted({ event }: { event: ProcessEvent }) {
  const { restart } = event;
  if (!restart) return null;
  const ms = latency(restart.duration_ms);
  return (
    <span class={`state is-${restart.success ? 'up' : 'down'}`} title={t(restart.success ? 'history.restarted' : 'history.notRestarted', { ms })}>
      <Mark state={restart.success ? 'up' : 'down'} />
      <span class="state-word">{restart.success ? ms : t('history.failed')}</span>
    </span>
  );
}

function Death({ event, open, onToggle }: { event: ProcessEvent; open: boolean; onToggle: () => void }) {
  const mark = event.failure ? 'down' : 'paused';
  return (
    <Fragment>
      <tr class={open ? 'open' : ''}>
        <td class="num nowrap" title={fullTime(event.at)}>
          {when(event.at)}
        </td>
        <td class="nowrap">
          <span class={`state is-${mark}`}>
            <Mark state={mark} shape={event.failure ? undefined : 'square'} />
            <span class="state-word">{exitText(event)}</span>
          </span>
        </td>
        <td class="message">
          {causeText(event)}
          {event.reason && <span class="muted"> · {event.reason}</span>}
        </td>
        <td class="num right nowrap" data-label={t('history.col.lived')}>
          {neverRan(event) ? '–' : lived(event.ran_seconds)}
        </td>
        <td class="num right nowrap" data-label={t('system.col.cpu')}>
          {neverRan(event) ? '–' : lived(event.cpu_seconds)}
        </td>
        <td class="num right nowrap" data-label={t('history.col.memory')}>
          {event.max_rss_bytes ? bytes(event.max_rss_bytes) : '–'}
        </td>
        <td class="nowrap then" data-label={t('history.col.then')}>
          <Restarted event={event} />
        </td>
        <td class="expand">
          {event.output && (
            <button type="button" class="fold" aria-expanded={open} aria-label={t('history.output')} onClick={onToggle}>
              <Icon name="chevron" />
            </button>
          )}
        </td>
      </tr>
      {open && (
        <tr class="more">
          <td colSpan={8}>
            <pre class="last-words" aria-label={t('history.output')}>
              {stripAnsi(event.output ?? '')}
            </pre>
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Step({ event }: { event: ProcessEvent }) {
  const to = statusMark(event.to ?? 'unknown');
  return (
    <tr class="step">
      <td class="num nowrap" title={fullTime(event.at)}>
        {when(event.at)}
      </td>
      <td class="nowrap">
        <span class={`state is-${event.kind === 'refused' ? 'down' : to.mark}`}>
          <Mark state={event.kind === 'refused' ? 'down' : to.mark} shape={to.shape} />
          <span class="state-word">{event.kind === 'refused' ? t('program.state.refused') : stateText(event.to)}</span>
        </span>
      </td>
      <td class="message muted" colSpan={6}>
        {event.kind === 'refused' ? event.reason : t('history.from', { state: stateText(event.from) })}
        {event.kind === 'state' && event.pid ? ` · PID ${event.pid}` : ''}
        {event.kind === 'state' && event.reason ? ` · ${event.reason}` : ''}
      </td>
    </tr>
  );
}

const columns = ['time', 'end', 'why', 'lived', 'cpu', 'memory', 'then'] as const;
const numeric = new Set<string>(['lived', 'cpu', 'memory']);

function Table({ items }: { items: ProcessEvent[] }) {
  const [open, setOpen] = useState<string | null>(null);
  const keyOf = (e: ProcessEvent, i: number) => String(e.id ?? `${e.at}${i}`);
  return (
    <div class="scroll-x" tabIndex={0}>
      <table class="history">
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c} class={numeric.has(c) ? 'right' : ''}>
                {t(`history.col.${c}`)}
              </th>
            ))}
            <th>
              <span class="hidden">{t('history.output')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((e, i) => {
            const key = keyOf(e, i);
            if (e.kind !== 'death') return <Step key={key} event={e} />;
            return <Death key={key} event={e} open={open === key} onToggle={() => setOpen(open === key ? null : key)} />;
          })}
        </tbody>
      </table>
    </div>
  );
}

export function ProgramHistory({ p }: { p: Process }) {
  const [kind, setKind] = useState<Kind>('death');
  const [limit, setLimit] = useState(10);
  const list = useLoad(
    (signal) => api.processHistory(p.id, { limit, kind: kind === 'death' ? 'death' : null }, signal),
    [p.id, kind, limit],
  );
  // Each change of state is a new line; the store behind the API is a moment later than the event.
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return undefined;
    }
    const timer = setTimeout(() => list.reload(), 800);
    return () => clearTimeout(timer);
  }, [p.status, p.changed_at, p.pid]);
  const items = list.data?.items ?? [];
  const choice = (
    <Segmented<Kind>
      label={t('history.title')}
      value={kind}
      choices={[
        { value: 'death', text: t('history.ends') },
        { value: 'all', text: t('history.all') },
      ]}
      onChange={setKind}
    />
  );
  return (
    <Card title={t('history.title')} aside={choice} class="history-card">
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && items.length === 0 && <Empty small title={t('history.empty')} hint={t('history.empty.hint')} />}
      {items.length > 0 && <Table items={items} />}
      {items.length >= limit && limit < 1000 && items.length !== list.data?.total && (
        <div class="card-foot">
          <Button kind="quiet" busy={list.busy} onClick={() => setLimit(limit < 100 ? 100 : 1000)}>
            {t('common.more')}
          </Button>
          {list.data?.total !== undefined && <span class="muted small num"> {t('history.of', { n: items.length, of: number(list.data.total) })}</span>}
        </div>
      )}
    </Card>
  );
}
