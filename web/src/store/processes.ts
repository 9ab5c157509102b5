// Supervised programs, kept current by the event stream; loaded when a view first asks. Events tell of states; CPU
// and memory change all the time and are read by refresh() while someone looks. The last samples of each are kept
// for its sparkline.
import { api } from '../api/client';
import type { Process } from '../api/process-types';
import { countPrograms, programState, type ProgramTotals } from '../lib/program-state';
import { Observable } from './observable';

export interface Samples {
  at: number;
  cpu: number[];
  memory: number[];
}

const pageSize = 1000;
const samplesKept = 60;
const programsWithSamples = 2000;
const sampleGapMs = 2000;

/** Adds a sample unless one was added a moment ago; a stopped program starts anew. */
export function addSample(old: Samples | undefined, p: Process, now: number): Samples | undefined {
  if (!p.pid || p.rss_bytes === null || p.rss_bytes === undefined) return undefined;
  if (old && now - old.at < sampleGapMs) return old;
  const tail = (list: number[] | undefined) => (list ?? []).slice(-(samplesKept - 1));
  return { at: now, cpu: [...tail(old?.cpu), p.cpu_percent ?? 0], memory: [...tail(old?.memory), p.rss_bytes] };
}

export class ProcessStore extends Observable {
  readonly items = new Map<string, Process>();
  readonly samples = new Map<string, Samples>();
  /** Grows when a list's order or membership may have changed. */
  shape = 0;
  loaded = false;
  error: Error | null = null;
  private wanted = false;
  private run = 0;
  /** Of whom events told since the load began: its answer may be older. */
  private told = new Set<string>();
  private cached: { shape: number; totals: ProgramTotals } | null = null;

  want(): void {
    if (!this.wanted) void this.load();
  }

  stale(): void {
    if (this.wanted) void this.load();
  }

  /** Reads all anew; what has gone meanwhile goes. */
  async load(): Promise<void> {
    this.wanted = true;
    this.told.clear();
    const run = ++this.run;
    const seen = new Set<string>();
    let cursor: string | null = null;
    try {
      do {
        const page: Awaited<ReturnType<typeof api.processes>> = await api.processes({ limit: pageSize, cursor });
        if (run !== this.run) return; // a newer load has started
        for (const process of page.items) {
          seen.add(process.id);
          if (!this.told.has(process.id)) this.keep(process);
        }
        cursor = page.next ?? null;
      } while (cursor !== null);
      for (const id of [...this.items.keys()]) if (!seen.has(id) && !this.told.has(id)) this.forget(id);
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (run === this.run) this.error = error as Error;
    }
    this.shape++;
    this.announce();
  }

  /** How often the list may be read: a long one more seldom. */
  refreshMs(): number {
    return Math.min(60_000, Math.max(5000, this.items.size * 10));
  }

  get(id: string): Process | undefined {
    return this.items.get(id);
  }

  totals(): ProgramTotals {
    if (this.cached?.shape !== this.shape) this.cached = { shape: this.shape, totals: countPrograms(this.items.values()) };
    return this.cached.totals;
  }

  merge(change: Process): void {
    if (!this.wanted) return;
    this.told.add(change.id);
    if (change.deleted) {
      this.remove(change.id);
      return;
    }
    const old = this.items.get(change.id);
    if (!old && change.status === undefined) {
      this.stale();
      return;
    }
    const next = { ...old, ...change };
    this.keep(next);
    if (!old || programState(old) !== programState(next)) this.shape++;
    this.changed();
  }

  remove(id: string): void {
    this.told.add(id);
    this.forget(id);
    this.shape++;
    this.changed();
  }

  private forget(id: string): void {
    this.items.delete(id);
    this.samples.delete(id);
  }

  private keep(process: Process): void {
    const { config: _config, ...rest } = process; // the form and the page of one fetch it themselves
    this.items.set(process.id, rest);
    const samples = addSample(this.samples.get(process.id), process, Date.now());
    if (!samples) this.samples.delete(process.id);
    else if (this.samples.has(process.id) || this.samples.size < programsWithSamples) this.samples.set(process.id, samples);
  }
}
