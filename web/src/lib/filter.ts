// The overview's list as a pure function of the targets and what the address asks for.
import type { Target } from '../api/types';
import { severity, stateOf, states, type State } from './state';

export type Sort = 'worst' | 'name' | 'latency';
export type Layout = 'groups' | 'flat';

export interface Filter {
  q: string;
  states: State[];
  group: string;
  type: string;
  sort: Sort;
  layout: Layout;
}

export function filterFromQuery(query: URLSearchParams): Filter {
  const wanted = (query.get('state') ?? '').split(',');
  const sort = query.get('sort');
  return {
    q: query.get('q') ?? '',
    states: states.filter((s) => wanted.includes(s)),
    group: query.get('group') ?? '',
    type: query.get('type') ?? '',
    sort: sort === 'name' || sort === 'latency' ? sort : 'worst',
    layout: query.get('view') === 'flat' ? 'flat' : 'groups',
  };
}

export function filterToQuery(filter: Filter): URLSearchParams {
  const out = new URLSearchParams();
  if (filter.q) out.set('q', filter.q);
  if (filter.states.length) out.set('state', filter.states.join(','));
  if (filter.group) out.set('group', filter.group);
  if (filter.type) out.set('type', filter.type);
  if (filter.sort !== 'worst') out.set('sort', filter.sort);
  if (filter.layout !== 'groups') out.set('view', filter.layout);
  return out;
}

export function isFiltered(filter: Filter): boolean {
  return Boolean(filter.q || filter.states.length || filter.group || filter.type);
}

// Targets are replaced as a whole when they change (but for the last result), so what is
// searched of one is remembered with it.
const remembered = new WeakMap<Target, string>();

function haystack(t: Target): string {
  let text = remembered.get(t);
  if (text === undefined) {
    const labels = t.labels ? Object.entries(t.labels).map(([k, v]) => `${k}=${v}`).join(' ') : '';
    text = `${t.name} ${t.group} ${t.type} ${t.address ?? ''} ${labels}`.toLowerCase();
    remembered.set(t, text);
  }
  return text;
}

/** Every word must occur somewhere: "pay 5432" finds the payments database. */
export function matches(target: Target, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = haystack(target);
  let message: string | null = null;
  return words.every((w) => text.includes(w) || (message ??= (target.last_message ?? '').toLowerCase()).includes(w));
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Each target's place in the order of names. Comparing names is dear, comparing places is not. */
export type NameOrder = ReadonlyMap<number, number>;

export function nameOrder(targets: Iterable<Target>): NameOrder {
  const sorted = [...targets].sort((a, b) => collator.compare(a.name, b.name) || a.id - b.id);
  return new Map(sorted.map((target, place) => [target.id, place]));
}

interface Keyed {
  target: Target;
  place: number;
  state: State;
  rank: number;
}

function compare(sort: Sort, a: Keyed, b: Keyed): number {
  if (sort === 'latency') {
    const d = (b.target.last_latency_ms ?? -1) - (a.target.last_latency_ms ?? -1);
    if (d !== 0) return d;
  } else if (sort === 'worst' && a.rank !== b.rank) {
    return a.rank - b.rank;
  }
  return a.place - b.place;
}

export interface GroupRow {
  kind: 'group';
  name: string;
  counts: Record<State, number>;
  size: number;
  folded: boolean;
}

export interface TargetRow {
  kind: 'target';
  target: Target;
  state: State;
}

export type Row = GroupRow | TargetRow;

export interface List {
  rows: Row[];
  found: number;
}

function noCounts(): Record<State, number> {
  return { down: 0, degraded: 0, unknown: 0, maintenance: 0, paused: 0, up: 0 };
}

export function buildList(
  targets: Iterable<Target>,
  filter: Filter,
  folded: ReadonlySet<string>,
  order: NameOrder,
): List {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Keyed[] = [];
  for (const target of targets) {
    if (filter.group && target.group !== filter.group) continue;
    if (filter.type && target.type !== filter.type) continue;
    const state = stateOf(target);
    if (filter.states.length && !filter.states.includes(state)) continue;
    if (!matches(target, words)) continue;
    found.push({ target, state, rank: severity(state), place: order.get(target.id) ?? 0 });
  }
  found.sort((a, b) => compare(filter.sort, a, b));
  if (filter.layout === 'flat') {
    return { rows: found.map(({ target, state }) => ({ kind: 'target', target, state })), found: found.length };
  }
  return { rows: grouped(found, filter, folded), found: found.length };
}

function grouped(found: Keyed[], filter: Filter, folded: ReadonlySet<string>): Row[] {
  const byGroup = new Map<string, Keyed[]>();
  for (const item of found) {
    const list = byGroup.get(item.target.group);
    if (list) list.push(item);
    else byGroup.set(item.target.group, [item]);
  }
  const groups = [...byGroup.entries()].map(([name, items]) => ({
    name,
    items,
    worst: items.reduce((m, i) => Math.min(m, i.rank), 9),
  }));
  groups.sort((a, b) =>
    filter.sort === 'name' || trouble(a.worst) === trouble(b.worst)
      ? collator.compare(a.name, b.name)
      : trouble(a.worst) - trouble(b.worst),
  );
  const rows: Row[] = [];
  for (const { name, items } of groups) {
    const counts = noCounts();
    for (const item of items) counts[item.state]++;
    const shut = folded.has(name) && !isFiltered(filter);
    rows.push({ kind: 'group', name, counts, size: items.length, folded: shut });
    if (!shut) for (const { target, state } of items) rows.push({ kind: 'target', target, state });
  }
  return rows;
}

/** Only trouble moves a group up; otherwise groups keep their places and the eye its map. */
function trouble(rank: number): number {
  return rank <= 1 ? rank : 2;
}
