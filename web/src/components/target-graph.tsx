// A target's latency over time: any span, phases stacked where its type has them, failures marked, zoom by dragging.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { prometheus, type MatrixItem } from '../api/prometheus';
import type { Graph, Place, Target } from '../api/types';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { latency, when } from '../lib/format';
import { compactGraph } from '../lib/graph';
import { useLoad } from '../lib/hooks';
import { placesQuery } from '../lib/places';
import { graphPhases, phaseQuery, type PhaseColumn } from '../lib/phases';
import { Button, Card, Empty, Failure, Loading, Segmented } from './basics';
import { lazy } from './lazy';
import { placeName } from './target-places';

const Chart = lazy(async () => (await import('./chart')).default);
const SeriesChart = lazy(async () => (await import('./series-chart')).default);

const inSeconds = (value: number) => latency(value * 1000);

const spans = { hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 30 * 86_400_000, year: 365 * 86_400_000 };
type Span = keyof typeof spans;
const spanNames = Object.keys(spans) as Span[];
const points = 300;
/** Over a longer time each check's phases would have to be read. */
const phasesMs = 8 * 86_400_000;

interface Window {
  from: number;
  until: number;
}

/** Of a target with locations: a line for each. */
interface ByPlace {
  series: MatrixItem[];
  start: number;
  end: number;
  step: number;
}

interface Drawn {
  byPlace: ByPlace | null;
  graph: Graph;
  phases: PhaseColumn[];
  window: Window;
}

/** null without metrics, or for who may not read them: then the target's own line must do. */
async function loadPlaces(target: Target, places: readonly Place[], window: Window, signal: AbortSignal): Promise<ByPlace | null> {
  const step = Math.max((window.until - window.from) / points / 1000, target.interval_seconds);
  const end = Math.floor(window.until / 1000 / step) * step;
  const start = end - Math.floor((window.until - window.from) / 1000 / step) * step;
  try {
    const { data } = await prometheus.queryRange(placesQuery('avg', 'probe_duration_seconds', target, step), start, end, step, signal);
    const found = data.resultType === 'matrix' ? data.result : [];
    const series = places.flatMap((p) => found.find((s) => s.metric['location'] === p.location) ?? []);
    return series.length > 0 ? { series, start, end, step } : null;
  } catch {
    return null;
  }
}

const nothing: Graph = { t: [], latency_ms: [], success: [] };

async function load(target: Target, places: readonly Place[], window: Window, signal: AbortSignal): Promise<Drawn> {
  const { from, until } = window;
  const step = (until - from) / points;
  const byPlace = places.length > 0 ? await loadPlaces(target, places, window, signal) : null;
  if (byPlace) return { byPlace, graph: nothing, phases: [], window };
  const graph = api.graph(target.id, { since: new Date(from).toISOString(), until: new Date(until).toISOString(), points }, signal);
  const wide = Math.max(step, target.interval_seconds * 1000);
  const stacked =
    until - from > phasesMs
      ? Promise.resolve([])
      : prometheus.queryRange(phaseQuery(target.group, target.name, wide), (from + step) / 1000, until / 1000, step / 1000, signal).then(
          (answer) => (answer.data.resultType === 'matrix' ? graphPhases(answer.data.result, (from + step) / 1000, step / 1000, points) : []),
          () => [], // no metrics, or not for this viewer: the line alone
        );
  return { byPlace, graph: await graph, phases: await stacked, window };
}

const noPlaces: Place[] = [];

interface Props {
  target: Target;
  places?: Place[] | undefined;
  /** What it draws, where there is one line. */
  title?: Key;
  tick: number;
}

export function TargetGraph({ target, places = noPlaces, title = 'target.graph', tick }: Props) {
  const [chosen, setChosen] = useState<Span>('hour');
  const [zoom, setZoom] = useState<Window | null>(null);
  const shown = useLoad(
    (signal) => {
      const now = Date.now();
      return load(target, places, zoom ?? { from: now - spans[chosen], until: now }, signal);
    },
    [target.id, chosen, zoom, places.length],
  );
  // New results redraw the hour at most every 10 s, the longer spans every minute; what was zoomed into stays.
  const last = useRef(Date.now());
  useEffect(() => {
    const pause = chosen === 'hour' ? 10_000 : 60_000;
    if (zoom || Date.now() - last.current < pause) return;
    last.current = Date.now();
    shown.reload();
  }, [tick]);
  const data = useMemo(() => shown.data && compactGraph(shown.data.graph, target.interval_seconds, shown.data.phases), [shown.data, target.interval_seconds]);
  const choose = (span: Span) => {
    setZoom(null);
    setChosen(span);
  };
  const range = (
    <div class="graph-range">
      {zoom && (
        <Button kind="quiet" icon="cross" onClick={() => setZoom(null)}>
          {t('target.graph.zoomed', { from: when(zoom.from), until: when(zoom.until) })}
        </Button>
      )}
      <Segmented<Span> label={t('target.graph.range')} value={chosen} choices={spanNames.map((s) => ({ value: s, text: t(`target.graph.${s}` as Key) }))} onChange={choose} />
    </div>
  );
  const window = shown.data?.window;
  const byPlace = shown.data?.byPlace;
  const drag = (from: number, until: number) => until - from >= 30 && setZoom({ from: Math.round(from * 1000), until: Math.round(until * 1000) });
  return (
    <Card title={t(byPlace ? 'target.graph.places' : title)} aside={range} class="graph-card">
      <div class={`graph-box${shown.busy && data ? ' behind' : ''}`}>
        {shown.error && <Failure error={shown.error} onRetry={shown.reload} />}
        {!data && shown.busy && <Loading />}
        {byPlace && <SeriesChart {...byPlace} stacked={false} names={byPlace.series.map((s) => placeName(s.metric['location'] ?? ''))} show={inSeconds} onZoom={drag} />}
        {data && !byPlace && data.graph.t.length === 0 && <Empty small title={t('target.graph.empty')} hint={t('target.graph.empty.hint')} />}
        {data && window && data.graph.t.length > 0 && (
          <Chart
            graph={data.graph}
            phases={data.phases}
            since={window.from / 1000}
            until={window.until / 1000}
            onZoom={drag}
            onWhole={() => setZoom(null)}
          />
        )}
      </div>
    </Card>
  );
}
