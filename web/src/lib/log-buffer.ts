// The lines of a log that the page holds: at most so many, the oldest go first. Each gets a number that stays, its
// width in columns for wrapping, and what was left out between two of them. Pure.
import type { LogLine } from '../api/process-types';
import { stripAnsi } from './ansi';

export interface HeldLine {
  key: number;
  line: LogLine;
  columns: number;
  /** A gap: lines that came faster than they could be shown. */
  gap?: boolean;
}

export interface LogBuffer {
  lines: readonly HeldLine[];
  next: number;
  /** Rows dropped from the front by the last change: who scrolls must move by them. */
  dropped: readonly HeldLine[];
}

// East Asian wide and fullwidth, and emoji: two columns.
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\ud83c-\ud83e][\udc00-\udfff]/g;

export function columnsOf(text: string): number {
  const shown = stripAnsi(text);
  let tabs = 0;
  if (shown.includes('\t')) tabs = shown.split('\t').length - 1;
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(shown)) return shown.length + tabs * 7;
  const surrogates = (shown.match(/[\ud800-\udbff][\udc00-\udfff]/g) ?? []).length;
  const doubles = (shown.match(wide) ?? []).length;
  return shown.length - surrogates + doubles + tabs * 7;
}

export const emptyLog: LogBuffer = { lines: [], next: 1, dropped: [] };

export function appendLog(buffer: LogBuffer, lines: readonly LogLine[], max: number, gap = false): LogBuffer {
  let next = buffer.next;
  const added: HeldLine[] = [];
  if (gap) added.push({ key: next++, line: { stream: 'stdout', text: '' }, columns: 0, gap: true });
  for (const line of lines) added.push({ key: next++, line, columns: columnsOf(line.text) });
  const all = [...buffer.lines, ...added];
  const over = Math.max(0, all.length - max);
  return { lines: over ? all.slice(over) : all, next, dropped: over ? all.slice(0, over) : [] };
}

/** How many rows of the screen a line takes when lines of `width` columns are wrapped; 0: they are not. */
export function rowsOf(line: HeldLine, width: number): number {
  return width > 0 ? Math.max(1, Math.ceil(line.columns / width)) : 1;
}
