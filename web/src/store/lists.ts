// Alerts, channels and the catalogues of probers and channel types: small lists that are loaded
// whole. A view calls use(); the first use loads, events mark stale and load again.
import { api } from '../api/client';
import type { Alert, Channel, Prober } from '../api/types';
import { Observable } from './observable';

export class ListStore<T> extends Observable {
  items: T[] = [];
  state: 'no' | 'loading' | 'ready' = 'no';
  error: Error | null = null;
  private again = false;

  constructor(private readonly fetchAll: () => Promise<{ items: T[] }>) {
    super();
  }

  /** Loads unless that has happened. */
  want(): void {
    if (this.state === 'no') void this.load();
  }

  /** Loads again if anyone has asked before. */
  stale(): void {
    if (this.state !== 'no') void this.load();
  }

  /** An event came: an answer that is under way may be older than it. */
  protected touched(): void {
    if (this.state === 'loading') this.again = true;
    this.changed();
  }

  async load(): Promise<void> {
    if (this.state === 'loading') {
      this.again = true;
      return;
    }
    this.state = 'loading';
    try {
      this.items = (await this.fetchAll()).items;
      this.error = null;
    } catch (error) {
      this.error = error as Error;
    }
    this.state = 'ready';
    this.announce();
    if (this.again) {
      this.again = false;
      void this.load();
    }
  }
}

export class AlertStore extends ListStore<Alert> {
  constructor() {
    super(() => api.alerts({ status: 'firing', limit: 500 }));
  }

  merge(alert: Alert): void {
    const old = this.items.find((a) => a.id === alert.id);
    const rest = this.items.filter((a) => a.id !== alert.id);
    // Events leave the deliveries out.
    this.items = alert.status === 'firing' ? [{ ...old, ...alert }, ...rest] : rest;
    this.items.sort((a, b) => Date.parse(b.fired_at) - Date.parse(a.fired_at));
    this.touched();
  }
}

export class ChannelStore extends ListStore<Channel> {
  constructor() {
    super(() => api.channels());
  }

  merge(channel: Channel): void {
    const i = this.items.findIndex((c) => c.id === channel.id);
    this.items = i < 0 ? [...this.items, channel] : this.items.map((c) => (c.id === channel.id ? { ...c, ...channel } : c));
    this.touched();
  }

  remove(id: number): void {
    this.items = this.items.filter((c) => c.id !== id);
    this.touched();
  }
}

export class CatalogueStore extends ListStore<Prober> {
  find(type: string): Prober | undefined {
    return this.items.find((p) => p.type === type);
  }
}
