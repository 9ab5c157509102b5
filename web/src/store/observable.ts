// The smallest store that serves: a version number and listeners. Changes are announced at most
// every few frames, so 300 results a second cost the page no more than one.
import { useEffect, useReducer } from 'preact/hooks';

export class Observable {
  version = 0;
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly quietMs = 150) {}

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners soon; several calls become one. */
  changed(): void {
    this.version++;
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => this.announce(), this.quietMs);
  }

  /** Tells the listeners now: for what a person just did. */
  announce(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const listener of [...this.listeners]) listener();
  }
}

/** Renders the calling component again whenever one of the stores changed. */
export function useStores(...stores: Observable[]): void {
  const [, render] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    const versions = stores.map((s) => s.version);
    const undo = stores.map((s) => s.subscribe(() => render()));
    // A change between render and effect would otherwise be missed.
    if (stores.some((s, i) => s.version !== versions[i])) render();
    return () => undo.forEach((u) => u());
  }, stores);
}
