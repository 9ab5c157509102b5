// What the overview's address asks for, and how the server is asked for it.
import { states, type State } from './state';

export type Sort = 'worst' | 'name' | 'latency' | 'since';
export const sorts: readonly Sort[] = ['worst', 'name', 'latency', 'since'];
export type Layout = 'groups' | 'flat' | 'wall';

export interface Filter {
  q: string;
  states: State[];
  group: string;
  type: string;
  /** "name=value", or a name alone. */
  label: string;
  sort: Sort;
  layout: Layout;
}

export const noFilter = { q: '', states: [] as State[], group: '', type: '', label: '' };

export function filterFromQuery(query: URLSearchParams): Filter {
  const wanted = (query.get('state') ?? '').split(',');
  const sort = query.get('sort') as Sort;
  const view = query.get('view');
  return {
    q: query.get('q') ?? '',
    states: states.filter((s) => wanted.includes(s)),
    group: query.get('group') ?? '',
    type: query.get('type') ?? '',
    label: query.get('label') ?? '',
    sort: sorts.includes(sort) ? sort : 'worst',
    layout: view === 'flat' || view === 'wall' ? view : 'groups',
  };
}

export function filterToQuery(filter: Filter): URLSearchParams {
  const out = new URLSearchParams();
  if (filter.q) out.set('q', filter.q);
  if (filter.states.length) out.set('state', filter.states.join(','));
  if (filter.group) out.set('group', filter.group);
  if (filter.type) out.set('type', filter.type);
  if (filter.label) out.set('label', filter.label);
  if (filter.sort !== 'worst') out.set('sort', filter.sort);
  if (filter.layout !== 'groups') out.set('view', filter.layout);
  return out;
}

export function isFiltered(filter: Filter): boolean {
  return Boolean(filter.q || filter.states.length || filter.group || filter.type || filter.label);
}

export type ServerQuery = Record<string, string>;

/** The server filters and sorts: a page with 100,000 targets holds only the rows in sight. */
export function serverQuery(filter: Filter): ServerQuery {
  const out: ServerQuery = { sort: filter.sort, layout: filter.layout === 'groups' ? 'groups' : 'flat' };
  const q = filter.q.trim();
  if (q) out['q'] = q;
  if (filter.states.length) out['state'] = filter.states.join(',');
  if (filter.group) out['group'] = filter.group;
  if (filter.type) out['type'] = filter.type;
  if (filter.label) out['label'] = filter.label;
  return out;
}
