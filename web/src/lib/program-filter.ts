// The list of programs as a pure function of what there is and what the address asks for.
import type { Process } from '../api/process-types';
import { programState, programStates, rankOf, type ProgramState } from './program-state';

export const programSorts = ['worst', 'name', 'cpu', 'memory', 'restarts'] as const;
export type ProgramSort = (typeof programSorts)[number];

export interface ProgramFilter {
  q: string;
  states: ProgramState[];
  type: string;
  sort: ProgramSort;
}

export function programFilterFromQuery(query: URLSearchParams): ProgramFilter {
  const wanted = (query.get('state') ?? '').split(',');
  const sort = programSorts.find((s) => s === query.get('sort')) ?? 'worst';
  return {
    q: query.get('q') ?? '',
    states: programStates.filter((s) => wanted.includes(s)),
    type: query.get('type') ?? '',
    sort,
  };
}

export function programFilterToQuery(filter: ProgramFilter): URLSearchParams {
  const out = new URLSearchParams();
  if (filter.q) out.set('q', filter.q);
  if (filter.states.length) out.set('state', filter.states.join(','));
  if (filter.type) out.set('type', filter.type);
  if (filter.sort !== 'worst') out.set('sort', filter.sort);
  return out;
}

export function isProgramFiltered(filter: ProgramFilter): boolean {
  return Boolean(filter.q || filter.states.length || filter.type);
}

function haystack(p: Process): string {
  const labels = Object.entries(p.labels ?? {}).map(([k, v]) => `${k}=${v}`);
  return [p.id, p.name, p.type, p.user, p.message, p.pid, ...(p.command ?? []), ...labels].join(' ').toLowerCase();
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const amounts: Partial<Record<ProgramSort, (p: Process) => number>> = {
  cpu: (p) => p.cpu_percent ?? -1,
  memory: (p) => p.rss_bytes ?? -1,
  restarts: (p) => p.restarts ?? 0,
};

export interface ProgramRow {
  process: Process;
  state: ProgramState;
}

function compare(sort: ProgramSort, a: ProgramRow, b: ProgramRow): number {
  const amount = amounts[sort];
  const difference = amount
    ? amount(b.process) - amount(a.process)
    : sort === 'worst'
      ? rankOf(a.state) - rankOf(b.state)
      : 0;
  return difference || collator.compare(a.process.id, b.process.id);
}

/** Every word must occur somewhere: in id, name, type, command, user, labels, message, pid. */
export function buildPrograms(items: Iterable<Process>, filter: ProgramFilter): ProgramRow[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const rows: ProgramRow[] = [];
  for (const process of items) {
    if (filter.type && process.type !== filter.type) continue;
    const state = programState(process);
    if (filter.states.length && !filter.states.includes(state)) continue;
    if (words.length) {
      const text = haystack(process);
      if (!words.every((w) => text.includes(w))) continue;
    }
    rows.push({ process, state });
  }
  return rows.sort((a, b) => compare(filter.sort, a, b));
}
