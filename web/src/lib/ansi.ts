// Programs colour what they print for terminals. This turns the common escape sequences into pieces with a class,
// and drops the rest, so that a log reads without "[0;32m". Pure.
export interface Piece {
  text: string;
  /** "ansi-1 ansi-bold", or "". */
  style: string;
}

// eslint-disable-next-line no-control-regex
const sequence = /\x1b(?:\[([0-9;?]*)([A-Za-z])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;
// eslint-disable-next-line no-control-regex
const control = /[\x00-\x08\x0b-\x1f\x7f]/g;

interface Pen {
  color: number; // -1: the text's own
  bold: boolean;
  dim: boolean;
}

function styleOf(pen: Pen): string {
  const out: string[] = [];
  if (pen.color >= 0) out.push(`ansi-${pen.color}`);
  if (pen.bold) out.push('ansi-bold');
  if (pen.dim) out.push('ansi-dim');
  return out.join(' ');
}

function apply(pen: Pen, code: number): void {
  if (code === 0) Object.assign(pen, { color: -1, bold: false, dim: false });
  else if (code === 1) pen.bold = true;
  else if (code === 2) pen.dim = true;
  else if (code === 22) Object.assign(pen, { bold: false, dim: false });
  else if (code === 39) pen.color = -1;
  else if (code >= 30 && code <= 37) pen.color = code - 30;
  else if (code >= 90 && code <= 97) pen.color = code - 90;
}

/** 38;5;N and 38;2;R;G;B name colours beyond the eight; they and backgrounds are left out. */
function applyAll(pen: Pen, codes: number[]): void {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4;
    else apply(pen, code);
  }
}

export function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(sequence, '').replace(control, '') : text.replace(control, '');
}

export function piecesOf(text: string): Piece[] {
  if (!text.includes('\x1b')) return [{ text: text.replace(control, ''), style: '' }];
  const out: Piece[] = [];
  const pen: Pen = { color: -1, bold: false, dim: false };
  let from = 0;
  const add = (part: string) => {
    const clean = part.replace(control, '');
    if (clean) out.push({ text: clean, style: styleOf(pen) });
  };
  for (const found of text.matchAll(sequence)) {
    add(text.slice(from, found.index));
    if (found[2] === 'm') applyAll(pen, (found[1] || '0').split(';').map(Number));
    from = (found.index ?? 0) + found[0].length;
  }
  add(text.slice(from));
  return out.length ? out : [{ text: '', style: '' }];
}
