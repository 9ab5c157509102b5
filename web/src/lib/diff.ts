// What a change changed: two documents, compared leaf by leaf. Pure.
import type { Json } from '../api/types';
import { isObject } from './form-model';

export interface Change {
  path: string;
  before?: string;
  after?: string;
}

function leaves(value: Json | undefined, path: string, out: Map<string, string>): void {
  if (value === undefined || value === null) return;
  if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, path ? `${path}.${key}` : key, out);
  } else if (Array.isArray(value) && value.some(isObject)) {
    value.forEach((inner, i) => leaves(inner, `${path}[${i}]`, out));
  } else {
    const text = Array.isArray(value) ? value.map(String).join(', ') : String(value);
    if (text !== '') out.set(path, text);
  }
}

/** In the order of the fields, those that are new after the others. Empty and absent are the same. */
export function changes(before: Json | undefined, after: Json | undefined): Change[] {
  const old = new Map<string, string>();
  const now = new Map<string, string>();
  leaves(before, '', old);
  leaves(after, '', now);
  const out: Change[] = [];
  for (const path of new Set([...old.keys(), ...now.keys()])) {
    const a = old.get(path);
    const b = now.get(path);
    if (a === b) continue;
    out.push({ path, ...(a !== undefined && { before: a }), ...(b !== undefined && { after: b }) });
  }
  return out;
}
