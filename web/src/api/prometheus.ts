// The Prometheus API that Belfry serves: shapes and calls for the Explore view. Its errors have a form of their own.
import { ApiError, withQuery } from './client';

export type Labels = Record<string, string>;
export type Sample = [number, string];

export interface VectorItem {
  metric: Labels;
  value: Sample;
}
export interface MatrixItem {
  metric: Labels;
  values: Sample[];
}
export interface NodeStats {
  expr: string;
  depth: number;
  series: number;
  samples: number;
  bytes: number;
  seconds: number;
}
export interface QueryStats {
  timings?: { evalTotalTime?: number; execTotalTime?: number };
  samples?: { totalQueryableSamples?: number; peakSamples?: number };
  nodes?: NodeStats[];
}
export type QueryData =
  | { resultType: 'vector'; result: VectorItem[]; stats?: QueryStats }
  | { resultType: 'matrix'; result: MatrixItem[]; stats?: QueryStats }
  | { resultType: 'scalar' | 'string'; result: Sample; stats?: QueryStats };

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

export interface TopItem {
  name: string;
  value: number;
}
export interface TsdbStatus {
  headStats: { numSeries: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: TopItem[];
  labelValueCountByLabelName: TopItem[];
  memoryInBytesByLabelName: TopItem[];
  seriesCountByLabelValuePair: TopItem[];
  seriesCountBySource?: TopItem[];
}

const prometheusRoot = 'prometheus'; // relative to the page, as every address

async function ask<T>(path: string, query: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await fetch(withQuery(`${prometheusRoot}/api/v1/${path}`, query), signal ? { signal } : {});
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', String(cause), []);
  }
  let body: { status?: string; data?: T; error?: string; errorType?: string; detail?: string; warnings?: string[]; infos?: string[] };
  try {
    body = (await response.json()) as typeof body;
  } catch {
    throw new ApiError(response.status, response.statusText, '', []);
  }
  if (!response.ok || body.status !== 'success') {
    throw new ApiError(response.status, body.errorType ?? response.statusText, body.error ?? body.detail ?? '', []);
  }
  return { data: body.data as T, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

function matching(selectors: string[]): string {
  return selectors.map((s) => `match[]=${encodeURIComponent(s)}`).join('&');
}

export const prometheus = {
  query: (query: string, time: number, signal?: AbortSignal) => ask<QueryData>('query', { query, time, stats: 'all' }, signal),
  queryRange: (query: string, start: number, end: number, step: number, signal?: AbortSignal) =>
    ask<QueryData>('query_range', { query, start, end, step, stats: 'all' }, signal),
  format: (query: string) => ask<string>('format_query', { query }),
  /** Fails with the place of what is wrong. */
  parse: (query: string, signal?: AbortSignal) => ask<unknown>('parse_query', { query }, signal),
  labels: (selectors: string[], start: number) => ask<string[]>(`labels?${matching(selectors)}`, { start }),
  labelValues: (label: string, selectors: string[], start: number, limit: number) =>
    ask<string[]>(`label/${encodeURIComponent(label)}/values?${matching(selectors)}`, { start, limit }),
  metadata: () => ask<Record<string, { type: string; help: string }[]>>('metadata', { limit_per_metric: 1 }),
  tsdb: (limit: number, signal?: AbortSignal) => ask<TsdbStatus>('status/tsdb', { limit }, signal),
};
