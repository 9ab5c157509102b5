// A target's latency over time: any span, phases stacked where its type has them, failures marked, zoom by dragging.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { prometheus } from '../api/prometheus';
import type { Graph, Target } from '../api/types';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { when } from '../lib/format';
import { compactGraph } from '../lib/graph';
import { useLoad } from '../lib/hooks';
import { graphPhases, phaseQuery, type PhaseColumn } from '../lib/phases';
import { Button, Card, Empty, Failure, Loading, Segmented } from './basics';
import { lazy } from './lazy';

const Chart = lazy(() => import('./chart'));

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

interface Drawn {
  graph: Graph;
  phases: PhaseColumn[];
  window: Window;
}

async function load(target: Target, window: Window, signal: AbortSignal): Promise<Drawn> {
  const { from, until } = window;
  const step = (until - from) / points;
  const graph = api.graph(target.id, { since: new Date(from).toISOString(), until: new Date(until).toISOString(), points }, signal);
  const wide = Math.max(step, target.interval_seconds * 1000);
  const stacked =
    until - from > phasesMs
      ? Promise.resolve([])
      : prometheus.queryRange(phaseQuery(target.group, target.name, wide), (from + step) / 1000, until / 1000, step / 1000, signal).then(
          (answer) => (answer.data.resultType === 'matrix' ? graphPhases(answer.data.result, (from + step) / 1000, step / 1000, points) : []),
          () => [], // no metrics, or not for this viewer: the line alone
        );
  return { graph: await graph, phases: await stacked, window };
}

export function TargetGraph({ target, tick }: { target: Target; tick: number }) {
  const [chosen, setChosen] = useState<Span>('hour');
  const [zoom, setZoom] = useState<Window | null>(null);
  const shown = useLoad(
    (signal) => {
      const now = Date.now();
      return load(target, zoom ?? { from: now - spans[chosen], until: now }, signal);
    },
    [target.id, chosen, zoom],
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
  return (
    <Card title={t('target.graph')} aside={range} class="graph-card">
      <div class={`graph-box${shown.busy && data ? ' behind' : ''}`}>
        {shown.error && <Failure error={shown.error} onRetry={shown.reload} />}
        {!data && shown.busy && <Loading />}
        {data && data.graph.t.length === 0 && <Empty small title={t('target.graph.empty')} hint={t('target.graph.empty.hint')} />}
        {data && window && data.graph.t.length > 0 && (
          <Chart
            graph={data.graph}
            phases={data.phases}
            since={window.from / 1000}
            until={window.until / 1000}
            onZoom={(from, until) => until - from >= 30 && setZoom({ from: Math.round(from * 1000), until: Math.round(until * 1000) })}
            onWhole={() => setZoom(null)}
          />
        )}
      </div>
    </Card>
  );
}
