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
