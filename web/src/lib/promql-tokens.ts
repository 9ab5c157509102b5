// PromQL cut into tokens, for colours, brackets and completion. It never fails: what the language does not know is "bad", and what
// is not closed yet ends with the text. What a name is follows from where it stands: { } hold labels, so do the brackets after by.
// The server's parser has the last word (src/promql/lex.c). Pure.

export type TokenKind = 'space' | 'comment' | 'string' | 'number' | 'metric' | 'function' | 'aggregate' | 'keyword' | 'label' | 'operator' | 'bracket' | 'bad';

export interface Token {
  kind: TokenKind;
  from: number;
  to: number;
  /** Of a string or bracket: nothing closes it. */
  open?: boolean;
}

export const aggregates = ['sum', 'avg', 'count', 'min', 'max', 'topk', 'bottomk', 'quantile', 'stddev', 'stdvar', 'group', 'count_values', 'limitk', 'limit_ratio'];
/** What a list of labels in ( ) follows. */
export const listWords = ['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'];
export const setWords = ['and', 'or', 'unless', 'atan2'];
const otherWords = ['offset', 'bool', 'anchored', 'smoothed', 'fill', 'fill_left', 'fill_right'];
const keywords = new Set([...listWords, ...setWords, ...otherWords]);

type Rule = [RegExp, TokenKind];
const unit = '(?:ms|[smhdwy])';
const rules: Rule[] = [
  [/\s+/y, 'space'],
  [/#[^\n]*/y, 'comment'],
  [/"(?:[^"\\\n]|\\[^\n])*"?|'(?:[^'\\\n]|\\[^\n])*'?|`[^`]*`?/y, 'string'],
  [new RegExp(`(?:\\d+${unit})+(?!\\w)|0x[\\da-f_]+|(?:\\d[\\d_]*(?:\\.[\\d_]*)?|\\.\\d[\\d_]*)(?:e[+-]?\\d+)?(?!\\w)|(?:inf|nan)(?![\\w:])`, 'iy'), 'number'],
  [/=~|!~|[=!<>]=|<\/|>\/|[-+*/%^<>=@,]/y, 'operator'],
  [/[()[\]{}]/y, 'bracket'],
];
const name = /[a-z_:][\w:]*/iy;
const label = /[a-z_]\w*/iy;
const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** An open bracket: where, which, and whether names in it are labels. */
interface Frame {
  token: Token;
  bracket: string;
  labels: boolean;
}

function matchAt(rule: RegExp, text: string, at: number): number {
  rule.lastIndex = at;
  return rule.exec(text)?.[0].length ?? 0;
}

/** by, sum and rate are metrics, too, where nothing that belongs to them follows. */
function nameKind(text: string, from: number, to: number): TokenKind {
  const word = text.slice(from, to).toLowerCase();
  const next = /^\s*(\(|(?:by|without)\b)?/i.exec(text.slice(to))?.[1];
  if (keywords.has(word)) return 'keyword';
  if (aggregates.includes(word) && next) return 'aggregate';
  return next === '(' ? 'function' : 'metric';
}

function closed(text: string, token: Token): boolean {
  const quote = text[token.from] as string;
  const body = text.slice(token.from + 1, token.to);
  return body.endsWith(quote) && (quote === '`' || /(?:^|[^\\])(?:\\\\)*$/.test(body.slice(0, -1)));
}

class Cutter {
  readonly tokens: Token[] = [];
  private readonly frames: Frame[] = [];
  private word = ''; // the last one that is no space

  constructor(private readonly text: string) {}

  private add(kind: TokenKind, length: number): Token {
    const from = this.tokens[this.tokens.length - 1]?.to ?? 0;
    const token: Token = { kind, from, to: from + length };
    this.tokens.push(token);
    if (kind !== 'space' && kind !== 'comment') this.word = this.text.slice(from, token.to).toLowerCase();
    return token;
  }

  private bracket(token: Token, before: string): void {
    const c = this.text[token.from] as string;
    if (!(c in pairs)) {
      token.open = true;
      this.frames.push({ token, bracket: c, labels: c === '{' || (c === '(' && listWords.includes(before)) });
      return;
    }
    const top = this.frames[this.frames.length - 1];
    if (!top || top.bracket !== pairs[c]) {
      token.kind = 'bad';
      return;
    }
    delete top.token.open;
    this.frames.pop();
  }

  private one(at: number): void {
    const top = this.frames[this.frames.length - 1];
    if (top?.bracket === '[' && this.text[at] === ':') return void this.add('operator', 1); // of a subquery
    for (const [rule, kind] of rules) {
      const length = top?.labels && kind === 'number' ? 0 : matchAt(rule, this.text, at);
      if (length === 0) continue;
      const before = this.word;
      const token = this.add(kind, length);
      if (kind === 'bracket') this.bracket(token, before);
      if (kind === 'string' && !closed(this.text, token)) token.open = true;
      return;
    }
    const length = matchAt(top?.labels ? label : name, this.text, at);
    if (length > 0) this.add(top?.labels ? 'label' : nameKind(this.text, at, at + length), length);
    else this.add('bad', String.fromCodePoint(this.text.codePointAt(at) as number).length);
  }

  run(): Token[] {
    let at = 0;
    while (at < this.text.length) {
      this.one(at);
      at = (this.tokens[this.tokens.length - 1] as Token).to;
    }
    return this.tokens;
  }
}

/** Without gaps, from the first character to the last. */
export function tokenize(text: string): Token[] {
  return new Cutter(text).run();
}

/** Indexes of the bracket beside the caret and of the one that belongs to it. */
export function bracketPair(text: string, tokens: readonly Token[], caret: number): [number, number] | null {
  const open: number[] = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'bracket') continue;
    if (!((text[token.from] as string) in pairs)) {
      open.push(i);
      continue;
    }
    const from = open.pop();
    const beside = [token, tokens[from ?? -1]].some((t) => t && (t.from === caret || t.to === caret));
    if (from !== undefined && beside) return [from, i];
  }
  return null;
}

/** Offset of "line 2, column 5"; columns count characters, as the server does. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
  const own = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('');
  return Math.min(text.length, before + own.length);
}
