// The editor's list of candidates: when it opens, what its keys do, how it looks. What is in it is lib/promql-complete.ts's word.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { liveSources } from '../api/completion';
import { t, type Key } from '../i18n';
import { optionsAt, placeAt, rank, type Option, type Place, type Ranked } from '../lib/promql-complete';
import { applyEdit } from '../lib/promql-edit';

const shownMax = 60;
const pageStep = 8;

export interface Completion {
  found: Ranked[];
  at: number;
  /** Where in the text the list begins. */
  from: number;
  /** Whether the key was the list's. */
  key: (event: KeyboardEvent) => boolean;
  onInput: (event: InputEvent) => void;
  take: (option: Option) => void;
  point: (at: number) => void;
  close: () => void;
}

interface State {
  found: Ranked[];
  at: number;
  from: number;
}
const closed: State = { found: [], at: 0, from: 0 };

/** Whether what was just typed asks for a list by itself. */
function opens(place: Place, event: InputEvent): boolean {
  if (event.inputType === 'deleteContentBackward') return false;
  if (place.kind === 'operand' || place.kind === 'operator') return place.prefix !== '';
  return place.kind !== 'value' || place.quote !== '';
}

/** Nothing is left to be put in: Enter means the query then. */
function complete(found: Ranked, prefix: string): boolean {
  return found.option.insert === prefix;
}

const moves: Record<string, (at: number, count: number) => number> = {
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at - 1 + count) % count,
  PageDown: (at, count) => Math.min(at + pageStep, count - 1),
  PageUp: (at) => Math.max(at - pageStep, 0),
};

export function useCompletion(area: { current: HTMLTextAreaElement | null }): Completion {
  const [state, setState] = useState<State>(closed);
  const turn = useRef(0);
  const close = () => {
    turn.current++;
    setState(closed);
  };

  const ask = async (place: Place, byHand: boolean) => {
    const mine = ++turn.current;
    const found = rank(await optionsAt(place, liveSources), place.prefix, shownMax);
    if (mine !== turn.current) return;
    const whole = found.length === 1 && complete(found[0] as Ranked, place.prefix);
    setState(whole && !byHand ? closed : { found, at: 0, from: place.from });
  };
  const askHere = (byHand: boolean, event?: InputEvent) => {
    const a = area.current;
    const place = a && a.selectionStart === a.selectionEnd ? placeAt(a.value, a.selectionStart) : null;
    if (place && (!event || state.found.length > 0 || opens(place, event))) void ask(place, byHand);
    else close();
  };
  const take = (option: Option) => {
    const a = area.current;
    const place = a && placeAt(a.value, a.selectionStart);
    if (!a || !place) return;
    // What follows has its bracket already: rate|(x).
    const called = option.insert.endsWith('()') && a.value[place.to] === '(';
    const insert = called ? option.insert.slice(0, -2) : option.insert;
    const caret = place.from + insert.length - (called ? -1 : option.back);
    a.focus();
    applyEdit(a, { from: place.from, to: place.to, insert, start: caret, end: caret });
    if (option.again) askHere(false);
    else close();
  };
  const onKey = (event: KeyboardEvent): boolean => {
    if (event.key === ' ' && event.ctrlKey) {
      askHere(true);
      return true;
    }
    const { found, at } = state;
    const move = moves[event.key];
    const active = found[at];
    if (!active || event.shiftKey || event.altKey) return false;
    if (move) setState({ ...state, at: move(at, found.length) });
    else if (event.key === 'Escape') close();
    else if (event.key === 'Tab') take(active.option);
    else if (event.key === 'Enter' && !complete(active, area.current?.value.slice(state.from, area.current.selectionStart) ?? '')) take(active.option);
    else {
      if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') close();
      return false;
    }
    return true;
  };
  return {
    ...state,
    key: onKey,
    onInput: (event) => (event.isComposing ? close() : askHere(false, event)),
    take,
    point: (at) => setState({ ...state, at }),
    close,
  };
}

function Marked({ text, marks }: { text: string; marks: number[] }) {
  return <>{[...text].map((c, i) => (marks.includes(i) ? <b key={i}>{c}</b> : c))}</>;
}

/** Below the character at `from`, and inside of the editor's width. */
function placeList(list: HTMLElement, from: number): void {
  const text = list.parentElement?.querySelector('.promql-colours');
  if (!text || !list.parentElement) return;
  const box = list.parentElement.getBoundingClientRect();
  const at = characterAt(text, from);
  list.style.left = `${Math.max(0, Math.min(at.left - box.left, box.width - list.offsetWidth))}px`;
  list.style.top = `${at.bottom - box.top + 4}px`;
}

function characterAt(text: Element, from: number): DOMRect {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  let left = from;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.textContent?.length ?? 0;
    range.setStart(node, Math.min(left, length));
    range.setEnd(node, Math.min(left + 1, length));
    if (left < length) break;
    left -= length;
  }
  return range.getBoundingClientRect();
}

export function CompletionList({ id, completion }: { id: string; completion: Completion }) {
  const { found, at, from } = completion;
  const box = useRef<HTMLDivElement>(null);
  const active = found[at]?.option;
  useLayoutEffect(() => {
    if (box.current && found.length > 0) placeList(box.current, from);
  }, [found, from]);
  useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [found, at]);
  return (
    <>
      <p class="sr-only" role="status">
        {found.length > 0 ? t('explore.candidates', { n: found.length }) : ''}
      </p>
      <div ref={box} class="promql-list" hidden={found.length === 0}>
        <ul id={id} role="listbox" aria-label={t('explore.candidates.label')}>
          {found.map(({ option, marks }, i) => (
            <li
              key={`${option.kind} ${option.text}`}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              onPointerDown={(e) => e.preventDefault()}
              onPointerEnter={(e) => e.pointerType === 'mouse' && e.movementX + e.movementY !== 0 && completion.point(i)}
              onClick={() => completion.take(option)}
            >
              <span class={`q-dot q-${option.kind}`} aria-hidden="true" />
              <span class="promql-word">
                <Marked text={option.text} marks={marks} />
              </span>
              <span class="promql-detail">{option.detail || t(`explore.kind.${option.kind}` as Key)}</span>
            </li>
          ))}
        </ul>
        {active?.help && <p class="promql-help">{active.help}</p>}
      </div>
    </>
  );
}
