// Explore without the page: what the address says, which step a graph takes, how series are named and shown. Pure.
import type { Labels, MatrixItem, QueryData, VectorItem } from '../api/prometheus';

export type ExploreTab = 'graph' | 'table';

export interface ExploreState {
  queries: string[];
  tab: ExploreTab;
  /** Seconds that are shown. */
  range: number;
  /** Unix seconds; null follows the present. */
  end: number | null;
  /** Seconds; null chooses by the range. */
  step: number | null;
  stacked: boolean;
}

export const ranges = [300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400, 365 * 86_400];
export const rangeDefault = 3600;
/** More lines than this are a wash of colour: the table shows them all. */
export const drawnMax = 60;
const pointsWanted = 240;
const niceSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** The least nice step that keeps a graph at some hundred points. */
export function autoStep(range: number): number {
  const least = range / pointsWanted;
  return niceSteps.find((s) => s >= least) ?? 86_400;
}

/** Both ends on multiples of the step, so that a repeated question is answered from the cache. */
export function span(state: ExploreState, now: number): { start: number; end: number; step: number } {
  const step = state.step ?? autoStep(state.range);
  const end = Math.floor((state.end ?? now) / step) * step;
  return { start: end - Math.floor(state.range / step) * step, end, step };
}

function positive(text: string | null): number | null {
  const n = Number(text);
  return text !== null && Number.isFinite(n) && n > 0 ? n : null;
}

export function exploreFromQuery(query: URLSearchParams): ExploreState {
  const queries = query.getAll('q');
  return {
    queries: queries.length > 0 ? queries : [''],
    tab: query.get('tab') === 'table' ? 'table' : 'graph',
    range: positive(query.get('range')) ?? rangeDefault,
    end: positive(query.get('end')),
    step: positive(query.get('step')),
    stacked: query.get('stacked') === '1',
  };
}

export function exploreToQuery(state: ExploreState): URLSearchParams {
  const out = new URLSearchParams();
  for (const q of state.queries) if (q !== '' || state.queries.length > 1) out.append('q', q);
  if (state.tab !== 'graph') out.set('tab', state.tab);
  if (state.range !== rangeDefault) out.set('range', String(state.range));
  if (state.end !== null) out.set('end', String(state.end));
  if (state.step !== null) out.set('step', String(state.step));
  if (state.stacked) out.set('stacked', '1');
  return out;
}

const classicName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** As PromQL writes a series: up{job="node"}. */
export function seriesName(metric: Labels): string {
  const { __name__: name = '', ...rest } = metric;
  const pairs = Object.entries(rest).map(([k, v]) => `${classicName.test(k) ? k : JSON.stringify(k)}=${JSON.stringify(v)}`);
  if (name !== '' && !classicName.test(name)) return `{${[JSON.stringify(name), ...pairs].join(', ')}}`;
  return pairs.length > 0 ? `${name}{${pairs.join(', ')}}` : name || '{}';
}

/** What tells the series of one graph apart: labels that all share are left out. */
export function shortNames(metrics: Labels[]): string[] {
  const first = metrics[0];
  if (!first || metrics.length < 2) return metrics.map(seriesName);
  const shared = Object.keys(first).filter((k) => metrics.every((m) => m[k] === first[k]));
  return metrics.map((m) => {
    const rest = Object.fromEntries(Object.entries(m).filter(([k]) => !shared.includes(k)));
    return Object.keys(rest).length > 0 ? seriesName(rest) : seriesName(m);
  });
}

/** "1.5" and "+Inf" to numbers that a graph can hold; what it cannot draw is a gap. */
export function plotValue(text: string): number | null {
  const n = Number(text);
  return Number.isFinite(n) ? n : null;
}

/** Columns for the graph: times, and one column a series with gaps as null. */
export function columns(series: MatrixItem[], start: number, end: number, step: number): { t: number[]; v: (number | null)[][] } {
  const n = Math.floor((end - start) / step + 1e-6) + 1;
  const t = Array.from({ length: n }, (_, i) => start + i * step);
  const v = series.map((s) => {
    const column = new Array<number | null>(n).fill(null);
    for (const [time, text] of s.values) {
      const i = Math.round((time - start) / step);
      if (i >= 0 && i < n) column[i] = plotValue(text);
    }
    return column;
  });
  return { t, v };
}

/** Each column on top of the ones before it. */
export function stack(v: (number | null)[][]): (number | null)[][] {
  const below: number[] = [];
  return v.map((column) =>
    column.map((x, i) => {
      const sum = (below[i] ?? 0) + (x ?? 0);
      below[i] = sum;
      return x === null ? null : sum;
    }),
  );
}

export interface TableRow {
  metric: Labels;
  value: string;
  time: number;
}

export function tableRows(data: QueryData): TableRow[] {
  switch (data.resultType) {
    case 'vector':
      return data.result.map((r: VectorItem) => ({ metric: r.metric, value: r.value[1], time: r.value[0] }));
    case 'matrix':
      return data.result.flatMap((r: MatrixItem) => r.values.map(([time, value]) => ({ metric: r.metric, value, time })));
    default:
      return [{ metric: {}, value: data.result[1], time: data.result[0] }];
  }
}

const units: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** Short enough for an axis: 1.2M, 0.003, 4e-9. */
export function shortNumber(v: number): string {
  if (v === 0) return '0';
  const size = Math.abs(v);
  for (const [unit, letter] of units) if (size >= unit) return `${trim(v / unit)}${letter}`;
  return size >= 0.001 ? trim(v) : v.toExponential(1).replace('.0e', 'e');
}

function trim(v: number): string {
  return String(Number(v.toPrecision(4)));
}

/** Place of an error in the query, from "1:5: parse error: …". */
export function errorPlace(message: string): { line: number; column: number } | null {
  const found = /(?:^|\s|")(\d+):(\d+): parse error/.exec(message);
  return found ? { line: Number(found[1]), column: Number(found[2]) } : null;
}

const keepsUnit = new Set(
  ('avg min max sum quantile topk bottomk stddev by without and or unless on ignoring offset bool group_left group_right abs ceil floor round clamp clamp_min clamp_max ' +
    'sort sort_desc delta idelta avg_over_time min_over_time max_over_time sum_over_time quantile_over_time last_over_time first_over_time stddev_over_time').split(' '),
);

/** What the values are, where the query says it: metrics of one unit, by what leaves a unit as it is. */
export function unitOf(query: string): 's' | 'B' | null {
  const bare = query
    .replace(/#.*/g, '')
    .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/(?<![\w:])\d[\w.]*/g, '');
  if (/[*/%^]|\bbool\b/.test(bare)) return null;
  const metrics = (bare.match(/[a-zA-Z_:][\w:]*/g) ?? []).filter((word) => !keepsUnit.has(word));
  const all = (suffix: RegExp) => metrics.length > 0 && metrics.every((m) => suffix.test(m));
  if (all(/(?<!_time|_timestamp)_seconds$/)) return 's';
  return all(/_bytes$/) ? 'B' : null;
}
