// What a target's state is called on the page. One order from worst to best rules every list.
import type { Target } from '../api/types';

export type State = 'down' | 'degraded' | 'unknown' | 'maintenance' | 'paused' | 'up';

export const states: readonly State[] = [
  'down',
  'degraded',
  'unknown',
  'maintenance',
  'paused',
  'up',
];

const rank: Record<State, number> = {
  down: 0,
  degraded: 1,
  unknown: 2,
  maintenance: 3,
  up: 4,
  paused: 5,
};

export function severity(state: State): number {
  return rank[state];
}

/** A healthy target whose last checks failed, but not yet often enough to ring. */
export function isFailing(target: Target): boolean {
  return target.enabled && target.status !== 'unhealthy' && target.fail_count > 0;
}

export function stateOf(target: Target): State {
  if (!target.enabled || target.status === 'disabled') return 'paused';
  switch (target.status) {
    case 'unhealthy':
      return 'down';
    case 'degraded':
      return 'degraded';
    case 'maintenance':
      return 'maintenance';
    case 'healthy':
      return target.degraded || isFailing(target) ? 'degraded' : 'up';
    default:
      return isFailing(target) ? 'degraded' : 'unknown';
  }
}

export type Totals = Record<State, number> & { all: number };

export function emptyTotals(): Totals {
  return { down: 0, degraded: 0, unknown: 0, maintenance: 0, paused: 0, up: 0, all: 0 };
}

export function countStates(targets: Iterable<Target>): Totals {
  const totals = emptyTotals();
  for (const target of targets) {
    totals[stateOf(target)]++;
    totals.all++;
  }
  return totals;
}

const verdict = /^down at (\d+) of (\d+) locations(?:, and (\d+) more [^:]*|, fewer than \d+)?: /;

/** "down at 2 of 3 locations: beijing: connection refused" in pieces, those included that fell silent after they had said so; null:
    the message is of another kind. */
export function readVerdict(message: string | null | undefined): { down: number; of: number; rest: string } | null {
  const found = verdict.exec(message ?? '');
  return found && message ? { down: Number(found[1]) + Number(found[3] ?? 0), of: Number(found[2]), rest: message.slice(found[0].length) } : null;
}
