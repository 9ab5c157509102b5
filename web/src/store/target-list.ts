// One list of targets as the server orders it, of which only the pages that were looked at are here. What is shown stays until
// the answer to a new question has come, so typing never waits for the network.
import { api } from '../api/client';
import type { Facets, GroupCounts, Target, TargetPage } from '../api/types';
import type { ServerQuery } from '../lib/filter';
import type { Span } from '../lib/virtual';

export const pageSize = 200;
const pagesKept = 12;
const refreshMs = 1000;

interface Host {
  keep(rows: Target[]): void;
  told(): void;
}

function pagesOf(span: Span): number[] {
  const out = [];
  for (let p = Math.floor(span.first / pageSize); p * pageSize < Math.max(span.last, span.first + 1); p++) out.push(p);
  return out;
}

export class TargetList {
  /** Page number → ids in order. */
  private pages = new Map<number, number[]>();
  private loading = new Set<number>();
  private query: ServerQuery | null = null;
  private key = '';
  private span: Span = { first: 0, last: pageSize };
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastRefresh = 0;
  total = 0;
  facets: Facets | null = null;
  groups: GroupCounts[] = [];
  /** Grows whenever positions mean other targets. */
  shape = 0;
  /** What is shown answers an older question. */
  behind = false;
  error: Error | null = null;

  constructor(private readonly host: Host) {}

  /** Asks for another list, or the same. Ends with close(). */
  show(query: ServerQuery): void {
    const key = JSON.stringify(query);
    if (key === this.key) return;
    this.key = key;
    this.query = query;
    this.span = { first: 0, last: pageSize };
    this.behind = true;
    void this.loadAll();
  }

  close(): void {
    this.abort?.abort();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.query = null;
    this.key = '';
  }

  get open(): boolean {
    return this.query !== null;
  }

  idAt(position: number): number | undefined {
    return this.pages.get(Math.floor(position / pageSize))?.[position % pageSize];
  }

  /** These positions are in the window. */
  need(span: Span): void {
    this.span = span;
    if (!this.query || this.behind) return;
    for (const page of pagesOf(span)) {
      if (this.pages.has(page) || this.loading.has(page) || page * pageSize >= this.total) continue;
      void this.loadPage(page);
    }
  }

  /** Something changed: asks again soon, but not more often than once a second. */
  stale(): void {
    if (!this.query || this.timer !== undefined) return;
    const wait = Math.max(120, this.lastRefresh + refreshMs - Date.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.loadAll();
    }, wait);
  }

  retry(): void {
    void this.loadAll();
  }

  private fetch(page: number, count: number, more: ServerQuery, signal?: AbortSignal): Promise<TargetPage> {
    return api.targets({ ...this.query, ...more, offset: page * pageSize, limit: count * pageSize }, signal);
  }

  /** The pages in sight with all counts: one question, so that rows and counts belong together. */
  private async loadAll(): Promise<void> {
    if (!this.query) return;
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    this.lastRefresh = Date.now();
    const wanted = pagesOf(this.span);
    const first = wanted[0] as number;
    try {
      const answer = await this.fetch(first, wanted.length, { facets: '1' }, abort.signal);
      if (abort.signal.aborted) return;
      this.take(first, answer);
      this.error = null;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error = error as Error;
    }
    this.behind = false;
    this.shape++;
    this.host.told();
  }

  private take(first: number, answer: TargetPage): void {
    this.total = answer.total ?? answer.items.length;
    this.facets = answer.facets ?? null;
    this.groups = answer.groups ?? [];
    this.pages = new Map();
    this.loading = new Set();
    this.put(first, answer.items);
  }

  private put(first: number, rows: Target[]): void {
    this.host.keep(rows);
    for (let i = 0; i * pageSize < rows.length; i++) {
      this.pages.set(first + i, rows.slice(i * pageSize, (i + 1) * pageSize).map((r) => r.id));
    }
  }

  private async loadPage(page: number): Promise<void> {
    const { pages, key } = this;
    this.loading.add(page);
    try {
      const answer = await this.fetch(page, 1, {});
      if (pages !== this.pages || key !== this.key) return; // another list by now
      this.put(page, answer.items);
      this.forgetFar(page);
      this.shape++;
      this.host.told();
    } catch (error) {
      if (key === this.key) this.error = error as Error;
    } finally {
      this.loading.delete(page);
    }
  }

  private forgetFar(page: number): void {
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - page) - Math.abs(a - page));
    for (const p of far.slice(0, Math.max(0, far.length - pagesKept))) this.pages.delete(p);
  }
}
