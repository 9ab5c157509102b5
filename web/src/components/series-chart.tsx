// The graph of a query: any number of series over one time axis. Dragging chooses a span; the legend shows what is under the cursor
// and hides what is clicked away.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { MatrixItem } from '../api/prometheus';
import { t } from '../i18n';
import { columns, drawnMax, seriesName, shortNames, shortNumber, stack } from '../lib/explore';
import { fullTime, number } from '../lib/format';
import { axisTime, color, follow, useThemeTurn } from './chart';

interface Props {
  series: MatrixItem[];
  start: number;
  end: number;
  step: number;
  stacked: boolean;
  /** What they are called, if not by what tells their labels apart. */
  names?: string[];
  /** A value with its unit. */
  show?: (value: number) => string;
  onZoom: (start: number, end: number) => void;
}

/** Hues that are told apart on both themes; after them the same again, dashed. */
const hues = [203, 28, 145, 338, 262, 48, 178, 0, 90, 310, 226, 16];

function seriesColor(i: number, dark: boolean): string {
  const hue = hues[i % hues.length];
  return dark ? `hsl(${hue} 65% 62%)` : `hsl(${hue} 68% 40%)`;
}

function isDark(): boolean {
  return getComputedStyle(document.documentElement).colorScheme === 'dark';
}

interface Plotted {
  t: number[];
  shown: (number | null)[][];
  real: (number | null)[][];
}

function options(width: number, props: Props, hidden: Set<number>, count: number, onCursor: (i: number | null) => void): uPlot.Options {
  const dark = isDark();
  const axis = {
    stroke: color('--text-2'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
  const lines: uPlot.Series[] = Array.from({ length: count }, (_, i) => ({
    stroke: seriesColor(i, dark),
    width: 1.5,
    dash: i >= hues.length ? [6, 3] : undefined,
    fill: props.stacked ? `${seriesColor(i, dark).replace(')', ' / 0.35)')}` : undefined,
    show: !hidden.has(i),
    points: { show: false },
    spanGaps: false,
  }));
  return {
    width,
    height: width < 480 ? 240 : 340,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: true, min: props.start, max: props.end } },
    axes: [
      { ...axis, values: axisTime, space: 72, size: 32 },
      { ...axis, values: (_u, splits) => splits.map(props.show ?? shortNumber), size: 62 },
    ],
    series: [{}, ...lines],
    // Each of a stack is filled down to the one below it.
    ...(props.stacked ? { bands: lines.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) } : {}),
    hooks: {
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width: wide } = u.select;
          if (wide < 4) return;
          props.onZoom(u.posToVal(left, 'x'), u.posToVal(left + wide, 'x'));
        },
      ],
    },
  };
}

/** Only the first may be drawn, and a stack stands on those that are shown. */
function plotted(props: Props, hidden: Set<number>): Plotted {
  const { t: times, v } = columns(props.series.slice(0, drawnMax), props.start, props.end, props.step);
  if (!props.stacked) return { t: times, shown: v, real: v };
  const kept = v.map((column, i) => (hidden.has(i) ? column.map(() => null) : column));
  return { t: times, shown: stack(kept), real: v };
}

const anyNumber = (value: number) => number(value, Math.abs(value) < 1 ? 6 : 3);

function Legend(props: { series: MatrixItem[]; names: string[] | undefined; show: ((value: number) => string) | undefined; values: (number | null)[] | null; hidden: Set<number>; onToggle: (i: number, only: boolean) => void }) {
  const names = useMemo(() => props.names ?? shortNames(props.series.map((s) => s.metric)), [props.series]);
  const show = props.show ?? anyNumber;
  const dark = isDark();
  return (
    <ul class="legend" aria-label={t('explore.legend')}>
      {props.series.slice(0, drawnMax).map((s, i) => {
        const value = props.values ? (props.values[i] ?? null) : Number(s.values[s.values.length - 1]?.[1] ?? NaN);
        return (
          <li key={seriesName(s.metric)}>
            <button
              type="button"
              aria-pressed={!props.hidden.has(i)}
              title={`${seriesName(s.metric)}\n${t('explore.legend.hint')}`}
              onClick={(e) => props.onToggle(i, !(e.ctrlKey || e.metaKey))}
            >
              <svg class={`swatch${i >= hues.length ? ' dashed' : ''}`} viewBox="0 0 14 4" aria-hidden="true">
                <line x1="0" y1="2" x2="14" y2="2" stroke={seriesColor(i, dark)} />
              </svg>
              <span class="legend-name">{names[i]}</span>
              <span class="legend-value num">{value === null || Number.isNaN(value) ? '–' : show(value)}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export default function SeriesChart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const [hidden, setHidden] = useState(new Set<number>());
  const theme = useThemeTurn();
  const data = useMemo(() => plotted(props, hidden), [props.series, props.stacked, hidden]);

  useEffect(() => setHidden(new Set()), [props.series.length]);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const plot = new uPlot(options(element.clientWidth, props, hidden, data.shown.length, setAt), [data.t, ...data.shown] as uPlot.AlignedData, element);
    return follow(plot, element);
  }, [data, theme]);

  // A click shows one series alone, or all again; with Ctrl it takes one away.
  const toggle = (i: number, only: boolean) => {
    const count = Math.min(props.series.length, drawnMax);
    setHidden((before) => {
      if (!only) {
        const next = new Set(before);
        if (!next.delete(i)) next.add(i);
        return next;
      }
      const alone = !before.has(i) && before.size === count - 1;
      return alone ? new Set() : new Set([...Array(count).keys()].filter((k) => k !== i));
    });
  };
  return (
    <figure class="chart">
      <p class="chart-read num" aria-hidden={at !== null}>
        {at !== null && data.t[at] !== undefined ? fullTime((data.t[at] as number) * 1000) : <span class="muted">{t('explore.zoom.hint')}</span>}
      </p>
      <div ref={box} class="chart-canvas" role="img" aria-label={t('explore.graph.label', { n: props.series.length })} />
      {props.series.length > drawnMax && <p class="note muted">{t('explore.drawn', { n: drawnMax, of: props.series.length })}</p>}
      <Legend series={props.series} names={props.names} show={props.show} hidden={hidden} values={at === null ? null : data.real.map((c) => c[at] ?? null)} onToggle={toggle} />
    </figure>
  );
}
