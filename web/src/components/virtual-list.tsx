// A long list of which only the part in the window exists. The page itself scrolls, so that phones
// and keyboards behave as people expect. Rows say their height by kind; nothing is measured.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { offsetsOf, visibleSpan, type Span } from '../lib/virtual';

interface Props<T> {
  rows: readonly T[];
  heightOf: (row: T) => number;
  keyOf: (row: T) => string;
  draw: (row: T, index: number) => ComponentChildren;
  label: string;
  /** The rows on the screen changed and scrolling has come to rest. */
  onRest?: () => void;
}

const margin = 300;

export function VirtualList<T>(props: Props<T>) {
  const { rows, heightOf, keyOf, draw } = props;
  const box = useRef<HTMLDivElement>(null);
  const offsets = useMemo(() => offsetsOf(rows.map(heightOf)), [rows, heightOf]);
  const [span, setSpan] = useState<Span>(() => visibleSpan(offsets, 0, innerHeight, margin));

  useEffect(() => {
    let frame = 0;
    let rest: ReturnType<typeof setTimeout> | undefined;
    const measure = () => {
      frame = 0;
      const top = -(box.current?.getBoundingClientRect().top ?? 0);
      const next = visibleSpan(offsets, top, innerHeight, margin);
      setSpan((old) => (old.first === next.first && old.last === next.last ? old : next));
      clearTimeout(rest);
      rest = setTimeout(() => props.onRest?.(), 80);
    };
    const soon = () => {
      if (!frame) frame = requestAnimationFrame(measure);
    };
    measure();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(rest);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [offsets]);

  const last = Math.min(span.last, rows.length);
  const first = Math.min(span.first, last);
  const total = offsets[rows.length] as number;
  return (
    <div class="vlist" ref={box} role="list" aria-label={props.label} style={{ height: `${total}px` }}>
      {rows.slice(first, last).map((row, i) => {
        const index = first + i;
        return (
          <div
            class="vrow"
            role="listitem"
            aria-setsize={rows.length}
            aria-posinset={index + 1}
            key={keyOf(row)}
            style={{ transform: `translateY(${offsets[index]}px)`, height: `${heightOf(row)}px` }}
          >
            {draw(row, index)}
          </div>
        );
      })}
    </div>
  );
}
