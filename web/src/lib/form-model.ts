// Between a configuration (JSON, typed by the option table) and what a form holds while someone
// types (text). Pure: the forms' fields draw it, the tests drive it without a browser.
import type { Json, JsonObject, Option } from '../api/types';
import type { Args, Key } from '../i18n';
import { parseDuration, parseSize } from './duration';

export const secretMask = '********';
/** The server asks for as much. */
export const leastPassword = 10;

export type FormValue = string | boolean | [string, string][] | FormObject | FormObject[];
export interface FormObject {
  [name: string]: FormValue;
}
export interface Complaint {
  key: Key;
  args?: Args;
}
export type Complaints = Map<string, Complaint>;

function defaultBool(option: Option): boolean {
  return option.default === true || option.default === 'true';
}

function text(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function valueToForm(option: Option, value: Json | undefined): FormValue {
  switch (option.type) {
    case 'bool':
      return value === undefined || value === null ? defaultBool(option) : value === true || value === 'true';
    case 'list':
      return Array.isArray(value) ? value.map(text).join('\n') : text(value);
    case 'ranges':
      return Array.isArray(value) ? value.map(text).join(', ') : text(value);
    case 'map':
      return value && typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value).map(([k, v]) => [k, text(v)] as [string, string])
        : [];
    case 'section':
      return toForm(option.options ?? [], isObject(value) ? value : {});
    case 'sections':
      return Array.isArray(value)
        ? value.filter(isObject).map((v) => toForm(option.options ?? [], v))
        : [];
    case 'any':
      return value === undefined || value === null ? '' : JSON.stringify(value, null, 2);
    default:
      return text(value);
  }
}

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export function toForm(options: readonly Option[], config: JsonObject): FormObject {
  const out: FormObject = {};
  for (const option of options) out[option.name] = valueToForm(option, config[option.name]);
  return out;
}

function numberOrText(value: string): Json {
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function listItems(value: string, separator: RegExp): string[] {
  return value.split(separator).map((v) => v.trim()).filter(Boolean);
}

/** undefined: not set, the server's default holds. */
function valueFromForm(option: Option, value: FormValue | undefined, had: boolean): Json | undefined {
  switch (option.type) {
    case 'bool':
      return value === defaultBool(option) && !had ? undefined : value === true;
    case 'map': {
      const pairs = (Array.isArray(value) ? (value as [string, string][]) : []).filter(([k]) => k.trim() !== '');
      return pairs.length ? Object.fromEntries(pairs.map(([k, v]) => [k.trim(), v])) : undefined;
    }
    case 'section': {
      const inner = fromForm(option.options ?? [], (value ?? {}) as FormObject, {});
      return Object.keys(inner).length ? inner : undefined;
    }
    case 'sections': {
      const items = (Array.isArray(value) ? (value as FormObject[]) : []).map((v) =>
        fromForm(option.options ?? [], v, {}),
      );
      return items.length ? items : undefined;
    }
    default:
      return leafFromForm(option, String(value ?? ''));
  }
}

function leafFromForm(option: Option, raw: string): Json | undefined {
  if (option.type === 'text' || option.type === 'secret' || option.secret) return raw === '' ? undefined : raw;
  const value = raw.trim();
  if (value === '') return undefined;
  switch (option.type) {
    case 'int':
    case 'float':
    case 'duration':
    case 'size':
      return numberOrText(value);
    case 'list':
      return listItems(value, /\n/);
    case 'ranges':
      return listItems(value, /[,\s]+/);
    case 'any':
      try {
        return JSON.parse(value) as Json;
      } catch {
        return value;
      }
    default:
      return value;
  }
}

/** The configuration that the form says. Keys of `before` that the table does not know are kept. */
export function fromForm(options: readonly Option[], form: FormObject, before: JsonObject): JsonObject {
  const known = new Set(options.map((o) => o.name));
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(before)) if (!known.has(key)) out[key] = value;
  for (const option of options) {
    const value = valueFromForm(option, form[option.name], option.name in before);
    if (value !== undefined) out[option.name] = value;
  }
  return out;
}

function bounds(option: Option, n: number, shown: (v: number) => string | number): Complaint | null {
  const { min, max } = option;
  if (!min && !max) return null;
  if (typeof min === 'number' && n < min) return { key: 'check.min', args: { v: shown(min) } };
  if (typeof max === 'number' && max !== 0 && n > max) return { key: 'check.max', args: { v: shown(max) } };
  return null;
}

function leafComplaint(option: Option, raw: string): Complaint | null {
  const value = raw.trim();
  if (value === '') return option.required && option.default == null ? { key: 'check.required' } : null;
  switch (option.type) {
    case 'int':
      if (!/^-?\d+$/.test(value)) return { key: 'check.int' };
      return bounds(option, Number(value), (v) => v);
    case 'float':
      if (!/^-?\d+(\.\d+)?(e-?\d+)?$/i.test(value)) return { key: 'check.number' };
      return bounds(option, Number(value), (v) => v);
    case 'duration': {
      const seconds = parseDuration(value);
      if (seconds === null) return { key: 'check.duration' };
      return bounds(option, seconds * 1000, (v) => `${v} ms`);
    }
    case 'size': {
      const size = parseSize(value);
      return size === null ? { key: 'check.size' } : bounds(option, size, (v) => v);
    }
    case 'ranges':
      return listItems(value, /[,\s]+/).every((r) => /^\d+(-\d+)?$/.test(r)) ? null : { key: 'check.ranges' };
    case 'any':
      try {
        JSON.parse(value);
        return null;
      } catch (error) {
        return { key: 'check.json', args: { why: (error as Error).message } };
      }
    default:
      return null;
  }
}

/** What the form can tell is wrong without the server, by field path ("config.expect.status"). */
export function validate(options: readonly Option[], form: FormObject, path: string): Complaints {
  const out: Complaints = new Map();
  for (const option of options) {
    const at = path ? `${path}.${option.name}` : option.name;
    const value = form[option.name];
    if (option.type === 'section') {
      for (const [k, v] of validate(option.options ?? [], (value ?? {}) as FormObject, at)) out.set(k, v);
    } else if (option.type === 'sections') {
      ((value ?? []) as FormObject[]).forEach((item, i) => {
        for (const [k, v] of validate(option.options ?? [], item, `${at}[${i}]`)) out.set(k, v);
      });
    } else if (option.type === 'map') {
      if (option.required && (value as [string, string][]).length === 0) out.set(at, { key: 'check.required' });
    } else if (option.type !== 'bool') {
      const complaint = leafComplaint(option, String(value ?? ''));
      if (complaint) out.set(at, complaint);
    }
  }
  return out;
}

export function isAdvanced(option: Option): boolean {
  return option.advanced === true || option.group === 'advanced';
}

/** Whether someone set it: such an option must not hide among the advanced ones. */
export function isSet(option: Option, value: FormValue | undefined): boolean {
  if (option.type === 'bool') return value !== defaultBool(option);
  if (option.type === 'section') {
    const inner = (value ?? {}) as FormObject;
    return (option.options ?? []).some((o) => isSet(o, inner[o.name]));
  }
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== '';
}
