// The mock's Prometheus API: a few metrics of the world's targets as smooth noise, enough of the language for the page's own examples.
// It knows a metric's name and `by (labels)` in an expression and nothing else; a bracket that is not closed is a parse error.
import { placeResultAt } from './inner.mjs';
import { resultAt } from './world.mjs';

const hash = (text) => [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261);

const metrics = {
  probe_success: { type: 'gauge', help: 'Whether the probe succeeded.', at: (seed, t) => (Math.sin(t / 3000 + seed) > 0.97 ? 0 : 1) },
  probe_duration_seconds: { type: 'gauge', help: 'How long the probe took.', at: (seed, t) => 0.02 + (seed % 7) / 50 + 0.01 * Math.sin(t / 400 + seed) + 0.004 * Math.sin(t / 37 + seed) },
  probe_http_status_code: { type: 'gauge', help: 'Status of the answer.', at: () => 200 },
};

function seriesOf(world, name) {
  return [...world.items.values()]
    .filter(({ pub }) => pub.enabled)
    .map(({ pub }) => ({ __name__: name, group: pub.group, instance: pub.address || pub.name, target: pub.name, type: pub.type }));
}

const unquoted = (text) => JSON.parse(`"${text}"`);

/** The phases of one target's checks: what its page asks for. */
function phasesOf(world, query) {
  const [, group, target] = /group="((?:[^"\\]|\\.)*)",target="((?:[^"\\]|\\.)*)"/.exec(query) ?? [];
  const item = target === undefined ? undefined : [...world.items.values()].find(({ pub }) => pub.group === unquoted(group) && pub.name === unquoted(target));
  if (item?.pub.type !== 'http' || !item.pub.last_checked_at) return [];
  const step = item.pub.interval_seconds * 1000;
  return ['resolve', 'connect', 'tls', 'processing', 'transfer'].map((phase) => ({
    metric: { group: item.pub.group, target: item.pub.name, phase },
    at: (t) => resultAt(item, Math.floor((t * 1000) / step) * step).metrics[`probe_http_duration_seconds{phase="${phase}"}`],
  }));
}

/** A metric of one target at each of its places. */
function placesOf(world, query) {
  const [, metric, group, target] = /(probe_\w+)\{group="((?:[^"\\]|\\.)*)",target="((?:[^"\\]|\\.)*)"/.exec(query) ?? [];
  const item = [...world.items.values()].find(({ pub }) => pub.group === unquoted(group ?? '') && pub.name === unquoted(target ?? ''));
  const step = (item?.pub.interval_seconds ?? 0) * 1000;
  return (item?.pub.locations ?? []).map((location) => ({
    metric: { location },
    at: (t) => {
      const r = placeResultAt(item, location, Math.floor((t * 1000) / step) * step);
      return r && (metric === 'probe_success' ? Number(r.success) : r.latency_ms / 1000);
    },
  }));
}

/** Series with a function of time each; null: nothing of the name. */
function evaluate(world, query) {
  if (query.includes('phase!=""')) return phasesOf(world, query);
  if (query.includes('location!=""')) return placesOf(world, query);
  const name = Object.keys(metrics).find((m) => query.includes(m));
  if (!name) return null;
  const by = /by\s*\(([^)]*)\)/.exec(query);
  const every = seriesOf(world, name).map((metric) => ({ metric, at: (t) => metrics[name].at(hash(metric.target), t) }));
  if (!by) return every;
  const keys = by[1].split(',').map((k) => k.trim());
  const groups = new Map();
  for (const s of every) {
    const metric = Object.fromEntries(keys.map((k) => [k, s.metric[k] ?? '']));
    const id = JSON.stringify(metric);
    if (!groups.has(id)) groups.set(id, { metric, members: [] });
    groups.get(id).members.push(s);
  }
  return [...groups.values()].map(({ metric, members }) => ({ metric, at: (t) => members.reduce((sum, m) => sum + m.at(t), 0) / members.length }));
}

function parseError(query) {
  const open = [...query].filter((c) => '([{'.includes(c)).length;
  const closed = [...query].filter((c) => ')]}'.includes(c)).length;
  return open === closed ? null : `1:${query.length + 1}: parse error: unclosed left parenthesis`;
}

const stats = (query, series, samples) => ({
  timings: { evalTotalTime: 0.0042 },
  samples: { totalQueryableSamples: samples, peakSamples: samples },
  nodes: [
    { expr: query, depth: 0, series, samples: 0, bytes: series * 1920, seconds: 0.0042 },
    { expr: Object.keys(metrics).find((m) => query.includes(m)) ?? query, depth: 1, series, samples, bytes: samples * 16, seconds: 0.0031 },
  ],
});

function answerQuery(world, path, query) {
  const text = query.get('query') ?? '';
  const error = parseError(text);
  if (error) return [400, { status: 'error', errorType: 'bad_data', error: `invalid parameter "query": ${error}` }];
  const found = evaluate(world, text) ?? [];
  if (path === 'query') {
    const t = Number(query.get('time') ?? Date.now() / 1000);
    const result = found.map((s) => ({ metric: s.metric, value: [t, String(s.at(t))] }));
    return [200, { status: 'success', data: { resultType: 'vector', result, stats: stats(text, found.length, found.length) } }];
  }
  const [start, end, step] = ['start', 'end', 'step'].map((k) => Number(query.get(k)));
  const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
  const result = found.map((s) => ({ metric: s.metric, values: times.flatMap((t) => { const v = s.at(t); return v === null ? [] : [[t, String(v)]]; }) })).filter((s) => s.values.length > 0);
  const infos = text.includes('rate(') ? ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "probe_success" (1:6)'] : [];
  return [200, { status: 'success', data: { resultType: 'matrix', result, stats: stats(text, found.length, found.length * times.length) }, infos }];
}

function tsdb(world) {
  const n = world.items.size;
  const top = (...pairs) => pairs.map(([name, value]) => ({ name, value }));
  return {
    headStats: { numSeries: n * 14, chunkCount: n * 40, minTime: 0, maxTime: Date.now() },
    seriesCountByMetricName: top(['probe_http_duration_seconds', n * 5], ['probe_success', n], ['probe_duration_seconds', n], ['probe_http_status_code', n]),
    labelValueCountByLabelName: top(['instance', n], ['target', n], ['__name__', 41], ['group', 5]),
    memoryInBytesByLabelName: top(['instance', n * 31], ['target', n * 22], ['__name__', 1240]),
    seriesCountByLabelValuePair: top(['type=http', n * 9], ['group=payments', n * 4]),
    seriesCountBySource: top(['probe', n * 13], ['belfry', n]),
  };
}

/** [status, document] of prometheus/api/v1/PATH. */
export function prometheusApi(world, path, query) {
  const good = (data) => [200, { status: 'success', data }];
  const label = /^label\/([^/]+)\/values$/.exec(path);
  if (path === 'query' || path === 'query_range') return answerQuery(world, path, query);
  if (path === 'parse_query') {
    const error = parseError(query.get('query') ?? '');
    return error ? [400, { status: 'error', errorType: 'bad_data', error: `invalid parameter "query": ${error}` }] : good({});
  }
  if (path === 'format_query') return good((query.get('query') ?? '').replace(/\s+/g, ' ').trim());
  if (path === 'labels') return good(['__name__', 'group', 'instance', 'target', 'type']);
  if (label?.[1] === '__name__') return good(Object.keys(metrics));
  if (label) return good([...new Set(seriesOf(world, '').map((s) => s[label[1]] ?? ''))].sort());
  if (path === 'series') return good(seriesOf(world, 'probe_success').slice(0, 50));
  if (path === 'metadata') return good(Object.fromEntries(Object.entries(metrics).map(([k, v]) => [k, [{ type: v.type, help: v.help, unit: '' }]])));
  if (path === 'status/tsdb') return good(tsdb(world));
  return [404, { status: 'error', errorType: 'not_found', error: 'not found' }];
}

/** As GET /api/v1/functions: a few of them. */
export const functions = [
  { name: 'rate', args: ['range vector'], help: { en: 'Increase per second of a counter', zh: '计数器每秒的增量' } },
  { name: 'increase', args: ['range vector'], help: { en: 'Increase of a counter over the range', zh: '计数器在区间内的增量' } },
  { name: 'avg_over_time', args: ['range vector'], help: { en: 'Mean of the samples in the range', zh: '区间内样本的平均值' } },
  { name: 'histogram_quantile', args: ['scalar', 'instant vector'], help: { en: 'Quantile estimated from the buckets of a histogram', zh: '由直方图的桶估算分位数' } },
  { name: 'label_replace', args: ['instant vector', 'string', 'string', 'string', 'string'], help: { en: 'Sets a label from what a regular expression finds in another', zh: '用正则表达式从另一标签得到新标签' } },
];
