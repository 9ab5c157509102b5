// What a supervised program's state is called on the page, its mark, and the order from worst to best. The page
// tells more than the API's word: a running program whose health probe fails, a job that waits for its time.
import type { Process, ProcessStatus } from '../api/process-types';
import type { State } from './state';

export const programStates = [
  'fatal',
  'refused',
  'crashed',
  'backoff',
  'unhealthy',
  'restarting',
  'starting',
  'stopping',
  'unknown',
  'running',
  'scheduled',
  'finished',
  'stopped',
] as const;

/** "ready" is "running" here; the row's own word still says which. */
export type ProgramState = (typeof programStates)[number];

const marks: Record<ProgramState, State> = {
  fatal: 'down',
  refused: 'down',
  crashed: 'down',
  backoff: 'degraded',
  unhealthy: 'degraded',
  restarting: 'degraded',
  starting: 'unknown',
  stopping: 'unknown',
  unknown: 'unknown',
  running: 'up',
  scheduled: 'maintenance',
  finished: 'paused',
  stopped: 'paused',
};

export type MarkShape = 'square' | 'tick';
const shapes: Partial<Record<ProgramState, MarkShape>> = { stopped: 'square', finished: 'tick' };

export function markOf(state: ProgramState): State {
  return marks[state];
}

export function shapeOf(state: ProgramState): MarkShape | undefined {
  return shapes[state];
}

export function rankOf(state: ProgramState): number {
  return programStates.indexOf(state);
}

function stopped(p: Process): ProgramState {
  if (p.kind === 'job' && p.next_run_at) return 'scheduled';
  return p.kind !== undefined && p.kind !== 'daemon' && p.exit && !p.exit.failure ? 'finished' : 'stopped';
}

export function programState(p: Process): ProgramState {
  if (p.refused) return 'refused';
  switch (p.status) {
    case 'running':
    case 'ready':
      return p.health?.status === 'failing' ? 'unhealthy' : 'running';
    case 'stopped':
      return stopped(p);
    default:
      return programStates.includes(p.status) ? p.status : 'unknown';
  }
}

/** A state word of the API alone: Belfry's own processes, steps of a history. */
export function statusMark(status: string): { mark: State; shape?: MarkShape } {
  if (status === 'running' || status === 'ready') return { mark: 'up' };
  if (status === 'stopped') return { mark: 'paused', shape: 'square' };
  if (status === 'hung') return { mark: 'down' };
  return { mark: marks[status as ProgramState] ?? 'unknown' };
}

export function hasProcess(status: ProcessStatus): boolean {
  return status === 'running' || status === 'ready' || status === 'starting' || status === 'stopping';
}

/** What a person may do now: a program that rests can be started, one that is wanted can be stopped. */
export function mayStart(p: Process): boolean {
  return ['stopped', 'crashed', 'fatal', 'unknown', 'backoff', 'restarting'].includes(p.status) && !p.refused;
}

export function mayStop(p: Process): boolean {
  return !['stopped', 'crashed', 'fatal', 'unknown', 'stopping'].includes(p.status);
}

export type ProgramTotals = Record<ProgramState, number> & { all: number };

export function countPrograms(items: Iterable<Process>): ProgramTotals {
  const totals = Object.fromEntries(programStates.map((s) => [s, 0])) as ProgramTotals;
  totals.all = 0;
  for (const p of items) {
    totals[programState(p)]++;
    totals.all++;
  }
  return totals;
}
