// The latency graph. uPlot and this file are a chunk of their own that loads with the first graph.
// Failed checks are marks on the ground line: a triangle is seen without colour.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Graph } from '../api/types';
import { hasKey, t } from '../i18n';
import { fullTime, latency, percent } from '../lib/format';
import type { PhaseColumn } from '../lib/phases';

interface Props {
  graph: Graph;
  /** Drawn as a stack instead of the line; empty: the type has none. */
  phases: PhaseColumn[];
  since: number;
  until: number;
  /** A span was dragged over, in seconds. */
  onZoom: (from: number, until: number) => void;
  onWhole: () => void;
}

/** As .phase-0 … in views.css. */
const phaseHues = ['#5b8def', '#3aa6a0', '#9b7be0', '#d99a2b', '#cf6a8b', '#7f8c96'];

export function phaseHue(i: number): string {
  return phaseHues[i % phaseHues.length] as string;
}

/** Each phase with all before it below it. */
function stacked(phases: readonly PhaseColumn[]): (number | null)[][] {
  let below: (number | null)[] = [];
  return phases.map((phase) => {
    below = phase.ms.map((v, i) => (v === null ? (below[i] ?? null) : v + (below[i] ?? 0)));
    return below;
  });
}

function lineSeries(graph: Graph): uPlot.Series {
  return { stroke: color('--accent'), width: 1.5, fill: color('--accent-wash'), points: { show: graph.t.length < 60, size: 4 }, spanGaps: false };
}

function phaseSeries(count: number): uPlot.Series[] {
  return Array.from({ length: count }, (_, i) => ({ stroke: phaseHue(i), width: 1, fill: `${phaseHue(i)}66`, points: { show: false }, spanGaps: false }));
}

export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Triangles where checks failed. */
function drawFailures(plot: uPlot, graph: Graph): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.fillStyle = color('--down');
  const ground = bbox.top + bbox.height;
  graph.t.forEach((time, i) => {
    const ok = graph.success[i];
    if (ok === null || ok === undefined || ok >= 1) return;
    const x = plot.valToPos(time, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    const tall = (4 + 6 * (1 - ok)) * scale;
    ctx.beginPath();
    ctx.moveTo(x, ground - tall);
    ctx.lineTo(x + 4 * scale, ground);
    ctx.lineTo(x - 4 * scale, ground);
    ctx.fill();
  });
  ctx.restore();
}

export function axisTime(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  const days = step >= 86_400;
  const pad = (n: number) => String(n).padStart(2, '0');
  return splits.map((s, i) => {
    const d = new Date(s * 1000);
    const before = i > 0 ? new Date((splits[i - 1] as number) * 1000) : null;
    const day = `${d.getMonth() + 1}/${d.getDate()}`;
    if (days) return day;
    const clock = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
    return before && before.getDate() !== d.getDate() ? `${day}\n${clock}` : clock;
  });
}

function options(width: number, props: Props, onCursor: (i: number | null) => void): uPlot.Options {
  const text = color('--text-2');
  const grid = { stroke: color('--line'), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text, grid, ticks: { show: false }, font };
  return {
    width,
    height: width < 480 ? 180 : 220,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: true, min: props.since, max: props.until },
      y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.15 : 1] },
    },
    axes: [
      { ...axis, values: axisTime, space: 64, size: 32 },
      { ...axis, values: (_u, splits) => splits.map((v) => latency(v)), size: 58 },
    ],
    series: [{}, ...(props.phases.length > 0 ? phaseSeries(props.phases.length) : [lineSeries(props.graph)])],
    // Each of the stack is filled down to the one below it.
    ...(props.phases.length > 1 ? { bands: props.phases.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) } : {}),
    hooks: {
      draw: [(u) => drawFailures(u, props.graph)],
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width: wide } = u.select;
          if (wide >= 4) props.onZoom(u.posToVal(left, 'x'), u.posToVal(left + wide, 'x'));
        },
      ],
    },
  };
}

function Readout({ graph, at }: { graph: Graph; at: number | null }) {
  if (at !== null && graph.t[at] !== undefined) {
    const ok = graph.success[at];
    return (
      <p class="chart-read num" aria-hidden="true">
        {fullTime((graph.t[at] as number) * 1000)} · <strong>{latency(graph.latency_ms[at])}</strong>
        {ok !== null && ok !== undefined && ok < 1 && (
          <span class="is-down"> · {t('target.graph.failed', { p: percent(1 - ok) })}</span>
        )}
      </p>
    );
  }
  const known = graph.latency_ms.filter((v): v is number => v !== null);
  const success = graph.success.filter((v): v is number => v !== null && v !== undefined);
  const mean = known.reduce((a, b) => a + b, 0) / (known.length || 1);
  const ok = success.reduce((a, b) => a + b, 0) / (success.length || 1);
  return (
    <p class="chart-read num">
      {known.length > 0 && (
        <>
          {t('target.graph.mean', { v: latency(mean) })} · {t('target.graph.max', { v: latency(Math.max(...known)) })} ·{' '}
        </>
      )}
      {t('target.graph.ok', { v: percent(ok, ok > 0.99 && ok < 1 ? 2 : 1) })}
      <span class="chart-hint muted"> {t('target.graph.hint')}</span>
    </p>
  );
}

function phaseName(name: string): string {
  const key = `phase.${name}`;
  return hasKey(key) ? t(key) : name;
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((v): v is number => v !== null);
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null;
}

/** What each colour is; at the cursor its value, else its mean. */
function PhaseLegend({ phases, at }: { phases: PhaseColumn[]; at: number | null }) {
  return (
    <ul class="phase-legend" aria-label={t('result.phases')}>
      {phases.map((p, i) => (
        <li key={p.name}>
          <span class={`phase-dot phase-${i % phaseHues.length}`} aria-hidden="true" />
          {phaseName(p.name)} <span class="num muted">{latency(at === null ? meanOf(p.ms) : (p.ms[at] ?? null))}</span>
        </li>
      ))}
    </ul>
  );
}

/** A number that changes with the theme: a canvas must be drawn again then. */
export function useThemeTurn(): number {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const again = () => setTheme((n) => n + 1);
    const watch = new MutationObserver(again);
    watch.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    dark.addEventListener('change', again);
    return () => {
      watch.disconnect();
      dark.removeEventListener('change', again);
    };
  }, []);
  return theme;
}

/** The plot is as wide as its element, until the returned function ends it. */
export function follow(plot: uPlot, element: HTMLElement): () => void {
  const sizes = new ResizeObserver(() => {
    if (element.clientWidth) plot.setSize({ width: element.clientWidth, height: plot.height });
  });
  sizes.observe(element);
  return () => {
    sizes.disconnect();
    plot.destroy();
  };
}

export default function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const theme = useThemeTurn();

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const columns = props.phases.length > 0 ? stacked(props.phases) : [props.graph.latency_ms];
    const data = [props.graph.t, ...columns] as uPlot.AlignedData;
    const plot = new uPlot(options(element.clientWidth, props, setAt), data, element);
    return follow(plot, element);
  }, [props.graph, theme]);

  return (
    <figure class="chart">
      <Readout graph={props.graph} at={at} />
      <div ref={box} class="chart-canvas" role="img" aria-label={t('target.graph')} onDblClick={props.onWhole} />
      {props.phases.length > 0 && <PhaseLegend phases={props.phases} at={at} />}
    </figure>
  );
}
