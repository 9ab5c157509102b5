// Translation. Keys come from en.ts and more/en.ts; a missing or superfluous one in their Chinese twins does not compile.
// What stands in more/ arrives with the views that need it (more/index.ts).
import { useEffect, useReducer } from 'preact/hooks';
import type { Text } from '../api/types';
import { readPreference, writePreference } from '../lib/prefs';
import { en } from './en';
import type { more } from './more/en';
import { zh } from './zh';

export type FirstKey = keyof typeof en;
export type MoreKey = keyof typeof more;
export type Key = FirstKey | MoreKey;
export type Plural = { one: string; other: string };
export type Entry = string | Plural;
export type Dictionary = Record<FirstKey, Entry>;
export type Lang = 'en' | 'zh';
export type Args = Record<string, string | number>;

const dictionaries: Record<Lang, Record<string, Entry>> = { en: { ...en }, zh: { ...zh } };
const listeners = new Set<() => void>();

function initial(): Lang {
  const wanted = readPreference('lang') ?? (typeof navigator === 'undefined' ? 'en' : navigator.language);
  return wanted.startsWith('zh') ? 'zh' : 'en';
}

let current: Lang = initial();

/** Adds the texts of views that load later. */
export function extend(language: Lang, texts: Record<string, Entry>): void {
  Object.assign(dictionaries[language], texts);
}

export function lang(): Lang {
  return current;
}

/** For Intl: the language with the reader's region where the two agree. */
export function locale(): string {
  const own = typeof navigator === 'undefined' ? '' : navigator.language;
  if (own.startsWith(current)) return own;
  return current === 'zh' ? 'zh-CN' : 'en-GB';
}

export function setLang(next: Lang): void {
  current = next;
  writePreference('lang', next);
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  for (const listener of [...listeners]) listener();
}

/** Renders the calling component (the root) again when the language changes. */
export function useLang(): Lang {
  const [, render] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    const listener = () => render();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return current;
}

function formatted(value: string | number): string {
  return typeof value === 'number' ? new Intl.NumberFormat(locale()).format(value) : value;
}

export function fill(text: string, args: Args): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = args[name];
    return value === undefined ? whole : formatted(value);
  });
}

export function translate(language: Lang, key: Key, args: Args = {}): string {
  const entry = dictionaries[language][key] ?? key;
  if (typeof entry === 'string') return fill(entry, args);
  const n = typeof args['n'] === 'number' ? args['n'] : 0;
  const form = new Intl.PluralRules(language).select(n) === 'one' ? entry.one : entry.other;
  return fill(form, args);
}

export function t(key: Key, args?: Args): string {
  return translate(current, key, args);
}

/** A text of the server's option tables; Chinese may be missing there. */
export function pick(text: Text | undefined): string {
  if (!text) return '';
  return current === 'zh' && text.zh ? text.zh : text.en;
}

export function hasKey(key: string): key is Key {
  return key in dictionaries.en;
}
