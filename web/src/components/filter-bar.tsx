// Filters that live in the address, so that what is looked at can be shared: a search, choices, and a span of days.
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import '../i18n/more';
import { parseHash, replaceQuery, type Route } from '../router';
import { Choice, ClearFilters, SearchBox } from './basics';

export interface Filters {
  path: string;
  /** As it stands in the address. */
  raw: Record<string, string>;
  /** For the server: days have become moments. */
  query: Record<string, string>;
  key: string;
  any: boolean;
  set: (name: string, value: string) => void;
  clear: () => void;
}

function moment(day: string, end: boolean): string | null {
  const date = new Date(`${day}T00:00:00`);
  if (Number.isNaN(date.getTime())) return null;
  if (end) date.setDate(date.getDate() + 1);
  return date.toISOString();
}

function forServer(raw: Record<string, string>): Record<string, string> {
  const { from, to, ...rest } = raw;
  const since = from ? moment(from, false) : null;
  const until = to ? moment(to, true) : null;
  return { ...rest, ...(since && { since }), ...(until && { until }) };
}

export function useFilters(path: string, route: Route): Filters {
  const raw = Object.fromEntries(route.query);
  const set = (name: string, value: string) => {
    const next = parseHash(location.hash).query; // as it is now: a search that was just typed calls late
    if (value === '') next.delete(name);
    else next.set(name, value);
    replaceQuery(path, next);
  };
  return {
    path,
    raw,
    query: forServer(raw),
    key: route.query.toString(),
    any: Object.keys(raw).length > 0,
    set,
    clear: () => replaceQuery(path, new URLSearchParams()),
  };
}

function Search({ value, label, onInput }: { value: string; label: string; onInput: (v: string) => void }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(value), [value]);
  const type = (v: string) => {
    setText(v);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onInput(v), 250);
  };
  return <SearchBox label={label} value={text} onInput={type} />;
}

export interface Select {
  name: string;
  label: string;
  all: string;
  choices: { value: string; text: string }[];
}

export function FilterBar({ filters, search, selects, dates }: { filters: Filters; search: string; selects: Select[]; dates?: boolean }) {
  const { raw, set } = filters;
  return (
    <div class="filters">
      <Search value={raw['q'] ?? ''} label={search} onInput={(v) => set('q', v)} />
      {selects.map((s) => (
        <Choice key={s.name} name={s.name} label={s.label} all={s.all} value={raw[s.name] ?? ''} choices={s.choices} onChange={(v) => set(s.name, v)} />
      ))}
      {dates && (
        <span class="span-picker">
          <input type="date" aria-label={t('filter.from')} title={t('filter.from')} value={raw['from'] ?? ''} onChange={(e) => set('from', e.currentTarget.value)} />
          <span aria-hidden="true">–</span>
          <input type="date" aria-label={t('filter.to')} title={t('filter.to')} value={raw['to'] ?? ''} onChange={(e) => set('to', e.currentTarget.value)} />
        </span>
      )}
      {filters.any && <ClearFilters onClick={filters.clear} />}
    </div>
  );
}
