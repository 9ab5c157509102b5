// The wall: a brick for each target, worst first, large enough to be read across the room. The bricks of a row are as wide as
// the window allows; rows are virtual, as the list's are.
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { latency, span as spanText } from '../lib/format';
import { stateOf } from '../lib/state';
import { evenPlan, type Plan, type Span } from '../lib/virtual';
import { href } from '../router';
import { targets } from '../store';
import { Button, targetWord } from './basics';
import { Mark } from './icons';
import { VirtualList } from './virtual-list';

export interface WallPlan {
  plan: Plan;
  columns: number;
}

const narrowest = 190;
const tall = 84;

export function wallPlan(total: number, width: number): WallPlan {
  const columns = Math.max(1, Math.floor(width / narrowest));
  return { columns, plan: evenPlan(width > 0 ? Math.ceil(total / columns) : 0, tall) };
}

function Brick({ id }: { id: number | undefined }) {
  const target = id === undefined ? undefined : targets.get(id);
  if (!target) return <div class="brick blank" aria-busy="true" />;
  const state = stateOf(target);
  const well = state === 'up' || state === 'paused';
  const since = target.since ? spanText(Date.now() - Date.parse(target.since)) : '';
  return (
    <a class={`brick is-${state}`} href={href(`/targets/${target.id}`)} title={`${target.name}\n${target.group} · ${target.last_message ?? ''}`}>
      <span class="brick-name">
        <Mark state={state} />
        <span>{target.name}</span>
      </span>
      <span class="brick-state num">
        {targetWord(target)}
        {!well && since && ` · ${since}`}
        {state === 'up' && ` · ${latency(target.last_latency_ms)}`}
      </span>
      <span class="brick-more">{well ? target.group : (target.last_message ?? target.group)}</span>
    </a>
  );
}

/** The overview alone, on the whole screen. */
export function WholeScreen() {
  if (!document.fullscreenEnabled) return null;
  const whole = () => void document.querySelector('.overview')?.requestFullscreen();
  return <Button kind="quiet" icon="expand" title={t('overview.wall.full')} onClick={whole} />;
}

export function Wall(props: { plan: WallPlan; onWidth: (width: number) => void; onSpan: (positions: Span) => void; onRest: () => void }) {
  const { plan, columns } = props.plan;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const sizes = new ResizeObserver(() => props.onWidth(element.clientWidth));
    sizes.observe(element);
    props.onWidth(element.clientWidth);
    return () => sizes.disconnect();
  }, []);
  const ids = (row: number) => Array.from({ length: columns }, (_, i) => row * columns + i).filter((p) => p < targets.list.total);
  return (
    <div class="wall" ref={box}>
      <VirtualList
        label={t('overview.list')}
        plan={plan}
        keyOf={(i) => String(i)}
        onSpan={({ first, last }) => props.onSpan({ first: first * columns, last: Math.min(targets.list.total, last * columns) })}
        onRest={props.onRest}
        draw={(row) => (
          <div class="bricks" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
            {ids(row).map((position) => (
              <Brick key={position} id={targets.list.idAt(position)} />
            ))}
          </div>
        )}
      />
    </div>
  );
}
