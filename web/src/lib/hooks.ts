// Small hooks that several views use.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

/** Renders again every `ms`, for "5 min ago". Hidden pages do not tick. */
export function useClock(ms = 10_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

export interface Loaded<T> {
  data: T | undefined;
  error: Error | undefined;
  busy: boolean;
  reload: () => void;
}

/** Loads when `deps` change; an answer that was overtaken by a newer question is dropped. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, deps: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: Error; busy: boolean }>({ busy: true });
  const [turn, setTurn] = useState(0);
  const shown = useRef<unknown[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    const same = deps.every((d, i) => d === shown.current[i]);
    shown.current = deps;
    setState((s) => (same && s.data !== undefined ? { ...s, busy: true } : { busy: true }));
    load(abort.signal).then(
      (data) => !abort.signal.aborted && setState({ data, busy: false }),
      (error: Error) => !abort.signal.aborted && setState({ error, busy: false }),
    );
    return () => abort.abort();
  }, [...deps, turn]);
  return {
    data: state.data,
    error: state.error,
    busy: state.busy,
    reload: () => setTurn((n) => n + 1),
  };
}

/** A phone's width: what is a row elsewhere is a small card there. */
export function useNarrow(): boolean {
  const query = useMemo(() => matchMedia('(max-width: 719px)'), []);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const update = () => setNarrow(query.matches);
    query.addEventListener('change', update);
    return () => query.removeEventListener('change', update);
  }, []);
  return narrow;
}

/** Calls `work` every `ms` while the page is looked at, and when it is looked at again. */
export function usePoll(work: () => void, ms: number): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const turn = () => {
      if (!document.hidden) latest.current();
    };
    const timer = setInterval(turn, ms);
    document.addEventListener('visibilitychange', turn);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', turn);
    };
  }, [ms]);
}
