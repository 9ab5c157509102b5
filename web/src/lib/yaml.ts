// JSON as the YAML that a person would write into belfry.yaml: blocks for maps, short lists in a line, quotes only
// where YAML would read something else. Pure.
import type { Json } from '../api/types';

const lineWidth = 76;
const plain = /^(?:[A-Za-z_/.]|--?\w)[\w ./@+=~^:-]*$/;
const special = /^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i;
const duration = /^(?:\d+(?:ms|[smhdwy]))+$/;
const number = /^[-+.]?[\d][\d_.eE:+-]*$|^0[xob]/;

function scalar(value: null | boolean | number | string): string {
  if (typeof value !== 'string') return String(value);
  const safe = plain.test(value) && !special.test(value) && !number.test(value) && !/: |:$| #| $/.test(value);
  return safe || duration.test(value) ? value : JSON.stringify(value);
}

function isLeaf(value: Json): value is null | boolean | number | string {
  return value === null || typeof value !== 'object';
}

/** In one line, or null if it is too long or too deep for that. */
function flow(value: Json, room: number): string | null {
  let text: string;
  if (isLeaf(value)) text = scalar(value);
  else if (Array.isArray(value)) text = value.every(isLeaf) ? `[${value.map(scalar).join(', ')}]` : '';
  else {
    const entries = Object.entries(value);
    text = entries.every(([, v]) => isLeaf(v)) ? `{${entries.map(([k, v]) => `${scalar(k)}: ${scalar(v as string)}`).join(', ')}}` : '';
  }
  return text !== '' && text.length <= room && !text.includes('\\n') ? text : null;
}

function block(value: Json, indent: number): string[] {
  const pad = ' '.repeat(indent);
  if (isLeaf(value)) return [`${pad}${scalar(value)}`];
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${pad}[]`];
    return value.flatMap((item) => {
      const [first = '', ...rest] = block(item, indent + 2);
      return [`${pad}- ${first.trimStart()}`, ...rest];
    });
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return [`${pad}{}`];
  return entries.flatMap(([key, item]) => member(key, item, indent));
}

function member(key: string, value: Json, indent: number): string[] {
  const head = `${' '.repeat(indent)}${scalar(key)}:`;
  if (typeof value === 'string' && value.includes('\n') && !/^\s|\n\n$/.test(value)) {
    const keep = value.endsWith('\n') ? '' : '-';
    const lines = value.replace(/\n$/, '').split('\n');
    return [`${head} |${keep}`, ...lines.map((l) => (l ? `${' '.repeat(indent + 2)}${l}` : ''))];
  }
  // A map in a line reads badly when it is long; a list does not.
  const inline = flow(value, lineWidth - head.length);
  if (isLeaf(value) || (inline !== null && (Array.isArray(value) || inline.length <= 48))) return [`${head} ${inline ?? scalar(value as string)}`];
  return [head, ...block(value, indent + 2)];
}

export function yamlOf(value: Json): string {
  return `${block(value, 0).join('\n')}\n`;
}
