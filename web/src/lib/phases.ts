// What a result measured, made ready to show: the phases of a request, and everything else as rows.
import type { Json } from '../api/types';

export interface Phase {
  name: string;
  ms: number;
}

export interface Measured {
  phases: Phase[];
  rows: [string, string][];
}

const phaseName = /^probe_[a-z]+_duration_seconds\{phase="([a-z_]+)"\}$/;
const phaseOrder = ['resolve', 'dns', 'connect', 'tls', 'setup', 'request', 'processing', 'transfer', 'rtt'];

function shown(name: string, value: Json): string {
  if (typeof value !== 'number') return value === null ? '–' : String(value);
  if (/_expiry$|_timestamp_seconds$/.test(name) && value > 1e9) return `${new Date(value * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  if (/_seconds(\{|$)/.test(name)) return `${Math.round(value * 1e6) / 1000} ms`;
  return String(Math.round(value * 1e6) / 1e6);
}

export function readMetrics(metrics: Record<string, Json> | undefined): Measured {
  const phases: Phase[] = [];
  const rows: [string, string][] = [];
  for (const [name, value] of Object.entries(metrics ?? {})) {
    const found = phaseName.exec(name);
    if (found && typeof value === 'number') phases.push({ name: found[1] as string, ms: value * 1000 });
    else rows.push([name, shown(name, value)]);
  }
  phases.sort((a, b) => phaseOrder.indexOf(a.name) - phaseOrder.indexOf(b.name));
  return { phases, rows };
}

/** One phase over time, a value for each cell of the graph. */
export interface PhaseColumn {
  name: string;
  ms: (number | null)[];
}

export const quoted = (text: string) => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;

/** Each phase's mean of a cell. `ms`: how far a cell looks back. */
export function phaseQuery(group: string, target: string, ms: number): string {
  return `avg_over_time({__name__=~"probe_[a-z]+_duration_seconds",phase!="",group=${quoted(group)},target=${quoted(target)}}[${Math.max(1, Math.ceil(ms))}ms])`;
}

interface PhaseSeries {
  metric: Record<string, string>;
  values: [number, string][];
}

/** Puts the answer's samples into the graph's cells; phases in the order in which they happen. */
export function graphPhases(series: readonly PhaseSeries[], start: number, step: number, points: number): PhaseColumn[] {
  const columns = series.map((s) => {
    const ms: (number | null)[] = Array.from({ length: points }, () => null);
    for (const [time, value] of s.values) {
      const cell = Math.round((time - start) / step);
      if (cell >= 0 && cell < points && Number.isFinite(Number(value))) ms[cell] = Number(value) * 1000;
    }
    return { name: s.metric['phase'] ?? '', ms };
  });
  const place = (name: string) => (phaseOrder.includes(name) ? phaseOrder.indexOf(name) : phaseOrder.length);
  return columns.sort((a, b) => place(a.name) - place(b.name));
}
