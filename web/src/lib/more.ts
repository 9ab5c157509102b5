// A list that grows: the first page at once, further ones when asked. A newer question drops what an older one answers.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Page } from '../api/types';

export interface Growing<T> {
  items: T[] | undefined;
  total: number | undefined;
  next: string | null;
  busy: boolean;
  error: Error | undefined;
  more: () => void;
  reload: () => void;
}

interface State<T> {
  items?: T[];
  total?: number | undefined;
  next: string | null;
  busy: boolean;
  error?: Error;
}

export function useMore<T>(load: (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>, deps: unknown[]): Growing<T> {
  const [state, setState] = useState<State<T>>({ next: null, busy: true });
  const [turn, setTurn] = useState(0);
  const abort = useRef<AbortController | null>(null);
  const run = (cursor: string | null, before: T[]) => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    setState((s) => ({ ...s, busy: true }));
    load(cursor, own.signal).then(
      (page) => !own.signal.aborted && setState({ items: [...before, ...page.items], total: page.total, next: page.next ?? null, busy: false }),
      (error: Error) => !own.signal.aborted && setState((s) => ({ ...(cursor ? s : { next: null }), error, busy: false })),
    );
  };
  useEffect(() => {
    run(null, []);
    return () => abort.current?.abort();
  }, [...deps, turn]);
  return {
    items: state.items,
    total: state.total,
    next: state.next,
    busy: state.busy,
    error: state.error,
    more: () => run(state.next, state.items ?? []),
    reload: () => setTurn((n) => n + 1),
  };
}
