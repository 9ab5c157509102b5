// Makes a graph's series ready to draw. The server answers a fixed number of buckets, and with fewer checks
// than buckets most are empty; a line may bridge those, but not a real gap, when nothing was checked.
import type { Graph } from '../api/types';
import type { PhaseColumn } from './phases';

export interface Compact {
  graph: Graph;
  phases: PhaseColumn[];
}

export function compactGraph(graph: Graph, intervalSeconds: number, phases: readonly PhaseColumn[] = []): Compact {
  const out: Graph = { t: [], latency_ms: [], success: [] };
  const columns: PhaseColumn[] = phases.map((p) => ({ name: p.name, ms: [] }));
  const put = (time: number, latency: number | null, success: number | null, from: number) => {
    out.t.push(time);
    out.latency_ms.push(latency);
    out.success.push(success);
    columns.forEach((c, k) => c.ms.push(from < 0 ? null : (phases[k]?.ms[from] ?? null)));
  };
  const bucket = graph.t.length > 1 ? (graph.t[1] as number) - (graph.t[0] as number) : 0;
  const gap = Math.max(3 * intervalSeconds, 2.5 * bucket);
  let last: number | null = null;
  graph.t.forEach((time, i) => {
    const success = graph.success[i] ?? null;
    const latency = graph.latency_ms[i] ?? null;
    if (success === null && latency === null) return;
    if (last !== null && time - last > gap) put(last + bucket / 2, null, null, -1);
    put(time, latency, success, i);
    last = time;
  });
  return { graph: out, phases: columns };
}
