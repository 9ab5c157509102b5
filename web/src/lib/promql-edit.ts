// What the editor does to brackets and quotes as they are typed: closes what is opened, steps over what is closed already, takes
// both of an empty pair away. Pure, but for applyEdit, which puts an edit into a textarea.
import { tokenize } from './promql-tokens';

export interface Edit {
  from: number;
  to: number;
  insert: string;
  /** Selection after it. */
  start: number;
  end: number;
}

const closers: Record<string, string> = { '(': ')', '[': ']', '{': '}', '"': '"', "'": "'", '`': '`' };

function insideString(text: string, at: number): boolean {
  return tokenize(text).some((t) => t.kind === 'string' && t.from < at && (t.open ? at <= t.to : at < t.to));
}

function anyOpen(text: string): boolean {
  return tokenize(text).some((t) => t.open);
}

function surround(text: string, from: number, to: number, open: string): Edit {
  const close = closers[open] as string;
  return { from, to, insert: open + text.slice(from, to) + close, start: from + 1, end: to + 1 };
}

/** A closing quote or bracket that stands there already, and whose pair is whole. */
function stepsOver(text: string, at: number, typed: string): boolean {
  if (text[at] !== typed || !Object.values(closers).includes(typed) || anyOpen(text)) return false;
  return !'"\'`'.includes(typed) || insideString(text, at);
}

/** null: as the browser does it. */
export function onType(text: string, from: number, to: number, typed: string): Edit | null {
  if (from === to && stepsOver(text, from, typed)) return { from, to: from, insert: '', start: from + 1, end: from + 1 };
  if (!(typed in closers)) return null;
  if (from !== to) return surround(text, from, to, typed);
  const next = text[from] ?? ' ';
  const quote = '"\'`'.includes(typed);
  if (insideString(text, from) || !/[\s)\]},]/.test(next) || (quote && /\w/.test(text[from - 1] ?? ''))) return null;
  return surround(text, from, from, typed);
}

export function onBackspace(text: string, at: number): Edit | null {
  const close = closers[text[at - 1] ?? ''];
  if (close === undefined || text[at] !== close) return null;
  return { from: at - 1, to: at + 1, insert: '', start: at - 1, end: at - 1 };
}

/** As a person would have typed it, so that undo takes it back. */
export function applyEdit(area: HTMLTextAreaElement, edit: Edit): void {
  if (edit.from !== edit.to || edit.insert !== '') {
    area.setSelectionRange(edit.from, edit.to);
    const done = edit.insert === '' ? document.execCommand('delete') : document.execCommand('insertText', false, edit.insert);
    if (!done) {
      area.setRangeText(edit.insert, edit.from, edit.to, 'end');
      area.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }
  area.setSelectionRange(edit.start, edit.end);
}
