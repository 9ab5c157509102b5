// PromQL in an editor: a textarea, so typing, undo, input methods and screen readers are the browser's own, with its text drawn in
// colours on top of it, completion from the live server, and the server's word on what does not parse. Positions of the two agree
// because the same class gives both their font, padding and wrapping. A textarea may be no combobox by role: it points at the list all
// the same, and the list says how long it is.
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { prometheus } from '../api/prometheus';
import { errorPlace } from '../lib/explore';
import { applyEdit, onBackspace, onType, type Edit } from '../lib/promql-edit';
import { bracketPair, offsetOf, tokenize, type Token } from '../lib/promql-tokens';
import { CompletionList, useCompletion, type Completion } from './promql-editor-list';

interface Props {
  /** What the page put in, as often as `revision` changes; what is typed comes out by onChange alone. Were the text to go both ways,
   * a key pressed while an older text is on its way back would be answered by it, for ever. */
  value: string;
  revision: number;
  label: string;
  placeholder: string;
  failed: boolean;
  autofocus?: boolean;
  onChange: (text: string) => void;
  onRun: () => void;
}

interface Mistake {
  at: number;
  message: string;
}

const lintAfterMs = 400;

/** The page's own text, undone as any other; the focus stays where it was. */
function replaceAll(area: HTMLTextAreaElement, text: string): void {
  const before = document.activeElement;
  area.focus({ preventScroll: true });
  applyEdit(area, { from: 0, to: area.value.length, insert: text, start: text.length, end: text.length });
  if (before instanceof HTMLElement && before !== area) before.focus({ preventScroll: true });
}

/** What the server says of a text that nobody has typed at for a moment. */
function useMistake(text: string): Mistake | null {
  const [mistake, setMistake] = useState<Mistake | null>(null);
  useEffect(() => {
    setMistake(null);
    if (text.trim() === '') return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      prometheus.parse(text, abort.signal).catch((error: Error) => {
        const place = error instanceof ApiError ? errorPlace(error.message) : null;
        if (place && !abort.signal.aborted) setMistake({ at: offsetOf(text, place.line, place.column), message: error.message });
      });
    }, lintAfterMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return mistake;
}

/** Where the caret is, without a selection; -1 while the editor has no focus. */
function useCaret(area: { current: HTMLTextAreaElement | null }): number {
  const [caret, setCaret] = useState(-1);
  useEffect(() => {
    const look = () => {
      const a = area.current;
      setCaret(a && document.activeElement === a && a.selectionStart === a.selectionEnd ? a.selectionStart : -1);
    };
    const names = ['selectionchange', 'focusin', 'focusout'];
    names.forEach((name) => document.addEventListener(name, look));
    return () => names.forEach((name) => document.removeEventListener(name, look));
  }, []);
  return caret;
}

/** The token that is wrong; at the end of the text there is none, and a blank stands for it. */
function wrongToken(tokens: readonly Token[], text: string, mistake: Mistake | null): number {
  if (!mistake) return -1;
  const at = tokens.findIndex((t) => t.from <= mistake.at && mistake.at < t.to);
  return at >= 0 && mistake.at < text.length ? at : tokens.length;
}

function Coloured({ text, caret, mistake }: { text: string; caret: number; mistake: Mistake | null }) {
  const tokens = useMemo(() => tokenize(text), [text]);
  const pair = caret < 0 ? null : bracketPair(text, tokens, caret);
  const wrong = wrongToken(tokens, text, mistake);
  return (
    <pre class="promql-text promql-colours" aria-hidden="true">
      {tokens.map((t, i) => (
        <span key={i} class={`q-${t.kind}${pair?.includes(i) ? ' q-pair' : ''}${i === wrong ? ' q-wrong' : ''}`}>
          {text.slice(t.from, t.to)}
        </span>
      ))}
      {wrong === tokens.length && <span class="q-wrong"> </span>}
      {'\u200b'}
    </pre>
  );
}

/** Brackets and quotes, while no input method composes. */
function onBeforeInput(event: InputEvent): void {
  const area = event.currentTarget as HTMLTextAreaElement;
  const { value, selectionStart: from, selectionEnd: to } = area;
  if (event.isComposing || !event.cancelable || area.dataset['editing']) return;
  let edit: Edit | null = null;
  if (event.inputType === 'insertText' && event.data?.length === 1) edit = onType(value, from, to, event.data);
  else if (event.inputType === 'deleteContentBackward' && from === to) edit = onBackspace(value, from);
  if (!edit) return;
  event.preventDefault();
  area.dataset['editing'] = '1'; // the edit's own event is no typing
  applyEdit(area, edit);
  delete area.dataset['editing'];
}

function onKey(event: KeyboardEvent, completion: Completion, onRun: () => void): void {
  if (event.isComposing) return;
  const enter = event.key === 'Enter' && !event.shiftKey;
  const atOnce = enter && (event.ctrlKey || event.metaKey);
  const listed = !atOnce && completion.key(event);
  const escape = event.key === 'Escape';
  if (!listed && !enter && !escape) return;
  if (!listed) completion.close(); // one that is on its way, too
  if (!listed && enter) onRun();
  event.preventDefault();
  event.stopPropagation(); // elsewhere Escape leaves the field
}

export default function PromqlEditor(props: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(props.value);
  const caret = useCaret(area);
  const mistake = useMistake(text);
  const completion = useCompletion(area);

  useEffect(() => {
    if (props.autofocus) area.current?.focus();
  }, []);
  useEffect(() => {
    if (area.current && area.current.value !== props.value) replaceAll(area.current, props.value);
    completion.close();
  }, [props.revision]);

  const onInput = (event: InputEvent) => {
    const next = (event.currentTarget as HTMLTextAreaElement).value;
    setText(next);
    props.onChange(next);
    completion.onInput(event);
  };
  const active = completion.found[completion.at];
  return (
    <div class={`promql${props.failed ? ' failed' : ''}`}>
      <textarea
        ref={area}
        class="promql-text"
        rows={1}
        defaultValue={props.value}
        aria-label={props.label}
        aria-invalid={props.failed || mistake !== null}
        aria-describedby={mistake ? `${id}-wrong` : undefined}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={`${id}-list`}
        aria-activedescendant={active ? `${id}-list-${completion.at}` : undefined}
        title={mistake?.message}
        placeholder={props.placeholder}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        onBeforeInput={onBeforeInput}
        onInput={onInput}
        onKeyDown={(e) => onKey(e, completion, props.onRun)}
        onBlur={completion.close}
        onPointerDown={completion.close}
      />
      <Coloured text={text} caret={caret} mistake={mistake} />
      {mistake && (
        <p class="sr-only" id={`${id}-wrong`}>
          {mistake.message}
        </p>
      )}
      <CompletionList id={`${id}-list`} completion={completion} />
    </div>
  );
}
