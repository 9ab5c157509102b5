// The heartbeat bar: the last checks, newest at the right. Good ones are short, warned ones longer, failed
// ones full height, so that the bar reads without colour. One path per kind keeps 40 bars cheap;
// one shared tip follows the pointer.
import { t } from '../i18n';
import { latency, when } from '../lib/format';
import { Observable, useStores } from '../store/observable';
import type { Beat } from '../store/targets';
import { Said } from './basics';
import { Mark } from './icons';

const pitch = 6;
const bar = 4;
const height = 20;

interface TipState {
  x: number;
  y: number;
  beat: Beat;
}

class TipStore extends Observable {
  tip: TipState | null = null;
  show(tip: TipState | null): void {
    if (tip === null && this.tip === null) return;
    this.tip = tip;
    this.announce();
  }
}

const tips = new TipStore(0);

function rect(i: number, h: number): string {
  const y = (height - h) / 2;
  return `M${i * pitch + 1} ${y}h${bar}v${h}h-${bar}z`;
}

function beatAt(event: MouseEvent, beats: readonly (Beat | null)[], slots: number): TipState | null {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  const slot = Math.floor(((event.clientX - box.left) / box.width) * slots);
  const beat = beats[slot - (slots - beats.length)];
  if (!beat) return null;
  const x = box.left + ((slot + 0.5) / slots) * box.width;
  return { x, y: box.top, beat };
}

/** null: nothing was heard then. */
export function Beats({ beats, slots = 30 }: { beats: (Beat | null)[] | undefined; slots?: number }) {
  const shown = beats ? beats.slice(-slots) : [];
  const empty = slots - shown.length;
  let none = '';
  let good = '';
  let warned = '';
  let bad = '';
  for (let i = 0; i < empty; i++) none += rect(i, 4);
  shown.forEach((beat, i) => {
    const at = empty + i;
    if (!beat) none += rect(at, 4);
    else if (!beat.ok) bad += rect(at, height);
    else if (beat.warned) warned += rect(at, 16);
    else good += rect(at, 11);
  });
  const heard = shown.filter((b) => b !== null);
  const failed = heard.filter((b) => !b.ok).length;
  const label = heard.length ? t('beats.label', { n: heard.length, failed }) : t('beats.none');
  return (
    <svg
      class="beats"
      viewBox={`0 0 ${slots * pitch} ${height}`}
      role="img"
      aria-label={label}
      preserveAspectRatio="none"
      onMouseMove={(event) => tips.show(beatAt(event, shown, slots))}
      onMouseLeave={() => tips.show(null)}
    >
      <path class="beat-none" d={none} />
      <path class="beat-good" d={good} />
      <path class="beat-warned" d={warned} />
      <path class="beat-bad" d={bad} />
    </svg>
  );
}

export function hideTip(): void {
  tips.show(null);
}

export function BeatTip() {
  useStores(tips);
  const tip = tips.tip;
  if (!tip) return null;
  const { beat } = tip;
  const state = !beat.ok ? 'down' : beat.warned ? 'degraded' : 'up';
  const word = !beat.ok ? t('beats.failed') : beat.warned ? t('beats.warned') : t('beats.ok');
  const half = 140;
  const x = Math.min(Math.max(tip.x, half + 8), innerWidth - half - 8);
  return (
    <div class="tip" style={{ left: `${x}px`, top: `${tip.y - 8}px` }} aria-hidden="true">
      <div class="tip-head">
        <Mark state={state} />
        <strong>{word}</strong>
        <span class="num">{latency(beat.latency)}</span>
      </div>
      <div class="tip-time num">{when(beat.at)}</div>
      {beat.message && <div class="tip-text"><Said text={beat.message} /></div>}
    </div>
  );
}
