// The targets that the page has seen lately, kept current by the event stream; the overview's list; and what the rows in sight show
// beside their state: their last checks and the last day's uptime. With 100,000 targets a tab holds a few thousand.
import { api } from '../api/client';
import type { Result, Target } from '../api/types';
import { emptyTotals, type Totals } from '../lib/state';
import { Observable } from './observable';
import { TargetList } from './target-list';

export interface Beat {
  at: number;
  ok: boolean;
  warned: boolean;
  latency: number | null;
  message: string;
}

/** What is known of a target's last day. */
export interface Recent {
  beats: Beat[];
  uptime: number | null;
}

const beatsKept = 60;
const rowsKept = 4000;
const recentKept = 1500;
const recentAtOnce = 100;
const downMs = 1000;

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
  private readonly items = new Map<number, Target>();
  private watched = new Set<number>();
  private readonly known = new Map<number, Recent>();
  private readonly wanted = new Set<number>();
  private fetching = false;
  private down = 0;
  private downTimer: ReturnType<typeof setTimeout> | undefined;
  readonly list = new TargetList({
    keep: (rows) => rows.forEach((row) => this.keep(row)),
    told: () => this.listTold(),
  });
  /** The ids whose results the page shows: the stream brings no others. */
  onWatch: (ids: number[]) => void = () => undefined;

  get loaded(): boolean {
    return this.list.facets !== null;
  }

  totals(): Totals {
    const all = this.list.facets?.all;
    return all ? { ...emptyTotals(), ...all, all: all.total } : emptyTotals();
  }

  /** For the title, in every view. */
  downCount(): number {
    return this.list.open && this.loaded ? this.totals().down : this.down;
  }

  get(id: number): Target | undefined {
    return this.items.get(id);
  }

  /** After a gap in the stream everything may have changed, the checks too. */
  reload(): void {
    this.known.clear();
    this.stale();
  }

  /** The list in sight, or the count of those down, is read again soon. */
  stale(): void {
    this.list.stale();
    if (this.list.open || this.downTimer !== undefined) return;
    this.downTimer = setTimeout(() => {
      this.downTimer = undefined;
      void this.countDown();
    }, downMs);
  }

  async countDown(): Promise<void> {
    try {
      this.down = (await api.targets({ state: 'down', limit: 0 })).total ?? 0;
      this.changed();
    } catch {
      // the live light says that Belfry is away
    }
  }

  private listTold(): void {
    this.version++;
    this.announce();
  }

  /** Merges a whole or partial target, from the stream or from an answer to a change. */
  merge(change: Partial<Target> & { id: number }): void {
    const old = this.items.get(change.id);
    if (change.deleted) this.forget(change.id);
    else if (old) this.keep({ ...old, ...change });
    else if (change.name !== undefined && change.type !== undefined) this.keep({ ...blank, ...change } as Target);
    this.stale();
    this.changed();
  }

  remove(id: number): void {
    this.forget(id);
    this.stale();
    this.changed();
  }

  private forget(id: number): void {
    this.items.delete(id);
    this.known.delete(id);
  }

  result(result: Result): void {
    const id = result.target_id;
    const target = id === undefined ? undefined : this.items.get(id);
    if (id === undefined || !target) return;
    target.last_latency_ms = result.latency_ms;
    target.last_checked_at = result.checked_at;
    target.last_message = result.message;
    const known = this.known.get(id);
    if (known) this.known.set(id, { ...known, beats: addBeat(known.beats, beatOf(result)) });
    if (result.fail_count !== undefined && result.fail_count !== target.fail_count) {
      target.fail_count = result.fail_count;
      this.list.stale();
    }
    this.changed();
  }

  /** The last day if it is known; otherwise asks for it and returns undefined. */
  recent(id: number): Recent | undefined {
    const known = this.known.get(id);
    if (!known) this.wanted.add(id);
    return known;
  }

  /** Loads what recent() missed, in one request. Views call it when scrolling has come to rest. */
  fetchWanted(): void {
    if (this.fetching || this.wanted.size === 0) return;
    // The rows asked for last are those most likely still on the screen.
    const ids = [...this.wanted].slice(-recentAtOnce);
    this.wanted.clear();
    this.fetching = true;
    void this.fetchRecent(ids);
  }

  /** Rows that scrolled away need not be loaded. */
  forgetWanted(): void {
    this.wanted.clear();
  }

  private async fetchRecent(ids: number[]): Promise<void> {
    const found = new Map<number, Recent>();
    try {
      const page = await api.recent(ids);
      for (const item of page.items) {
        found.set(item.id, { beats: item.recent.map(beatOf).sort((a, b) => a.at - b.at), uptime: item.uptime ?? null });
      }
    } catch {
      // drawn as unknown; the next scroll or reload asks again
    }
    for (const id of ids) this.rememberRecent(id, found.get(id) ?? { beats: [], uptime: null });
    this.fetching = false;
    this.announce();
    this.fetchWanted();
  }

  private rememberRecent(id: number, recent: Recent): void {
    this.known.set(id, recent);
    if (this.known.size <= recentKept) return;
    this.known.delete(this.known.keys().next().value as number);
  }

  /** Whose results are shown. A stream that brings at least these goes on, another one brings `more`. */
  watch(ids: number[], more: number[] = ids): void {
    if (ids.every((id) => this.watched.has(id))) return;
    this.watched = new Set([...ids, ...more]);
    this.onWatch([...this.watched]);
  }

  private keep(target: Target): void {
    const { config: _config, ...rest } = target; // forms fetch their own
    this.items.delete(target.id); // the youngest is last
    this.items.set(target.id, rest);
    if (this.items.size > rowsKept) this.items.delete(this.items.keys().next().value as number);
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
