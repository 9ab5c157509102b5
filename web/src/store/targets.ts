// All targets of this Belfry, kept current by the event stream, and their recent checks. The list
// arrives page by page and is usable after the first page. Recent checks are loaded only for rows
// that are on the screen, and kept for a bounded number of targets.
import { api } from '../api/client';
import type { Result, Target } from '../api/types';
import { countStates, stateOf, type Totals } from '../lib/state';
import { Observable } from './observable';

export interface Beat {
  at: number;
  ok: boolean;
  warned: boolean;
  latency: number | null;
  message: string;
}

const pageSize = 1000;
const beatsKept = 60;
const targetsWithBeats = 1500;
const parallelLoads = 4;

export function beatOf(result: Result): Beat {
  return {
    at: Date.parse(result.checked_at),
    ok: result.success,
    warned: result.degraded === true || (result.warnings?.length ?? 0) > 0,
    latency: result.latency_ms,
    message: result.message ?? '',
  };
}

/** Adds a check to a list that is sorted by time; a repeated one is dropped. */
export function addBeat(beats: Beat[], beat: Beat): Beat[] {
  let i = beats.length;
  while (i > 0 && (beats[i - 1] as Beat).at > beat.at) i--;
  if (i > 0 && (beats[i - 1] as Beat).at === beat.at) return beats;
  const next = [...beats.slice(0, i), beat, ...beats.slice(i)];
  return next.length > beatsKept ? next.slice(next.length - beatsKept) : next;
}

export class TargetStore extends Observable {
  readonly items = new Map<number, Target>();
  /** Grows when a list's order or membership may have changed, unlike version. */
  shape = 0;
  /** Grows when a name or the membership changed. */
  names = 0;
  loaded: 'no' | 'some' | 'all' = 'no';
  total = 0;
  error: Error | null = null;
  private readonly beats = new Map<number, Beat[]>();
  private readonly wanted = new Set<number>();
  private loading = 0;
  private loadRun = 0;
  private cachedTotals: Totals | null = null;
  private cachedShape = -1;

  async load(): Promise<void> {
    const run = ++this.loadRun;
    const seen = new Set<number>();
    let cursor: string | null = null;
    try {
      do {
        const page: Awaited<ReturnType<typeof api.targets>> = await api.targets({
          limit: pageSize,
          cursor,
        });
        if (run !== this.loadRun) return; // a newer load has started
        for (const target of page.items) {
          seen.add(target.id);
          this.keep(target);
        }
        this.total = page.total ?? seen.size;
        cursor = page.next ?? null;
        this.loaded = cursor === null ? 'all' : this.loaded === 'all' ? 'all' : 'some';
        this.error = null;
        this.reshape();
        this.announce();
      } while (cursor !== null);
      for (const id of [...this.items.keys()]) if (!seen.has(id)) this.items.delete(id);
    } catch (error) {
      if (run === this.loadRun) this.error = error as Error;
    }
    this.reshape();
    this.announce();
  }

  /** After a gap in the stream everything may have changed, the checks too. */
  async reload(): Promise<void> {
    this.beats.clear();
    await this.load();
  }

  get(id: number): Target | undefined {
    return this.items.get(id);
  }

  totals(): Totals {
    if (!this.cachedTotals || this.cachedShape !== this.shape) {
      this.cachedTotals = countStates(this.items.values());
      this.cachedShape = this.shape;
    }
    return this.cachedTotals;
  }

  /** Merges a whole or partial target, from the stream or from an answer to a change. */
  merge(change: Partial<Target> & { id: number }): void {
    const old = this.items.get(change.id);
    if (change.deleted) {
      this.remove(change.id);
      return;
    }
    if (!old && change.name === undefined) {
      void this.fetchOne(change.id);
      return;
    }
    const next = { ...(old ?? blank), ...change } as Target;
    this.keep(next);
    if (!old || orderOf(old) !== orderOf(next)) this.reshape();
    this.changed();
  }

  remove(id: number): void {
    if (this.items.delete(id)) this.reshape();
    this.beats.delete(id);
    this.changed();
  }

  result(result: Result): void {
    const id = result.target_id;
    const target = id === undefined ? undefined : this.items.get(id);
    if (id === undefined || !target) return;
    target.last_latency_ms = result.latency_ms;
    target.last_checked_at = result.checked_at;
    target.last_message = result.message;
    const known = this.beats.get(id);
    if (known) this.beats.set(id, addBeat(known, beatOf(result)));
    if (result.fail_count !== undefined && result.fail_count !== target.fail_count) {
      target.fail_count = result.fail_count;
      this.reshape();
    }
    this.changed();
  }

  /** The recent checks if they are known; otherwise asks for them and returns undefined. */
  recent(id: number): Beat[] | undefined {
    const known = this.beats.get(id);
    if (!known) this.wanted.add(id);
    return known;
  }

  /** Loads the checks that recent() missed. Views call it when scrolling has come to rest. */
  fetchWanted(): void {
    while (this.loading < parallelLoads && this.wanted.size > 0) {
      // The row asked for last is the one most likely still on the screen.
      const id = [...this.wanted].pop() as number;
      this.wanted.delete(id);
      this.loading++;
      void this.fetchBeats(id);
    }
  }

  /** Rows that scrolled away need not be loaded. */
  forgetWanted(): void {
    this.wanted.clear();
  }

  private async fetchBeats(id: number): Promise<void> {
    try {
      const page = await api.results(id, { limit: 30 });
      const beats = page.items.map(beatOf).sort((a, b) => a.at - b.at);
      this.rememberBeats(id, beats);
    } catch {
      this.rememberBeats(id, []);
    } finally {
      this.loading--;
      this.changed();
      this.fetchWanted();
    }
  }

  private rememberBeats(id: number, beats: Beat[]): void {
    this.beats.set(id, beats);
    if (this.beats.size > targetsWithBeats) {
      const oldest = this.beats.keys().next().value as number;
      this.beats.delete(oldest);
    }
  }

  private async fetchOne(id: number): Promise<void> {
    try {
      this.merge(await api.target(id));
    } catch {
      // gone again, or the stream will bring it
    }
  }

  private keep(target: Target): void {
    const { config: _config, ...rest } = target; // forms fetch their own; 10,000 need not stay
    if (this.items.get(target.id)?.name !== target.name) this.names++;
    this.items.set(target.id, rest);
  }

  private reshape(): void {
    this.shape++;
  }
}

const blank: Omit<Target, 'id' | 'name' | 'type'> = {
  group: '',
  interval_seconds: 0,
  timeout_seconds: 0,
  enabled: true,
  threshold: 3,
  source: 'api',
  status: 'unknown',
  fail_count: 0,
};

function orderOf(target: Target): string {
  return `${stateOf(target)}\n${target.group}\n${target.name}\n${target.type}\n${target.fail_count}`;
}
