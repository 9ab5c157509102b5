// What the list and the page of a supervised program share: its state's label, its message with the countdown, its
// health, its restart budget.
import { Fragment, type ComponentChildren } from 'preact';
import type { Process } from '../api/process-types';
import { t, type Key } from '../i18n';
import { number, span, when } from '../lib/format';
import { useClock } from '../lib/hooks';
import { markOf, programState, shapeOf, type ProgramState } from '../lib/program-state';
import type { State } from '../lib/state';
import { Mark } from './icons';

export function programStateWord(state: ProgramState): string {
  return t(`program.state.${state}` as Key);
}

/** The state's word; a running one that said so itself is "Ready". */
export function programWord(p: Process): string {
  const state = programState(p);
  return state === 'running' && p.status === 'ready' ? t('process.ready') : programStateWord(state);
}

export function ProgramMark({ state }: { state: ProgramState }) {
  return <Mark state={markOf(state)} shape={shapeOf(state)} />;
}

/** "next start in 12 s", counting down by itself. */
function Until({ at, words, due }: { at: number; words: Key; due: Key }) {
  const now = useClock(1000);
  const rest = at - now;
  if (rest > 3_600_000) return <>{t(words, { span: span(rest) })}{t('program.atTime', { time: when(at) })}</>;
  return <>{rest > 500 ? t(words, { span: span(rest) }) : t(due)}</>;
}

/** What there is to say beside the state, most urgent first. */
export function ProgramMessage({ p }: { p: Process }) {
  const parts: ComponentChildren[] = [];
  const state = programState(p);
  if (p.next_start_at && (state === 'backoff' || state === 'restarting')) {
    parts.push(<Until at={Date.parse(p.next_start_at)} words="program.nextStart" due="program.startsNow" />);
  }
  if (state === 'unhealthy' && p.health?.message) parts.push(p.health.message);
  if (p.refused) parts.push(p.refused);
  else if (p.message) parts.push(p.message);
  else if (['crashed', 'fatal', 'backoff', 'restarting'].includes(state) && p.exit?.text) parts.push(p.exit.text);
  if (state === 'scheduled' && p.next_run_at) {
    parts.push(<Until at={Date.parse(p.next_run_at)} words="program.nextRun" due="program.runsNow" />);
  }
  return (
    <>
      {parts.map((part, i) => (
        <Fragment key={i}>
          {i > 0 && ' · '}
          {part}
        </Fragment>
      ))}
    </>
  );
}

const healthMarks: Record<string, State> = { good: 'up', failing: 'down', unknown: 'unknown' };

export function HealthLabel({ p }: { p: Process }) {
  const health = p.health;
  if (!health || health.status === 'none') return <span class="muted">–</span>;
  const mark = healthMarks[health.status] ?? 'unknown';
  const failing = health.status === 'failing' && (health.failures ?? 0) > 0;
  return (
    <span class={`state is-${mark}`} title={health.message ?? ''}>
      <Mark state={mark} />
      <span class="state-word">
        {t(`program.health.${health.status}` as Key)}
        {failing && <span class="num"> ×{number(health.failures ?? 0)}</span>}
      </span>
    </span>
  );
}

/** How much of the hour's restarts is used: a box for each when they are few, else a bar. */
export function Budget({ p }: { p: Process }) {
  const used = p.restarts_in_hour ?? 0;
  const max = p.max_restarts ?? 0;
  const mark: State = max > 0 && used >= max ? 'down' : max > 0 && used * 2 >= max ? 'degraded' : 'unknown';
  const boxes = max > 0 && max <= 20;
  return (
    <div class={`budget is-${mark}`}>
      {boxes && (
        <span class="budget-boxes" aria-hidden="true">
          {Array.from({ length: max }, (_, i) => (
            <span key={i} class={i < used ? 'used' : ''} />
          ))}
        </span>
      )}
      {!boxes && max > 0 && (
        <span class="budget-bar" aria-hidden="true">
          <span style={{ width: `${Math.min(100, (used / max) * 100)}%` }} />
        </span>
      )}
      <span class="budget-text">
        {max > 0 ? t('program.budget', { n: used, max }) : t('program.budget.free', { n: used })}
      </span>
    </div>
  );
}
