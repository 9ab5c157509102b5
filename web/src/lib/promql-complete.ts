// What may stand at the caret of a query, and how well a candidate fits what is typed there. Pure: the lists themselves come from
// Sources (api/completion.ts asks the server for them).
import { aggregates, listWords, setWords, tokenize, type Token, type TokenKind } from './promql-tokens';

/** from…to is replaced when a candidate is taken; prefix is what is typed of it. */
interface Span {
  from: number;
  to: number;
  prefix: string;
}
export type Place = Span &
  (
    | { kind: 'operand'; after: '' | 'operator' | 'comparison' | 'matching' }
    | { kind: 'operator'; aggregate: boolean }
    | { kind: 'label'; selectors: string[]; list: boolean; followed: boolean }
    | { kind: 'value'; label: string; operator: string; selector: string; quote: string; closed: boolean }
    | { kind: 'duration' }
  );

export type OptionKind = 'metric' | 'function' | 'aggregate' | 'keyword' | 'label' | 'value' | 'duration';

export interface Option {
  kind: OptionKind;
  /** What is shown and looked through. */
  text: string;
  insert: string;
  /** Characters that the caret goes back after it is put in. */
  back: number;
  /** The next thing is asked for at once. */
  again?: boolean;
  detail?: string;
  help?: string;
}

export interface Sources {
  metrics(): Promise<{ name: string; type: string; help: string }[]>;
  functions(): Promise<{ name: string; args: string[]; help: string }[]>;
  labels(selectors: string[]): Promise<string[]>;
  values(label: string, selector: string, prefix: string): Promise<string[]>;
  /** A word of help for an aggregation or a keyword. */
  word(name: string): string;
}

const words = new Set<TokenKind>(['metric', 'function', 'aggregate', 'keyword', 'label', 'number']);
const matchOperators = ['=', '!=', '=~', '!~'];
const comparisons = ['==', '!=', '<', '>', '<=', '>='];

/** The tokens before the one being typed, without spaces, and the brackets that are open there. */
class Before {
  readonly tokens: Token[];
  readonly open: number[] = []; // indexes in tokens
  constructor(
    readonly text: string,
    all: readonly Token[],
    end: number,
  ) {
    this.tokens = all.filter((t) => t.to <= end && t.kind !== 'space' && t.kind !== 'comment');
    this.tokens.forEach((t, i) => {
      if (t.kind !== 'bracket') return;
      if ('([{'.includes(this.word(i))) this.open.push(i);
      else this.open.pop();
    });
  }
  word(i: number): string {
    const token = this.tokens[i < 0 ? this.tokens.length + i : i];
    return token ? this.text.slice(token.from, token.to) : '';
  }
  kind(i: number): TokenKind | undefined {
    return this.tokens[i < 0 ? this.tokens.length + i : i]?.kind;
  }
  /** Index of the bracket that the last one closes. */
  opener(): number {
    let depth = 0;
    for (let i = this.tokens.length - 1; i >= 0; i--) {
      if (this.kind(i) !== 'bracket') continue;
      depth += '([{'.includes(this.word(i)) ? -1 : 1;
      if (depth === 0) return i;
    }
    return -1;
  }
}

/** metric{a="b"} of what stands before the brace at `open`, and of the matchers within that are whole and not at the caret. */
function selectorOf(text: string, all: readonly Token[], open: Token, caret: number): string {
  const tokens = all.filter((t) => t.kind !== 'space' && t.kind !== 'comment');
  const at = tokens.indexOf(open);
  const metric = tokens[at - 1]?.kind === 'metric' ? text.slice(tokens[at - 1]?.from, tokens[at - 1]?.to) : '';
  const matchers: string[] = [];
  for (let i = at + 1; i < tokens.length && text[(tokens[i] as Token).from] !== '}'; i++) {
    const [name, operator, value] = [tokens[i], tokens[i + 1], tokens[i + 2]];
    if (name?.kind !== 'label' || operator?.kind !== 'operator' || value?.kind !== 'string' || value.open) continue;
    if (caret < name.from || caret > value.to) matchers.push(text.slice(name.from, value.to));
    i += 2;
  }
  if (matchers.length === 0) return metric;
  return `${metric}{${matchers.join(',')}}`;
}

function metricsOf(text: string, all: readonly Token[]): string[] {
  return [...new Set(all.filter((t) => t.kind === 'metric').map((t) => text.slice(t.from, t.to)))].slice(0, 4);
}

/** Behind the last bar: each branch of an alternation is a value. */
function valueSpan(text: string, from: number, caret: number, end: number, regex: boolean): Span {
  const bar = regex ? text.slice(from, caret).lastIndexOf('|') + 1 : 0;
  return { from: from + bar, to: end, prefix: text.slice(from + bar, caret) };
}

function inString(b: Before, all: readonly Token[], string: Token, caret: number): Place | null {
  const operator = b.word(-1);
  const brace = b.tokens[b.open[b.open.length - 1] ?? -1];
  if (!brace || b.text[brace.from] !== '{' || !matchOperators.includes(operator) || b.kind(-2) !== 'label') return null;
  const quote = b.text[string.from] as string;
  // An open string reaches to the end of its line: only what is before the caret is its own.
  const end = string.open ? caret : string.to - 1;
  const span = valueSpan(b.text, string.from + 1, caret, end, operator.includes('~'));
  return { kind: 'value', ...span, label: b.word(-2), operator, selector: selectorOf(b.text, all, brace, caret), quote, closed: !string.open };
}

function inBraces(b: Before, all: readonly Token[], span: Span, brace: Token): Place | null {
  const last = b.word(-1);
  const selector = selectorOf(b.text, all, brace, span.from);
  if (matchOperators.includes(last) && span.prefix === '' && b.kind(-2) === 'label') {
    return { kind: 'value', ...span, label: b.word(-2), operator: last, selector, quote: '', closed: false };
  }
  const followed = /^\s*[=!]/.test(b.text.slice(span.to));
  return last === '{' || last === ',' ? { kind: 'label', ...span, selectors: selector ? [selector] : [], list: false, followed } : null;
}

function afterOperand(b: Before, span: Span): Place {
  const last = b.word(-1);
  if (last !== ')') return { kind: 'operator', ...span, aggregate: aggregates.includes(last.toLowerCase()) };
  const open = b.opener();
  const before = b.word(open - 1).toLowerCase();
  if (open < 1 || !listWords.includes(before)) return { kind: 'operator', ...span, aggregate: open > 0 && b.kind(open - 1) === 'aggregate' };
  // by (…) of an aggregation without its brackets yet, or on (…) and then the other operand.
  return { kind: 'operand', ...span, after: before === 'on' || before === 'ignoring' ? 'matching' : '' };
}

function inExpression(b: Before, span: Span): Place | null {
  const last = b.word(-1);
  const kind = b.kind(-1);
  if (last.toLowerCase() === 'offset') return { kind: 'duration', ...span };
  if (/^\d/.test(span.prefix)) return null;
  if (kind === undefined || last === '(' || last === ',' || kind === 'keyword') return { kind: 'operand', ...span, after: setWords.includes(last.toLowerCase()) ? 'operator' : '' };
  if (kind === 'operator') return { kind: 'operand', ...span, after: comparisons.includes(last) ? 'comparison' : 'operator' };
  return kind === 'bad' ? null : afterOperand(b, span);
}

/** null: nothing can be offered there. */
export function placeAt(text: string, caret: number): Place | null {
  const all = tokenize(text);
  const own = all.find((t) => t.from < caret && caret <= t.to);
  if (own?.kind === 'comment') return null;
  if (own?.kind === 'string' && (own.open || caret < own.to)) return inString(new Before(text, all, own.from), all, own, caret);
  const typed = own && words.has(own.kind) ? own : null;
  const span = typed ? { from: typed.from, to: typed.to, prefix: text.slice(typed.from, caret) } : { from: caret, to: caret, prefix: '' };
  const b = new Before(text, all, span.from);
  const open = b.open[b.open.length - 1];
  const bracket = open === undefined ? '' : b.word(open);
  if (open !== undefined && bracket === '{') return inBraces(b, all, span, b.tokens[open] as Token);
  if (bracket === '[') return ['[', ':'].includes(b.word(-1)) ? { kind: 'duration', ...span } : null;
  if (open !== undefined && bracket === '(' && listWords.includes(b.word(open - 1).toLowerCase())) {
    return ['(', ','].includes(b.word(-1)) ? { kind: 'label', ...span, selectors: metricsOf(text, all), list: true, followed: true } : null;
  }
  return inExpression(b, span);
}

/* --- what is offered --- */

function listOption(name: string, sources: Sources): Option {
  const list = listWords.includes(name);
  return { kind: 'keyword', text: name, insert: list ? `${name} ()` : `${name} `, back: list ? 1 : 0, again: list, help: sources.word(name) };
}

function callOption(kind: OptionKind, name: string, more: Partial<Option>): Option {
  return { kind, text: name, insert: `${name}()`, back: 1, ...more };
}

async function operands(place: Place & { kind: 'operand' }, sources: Sources): Promise<Option[]> {
  const [metrics, functions] = await Promise.all([sources.metrics(), sources.functions()]);
  const extra = { '': [], operator: ['on', 'ignoring'], comparison: ['bool', 'on', 'ignoring'], matching: ['group_left', 'group_right'] }[place.after];
  return [
    ...metrics.map((m): Option => ({ kind: 'metric', text: m.name, insert: m.name, back: 0, detail: m.type, help: m.help })),
    ...aggregates.flatMap((a) => [
      callOption('aggregate', a, { help: sources.word(a) }),
      callOption('aggregate', `${a} by`, { insert: `${a} by ()`, again: true, help: sources.word('by') }),
    ]),
    ...functions.map((f) => callOption('function', f.name, { detail: `(${f.args.join(', ')})`, help: f.help })),
    ...extra.map((w) => listOption(w, sources)),
  ];
}

function operators(place: Place & { kind: 'operator' }, sources: Sources): Option[] {
  const names = [...(place.aggregate ? ['by', 'without'] : []), ...setWords, 'offset'];
  return names.map((name) => listOption(name, sources));
}

function labels(place: Place & { kind: 'label' }, names: string[]): Option[] {
  const rest = place.followed ? '' : '=""';
  return names
    .filter((name) => name !== '__name__' || !place.list)
    .map((text) => ({ kind: 'label', text, insert: text + rest, back: rest ? 1 : 0, again: rest !== '' }));
}

/** As the text of a string in these quotes; within a regular expression it means itself. */
export function quoted(value: string, quote: string, regex: boolean): string {
  const plain = regex ? value.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&') : value;
  if (quote === '`') return plain;
  return plain.replace(/[\\"']/g, (c) => (c === '\\' || c === quote ? `\\${c}` : c)).replace(/\n/g, '\\n');
}

function values(place: Place & { kind: 'value' }, found: string[]): Option[] {
  const quote = place.quote || '"';
  return found
    .filter((v) => v !== '')
    .map((text) => {
      const body = quoted(text, quote, place.operator.includes('~'));
      const insert = place.quote ? body + (place.closed ? '' : quote) : quote + body + quote;
      return { kind: 'value', text, insert, back: place.closed && place.quote ? -1 : 0 };
    });
}

const spans = ['1m', '5m', '15m', '1h', '6h', '1d', '7d', '30d'];
const units = ['m', 'h', 'd', 's', 'w', 'y', 'ms'];

function durations(prefix: string): Option[] {
  const number = /^\d+$/.test(prefix) ? prefix : null;
  const all = number ? units.map((u) => number + u) : spans;
  return all.map((text) => ({ kind: 'duration', text, insert: text, back: 0 }));
}

export async function optionsAt(place: Place, sources: Sources): Promise<Option[]> {
  switch (place.kind) {
    case 'operand':
      return operands(place, sources);
    case 'operator':
      return operators(place, sources);
    case 'label':
      return labels(place, await sources.labels(place.selectors));
    case 'value':
      return values(place, await sources.values(place.label, place.selector, place.prefix));
    case 'duration':
      return durations(place.prefix);
  }
}

/* --- which fit --- */

export interface Ranked {
  option: Option;
  /** Places in its text that are typed. */
  marks: number[];
}

function sequence(text: string, typed: string): number[] | null {
  const marks: number[] = [];
  for (const c of typed) {
    const at = text.indexOf(c, (marks[marks.length - 1] ?? -1) + 1);
    if (at < 0) return null;
    marks.push(at);
  }
  return marks;
}

/** 0 begins with it, 1 a word in it does, 2 has it somewhere, 3 has its letters in this order; one letter is somewhere in most. */
function fit(text: string, typed: string): { score: number; marks: number[] } | null {
  const lower = text.toLowerCase();
  const at = new RegExp(`(?:^|[_:.\\s-])${typed.replace(/[^\w]/g, '\\$&')}`).exec(lower);
  const from = at ? at.index + at[0].length - typed.length : typed.length > 1 ? lower.indexOf(typed) : -1;
  if (from >= 0) return { score: from === 0 ? 0 : at ? 1 : 2, marks: [...typed].map((_, i) => from + i) };
  const marks = typed.length > 1 ? sequence(lower, typed) : null;
  return marks && { score: 3, marks };
}

/** The best first; those that fit alike by length of what is left to type, then by name. */
export function rank(options: readonly Option[], prefix: string, max: number): Ranked[] {
  const typed = prefix.toLowerCase();
  const found: (Ranked & { score: number })[] = [];
  for (const option of options) {
    const how = typed === '' ? { score: 0, marks: [] } : fit(option.text, typed);
    if (how) found.push({ option, ...how });
  }
  // Spans of time are in the order of their use.
  if (typed !== '' && options[0]?.kind !== 'duration') found.sort((a, b) => a.score - b.score || a.option.text.length - b.option.text.length || (a.option.text < b.option.text ? -1 : 1));
  return found.slice(0, max);
}
