// Explore: PromQL over everything that Belfry remembers, as graph or table; and which metrics and labels cost the most. A chunk of
// its own. The address holds all of it, so a link shows somebody else the same.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { prometheus, type Answer, type MatrixItem, type NodeStats, type QueryData, type QueryStats, type TopItem } from '../api/prometheus';
import { Button, Card, CopyButton, Empty, Failure, Loading, Segmented } from '../components/basics';
import { lazy } from '../components/lazy';
import PromqlEditor from '../components/promql-editor';
import { t, type Key } from '../i18n';
import {
  exploreFromQuery,
  exploreToQuery,
  ranges,
  seriesName,
  span,
  tableRows,
  unitOf,
  type ExploreState,
  type ExploreTab,
} from '../lib/explore';
import { bytes, fullTime, latency, number, span as spanText } from '../lib/format';
import { useLoad, usePoll } from '../lib/hooks';
import { go, replaceQuery, type Route } from '../router';

const SeriesChart = lazy(async () => (await import('../components/series-chart')).default);
const rowsMax = 500;
const refreshMs = 15_000;
const examples = ['probe_success', 'avg by (target) (probe_duration_seconds)', 'quantile_over_time(0.95, probe_duration_seconds[5m])', 'sum by (type) (probe_success == 0)'];

type Shown = Answer<QueryData> & { state: ExploreState; query: string; at: { start: number; end: number; step: number } };

async function run(state: ExploreState, query: string, signal: AbortSignal): Promise<Shown | null> {
  if (query.trim() === '') return null;
  const at = span(state, Date.now() / 1000);
  const answer =
    state.tab === 'graph'
      ? await prometheus.queryRange(query, at.start, at.end, at.step, signal)
      : await prometheus.query(query, state.end ?? Date.now() / 1000, signal);
  return { ...answer, state, query, at };
}

function Notes({ answer }: { answer: Answer<unknown> }) {
  const all = [...answer.warnings.map((text) => ({ text, kind: 'is-degraded' })), ...answer.infos.map((text) => ({ text, kind: 'is-unknown' }))];
  if (all.length === 0) return null;
  return (
    <ul class="query-notes">
      {all.map((n) => (
        <li key={n.text} class={n.kind}>
          {n.text}
        </li>
      ))}
    </ul>
  );
}

function NodeTable({ nodes }: { nodes: NodeStats[] }) {
  return (
    <table class="query-nodes">
      <thead>
        <tr>
          <th>{t('explore.node')}</th>
          <th class="right num">{t('explore.series')}</th>
          <th class="right num">{t('explore.samples')}</th>
          <th class="right num">{t('explore.memory')}</th>
          <th class="right num">{t('explore.time')}</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map((n, i) => (
          <tr key={i}>
            <td class="mono">
              {'\u00a0'.repeat(n.depth * 2)}
              {n.expr}
            </td>
            <td class="right num">{number(n.series)}</td>
            <td class="right num">{number(n.samples)}</td>
            <td class="right num">{bytes(n.bytes)}</td>
            <td class="right num">{number(n.seconds * 1000, 2)} ms</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Stats({ stats, series }: { stats: QueryStats | undefined; series: number }) {
  const [open, setOpen] = useState(false);
  const seconds = stats?.timings?.evalTotalTime ?? stats?.timings?.execTotalTime;
  const samples = stats?.samples?.totalQueryableSamples;
  const nodes = stats?.nodes ?? [];
  return (
    <div class="query-stats muted">
      <span class="num">{t('explore.found', { n: series })}</span>
      {seconds !== undefined && <span class="num">{number(seconds * 1000, seconds < 0.01 ? 2 : 0)} ms</span>}
      {samples !== undefined && <span class="num">{t('explore.read', { n: samples })}</span>}
      {nodes.length > 0 && (
        <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t('explore.stats')}
        </button>
      )}
      {open && <NodeTable nodes={nodes} />}
    </div>
  );
}

function ResultTable({ data }: { data: QueryData }) {
  const rows = useMemo(() => tableRows(data), [data]);
  if (rows.length === 0) return <Empty small title={t('explore.empty')} hint={t('explore.empty.hint')} />;
  return (
    <div class="table-box">
      <table class="query-table">
        <thead>
          <tr>
            <th>{t('explore.series.one')}</th>
            {data.resultType === 'matrix' && <th>{t('explore.at')}</th>}
            <th class="right num">{t('explore.value')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, rowsMax).map((r, i) => (
            <tr key={i}>
              <td class="mono">{seriesName(r.metric)}</td>
              {data.resultType === 'matrix' && <td class="right num">{fullTime(r.time * 1000)}</td>}
              <td class="right num strong">{r.value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > rowsMax && <p class="note muted">{t('explore.rows', { n: rowsMax, of: rows.length })}</p>}
    </div>
  );
}

const inUnit = { s: (value: number) => latency(value * 1000), B: bytes };

function Result({ shown, onZoom }: { shown: Shown; onZoom: (start: number, end: number) => void }) {
  const { data } = shown;
  const unit = unitOf(shown.query);
  const series = Array.isArray(data.result) && data.resultType !== 'scalar' && data.resultType !== 'string' ? data.result.length : 1;
  return (
    <>
      <Notes answer={shown} />
      {shown.state.tab === 'graph' && data.resultType === 'matrix' ? (
        data.result.length > 0 ? (
          <SeriesChart series={data.result as MatrixItem[]} {...shown.at} stacked={shown.state.stacked} show={unit ? inUnit[unit] : undefined} onZoom={onZoom} />
        ) : (
          <Empty small title={t('explore.empty')} hint={t('explore.empty.hint')} />
        )
      ) : (
        <ResultTable data={data} />
      )}
      <Stats stats={data.stats} series={series} />
    </>
  );
}

interface PanelProps {
  state: ExploreState;
  index: number;
  turn: number;
  only: boolean;
  onQuery: (query: string) => void;
  onRemove: () => void;
  onZoom: (start: number, end: number) => void;
}

function Panel({ state, index, turn, only, onQuery, onRemove, onZoom }: PanelProps) {
  const query = state.queries[index] ?? '';
  const [draft, setDraft] = useState(query);
  const [given, setGiven] = useState({ text: query, revision: 0 });
  const give = (text: string) => {
    setDraft(text);
    setGiven((g) => ({ text, revision: g.revision + 1 }));
  };
  useEffect(() => {
    if (query !== draft) give(query);
  }, [query]);
  const loaded = useLoad((signal) => run(state, query, signal), [query, state.tab, state.range, state.end, state.step, turn]);
  // What was asked last stays until the next answer is there.
  const last = useRef<Shown | null>(null);
  if (loaded.data !== undefined) last.current = loaded.data;
  const failed = Boolean(loaded.error);
  const shown = !failed && last.current && last.current.query === query && last.current.state.tab === state.tab ? last.current : null;
  const submit = () => onQuery(draft);
  const format = async () => {
    try {
      give((await prometheus.format(draft)).data);
    } catch {
      submit(); // the error is shown with its place
    }
  };
  return (
    <Card class="explore-panel">
      <div class="query-line">
        <PromqlEditor
          value={given.text}
          revision={given.revision}
          label={t('explore.query', { n: index + 1 })}
          placeholder={t('explore.placeholder')}
          failed={failed}
          autofocus={only && query === ''}
          onChange={setDraft}
          onRun={submit}
        />
        <Button icon="play" kind="primary" busy={loaded.busy && query !== ''} onClick={submit}>
          {t('explore.run')}
        </Button>
        <Button icon="list" kind="quiet" title={t('explore.format')} disabled={draft === ''} onClick={() => void format()} />
        {!only && <Button icon="cross" kind="quiet" title={t('explore.remove')} onClick={onRemove} />}
      </div>
      {failed && loaded.error && (
        <p class="query-error is-down" role="alert">
          {loaded.error.message}
        </p>
      )}
      {shown && <Result shown={{ ...shown, state }} onZoom={onZoom} />}
      {!shown && !failed && query !== '' && <Loading />}
      {query === '' && only && (
        <div class="examples">
          <p class="muted">{t('explore.examples')}</p>
          {examples.map((e) => (
            <button type="button" key={e} class="example mono" onClick={() => onQuery(e)}>
              {e}
            </button>
          ))}
        </div>
      )}
    </Card>
  );
}

function localInput(seconds: number): string {
  const d = new Date(seconds * 1000);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Controls({ state, auto, onAuto, onChange }: { state: ExploreState; auto: boolean; onAuto: (on: boolean) => void; onChange: (s: ExploreState) => void }) {
  const now = Math.floor(Date.now() / 1000);
  const move = (by: number) => {
    const end = (state.end ?? now) + by * state.range;
    onChange({ ...state, end: end >= now ? null : Math.round(end) });
  };
  const known = ranges.includes(state.range) ? ranges : [...ranges, state.range].sort((a, b) => a - b);
  return (
    <div class="explore-controls">
      <Segmented<ExploreTab>
        label={t('explore.tab')}
        value={state.tab}
        choices={[
          { value: 'graph', text: t('explore.graph') },
          { value: 'table', text: t('explore.table') },
        ]}
        onChange={(tab) => onChange({ ...state, tab })}
      />
      {state.tab === 'graph' && (
        <select aria-label={t('explore.range')} value={state.range} onChange={(e) => onChange({ ...state, range: Number(e.currentTarget.value) })}>
          {known.map((r) => (
            <option key={r} value={r}>
              {spanText(r * 1000)}
            </option>
          ))}
        </select>
      )}
      <Button icon="back" kind="quiet" title={t('explore.earlier')} onClick={() => move(-0.5)} />
      <input
        type="datetime-local"
        aria-label={t('explore.end')}
        value={localInput(state.end ?? now)}
        onChange={(e) => onChange({ ...state, end: Math.round(new Date(e.currentTarget.value).getTime() / 1000) || null })}
      />
      {state.end !== null && (
        <Button kind="quiet" onClick={() => onChange({ ...state, end: null })}>
          {t('explore.now')}
        </Button>
      )}
      {state.tab === 'graph' && (
        <>
          <label class="with-field">
            {t('explore.step')}
            <input
              class="step"
              type="text"
              inputMode="numeric"
              placeholder={String(span({ ...state, step: null }, now).step)}
              value={state.step ?? ''}
              onChange={(e) => onChange({ ...state, step: Number(e.currentTarget.value) > 0 ? Number(e.currentTarget.value) : null })}
            />
          </label>
          <label class="with-field">
            <input type="checkbox" checked={state.stacked} onChange={(e) => onChange({ ...state, stacked: e.currentTarget.checked })} />
            {t('explore.stacked')}
          </label>
        </>
      )}
      <div class="explore-end">
        <label class="with-field">
          <input type="checkbox" checked={auto} onChange={(e) => onAuto(e.currentTarget.checked)} />
          {t('explore.refresh')}
        </label>
        <CopyButton kind="quiet" text={() => location.href}>
          {t('explore.share')}
        </CopyButton>
      </div>
    </div>
  );
}

const tops: { key: 'seriesCountByMetricName' | 'labelValueCountByLabelName' | 'memoryInBytesByLabelName' | 'seriesCountByLabelValuePair' | 'seriesCountBySource'; title: Key; size?: boolean }[] = [
  { key: 'seriesCountByMetricName', title: 'explore.top.metric' },
  { key: 'labelValueCountByLabelName', title: 'explore.top.label' },
  { key: 'seriesCountByLabelValuePair', title: 'explore.top.pair' },
  { key: 'memoryInBytesByLabelName', title: 'explore.top.memory', size: true },
  { key: 'seriesCountBySource', title: 'explore.top.source' },
];

function TopList({ items, size }: { items: TopItem[]; size: boolean }) {
  const most = Math.max(1, ...items.map((i) => i.value));
  return (
    <ol class="top-list">
      {items.map((i) => (
        <li key={i.name}>
          <span class="top-name mono" title={i.name}>
            {i.name}
          </span>
          <span class="num">{size ? bytes(i.value) : number(i.value)}</span>
          <span class="top-bar" aria-hidden="true">
            <span style={{ width: `${(100 * i.value) / most}%` }} />
          </span>
        </li>
      ))}
    </ol>
  );
}

function Cardinality() {
  const [open, setOpen] = useState(false);
  const loaded = useLoad((signal) => (open ? prometheus.tsdb(10, signal) : Promise.resolve(null)), [open]);
  const status = loaded.data?.data;
  return (
    <Card
      class="cardinality"
      title={t('explore.cost')}
      aside={
        <Button kind="quiet" onClick={() => setOpen(!open)}>
          {t(open ? 'explore.cost.hide' : 'explore.cost.show')}
        </Button>
      }
    >
      <p class="muted">{t('explore.cost.hint')}</p>
      {open && loaded.error && <Failure error={loaded.error} onRetry={loaded.reload} />}
      {status && (
        <>
          <p class="num">{t('explore.cost.head', { n: status.headStats.numSeries, chunks: status.headStats.chunkCount })}</p>
          <div class="tops">
            {tops
              .filter((top) => (status[top.key]?.length ?? 0) > 0)
              .map((top) => (
                <section key={top.key}>
                  <h3>{t(top.title)}</h3>
                  <TopList items={status[top.key] ?? []} size={top.size ?? false} />
                </section>
              ))}
          </div>
        </>
      )}
    </Card>
  );
}

export default function ExploreView({ route }: { route: Route }) {
  const state = useMemo(() => exploreFromQuery(route.query), [route.query.toString()]);
  const [turn, setTurn] = useState(0);
  const [auto, setAuto] = useState(false);
  usePoll(() => auto && state.end === null && setTurn((n) => n + 1), refreshMs);
  // A new question is a new entry in the browser's history; how it is shown is not.
  const change = (next: ExploreState) => replaceQuery('/explore', exploreToQuery(next));
  const ask = (next: ExploreState) => {
    const before = exploreToQuery(state).toString();
    const query = exploreToQuery(next);
    if (query.toString() === before) setTurn((n) => n + 1);
    else go('/explore', query as unknown as Record<string, string>);
  };
  const zoom = (start: number, end: number) => ask({ ...state, range: Math.max(10, Math.round(end - start)), end: Math.round(end), step: null });
  return (
    <div class="explore">
      <h1 tabIndex={-1}>{t('explore.title')}</h1>
      <Controls state={state} auto={auto} onAuto={setAuto} onChange={change} />
      {state.queries.map((_, i) => (
        <Panel
          key={i}
          state={state}
          index={i}
          turn={turn}
          only={state.queries.length === 1}
          onQuery={(q) => ask({ ...state, queries: state.queries.map((old, k) => (k === i ? q : old)) })}
          onRemove={() => ask({ ...state, queries: state.queries.filter((_q, k) => k !== i) })}
          onZoom={zoom}
        />
      ))}
      <div class="explore-more">
        <Button icon="plus" kind="quiet" onClick={() => change({ ...state, queries: [...state.queries, ''] })}>
          {t('explore.add')}
        </Button>
      </div>
      <Cardinality />
    </div>
  );
}
