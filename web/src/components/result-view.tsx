// One result in full: what came out, its phases as a bar, and all that was measured.
import type { Result } from '../api/types';
import { hasKey, t } from '../i18n';
import { latency } from '../lib/format';
import { readMetrics, type Phase } from '../lib/phases';
import { StateLabel } from './basics';
import type { State } from '../lib/state';

function isWarned(result: Result): boolean {
  return result.degraded === true || (result.warnings?.length ?? 0) > 0;
}

export function resultState(result: Result): State {
  if (!result.success) return 'down';
  return isWarned(result) ? 'degraded' : 'up';
}

export function resultWord(result: Result): string {
  if (!result.success) return t('result.failed');
  return isWarned(result) ? t('result.warn') : t('result.ok');
}

function phaseLabel(name: string): string {
  const key = `phase.${name}`;
  return hasKey(key) ? t(key) : name;
}

function PhaseBar({ phases }: { phases: Phase[] }) {
  const total = phases.reduce((sum, p) => sum + p.ms, 0);
  if (total <= 0) return null;
  return (
    <div class="phases" aria-label={t('result.phases')}>
      <div class="phase-bar" aria-hidden="true">
        {phases.map((p, i) => (
          <span key={p.name} class={`phase-${i % 6}`} style={{ flexGrow: p.ms / total }} />
        ))}
      </div>
      <ul>
        {phases.map((p, i) => (
          <li key={p.name}>
            <span class={`phase-dot phase-${i % 6}`} aria-hidden="true" />
            {phaseLabel(p.name)} <span class="num muted">{latency(p.ms)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Measurements({ result }: { result: Result }) {
  const measured = readMetrics(result.metrics);
  return (
    <div class="measured">
      {(result.warnings ?? []).map((w) => (
        <p class="warning" key={w}>
          {w}
        </p>
      ))}
      <PhaseBar phases={measured.phases} />
      {measured.rows.length > 0 && (
        <dl class="metrics">
          {measured.rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="num">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

export function ResultView({ result, title }: { result: Result; title?: string }) {
  const state = resultState(result);
  return (
    <div class={`result is-${state}`} role="status">
      <div class="result-head">
        <StateLabel state={state} word={resultWord(result)} />
        <span class="num">{latency(result.latency_ms)}</span>
        {title && <span class="muted small result-title">{title}</span>}
      </div>
      <p class="result-message">{result.message}</p>
      <Measurements result={result} />
    </div>
  );
}
