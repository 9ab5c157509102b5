// A long list of which only the part in the window exists. The page itself scrolls, so that phones
// and keyboards behave as people expect. The plan says where rows stand; nothing is measured.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { visibleSpan, type Plan, type Span } from '../lib/virtual';

interface Props {
  plan: Plan;
  keyOf: (index: number) => string;
  draw: (index: number) => ComponentChildren;
  label: string;
  /** Other rows came into the window. */
  onSpan?: (span: Span) => void;
  /** … and scrolling has come to rest. */
  onRest?: () => void;
}

const margin = 300;

export function VirtualList(props: Props) {
  const { plan, keyOf, draw } = props;
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const [span, setSpan] = useState<Span>(() => visibleSpan(plan, 0, innerHeight, margin));

  useEffect(() => {
    let frame = 0;
    let rest: ReturnType<typeof setTimeout> | undefined;
    const measure = () => {
      frame = 0;
      const top = -(box.current?.getBoundingClientRect().top ?? 0);
      const next = visibleSpan(plan, top, innerHeight, margin);
      setSpan((old) => (old.first === next.first && old.last === next.last ? old : next));
      latest.current.onSpan?.(next);
      clearTimeout(rest);
      rest = setTimeout(() => latest.current.onRest?.(), 80);
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
  }, [plan]);

  const last = Math.min(span.last, plan.count);
  const first = Math.min(span.first, last);
  const rows: ComponentChildren[] = [];
  for (let index = first; index < last; index++) {
    rows.push(
      <div
        class="vrow"
        role="listitem"
        aria-setsize={plan.count}
        aria-posinset={index + 1}
        key={keyOf(index)}
        style={{ transform: `translateY(${plan.top(index)}px)`, height: `${plan.heightOf(index)}px` }}
      >
        {draw(index)}
      </div>,
    );
  }
  return (
    <div class="vlist" ref={box} role="list" aria-label={props.label} style={{ height: `${plan.height}px` }}>
      {rows}
    </div>
  );
}
