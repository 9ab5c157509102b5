// Numbers, times and spans for people, in the page's language.
import { lang, locale, t } from '../i18n';

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
  const full = `${locale()} ${key}`;
  let found = cache.get(full) as T | undefined;
  if (!found) cache.set(full, (found = make()));
  return found;
}

export function number(value: number, digits = 0): string {
  return cached(`n${digits}`, () => new Intl.NumberFormat(locale(), { maximumFractionDigits: digits })).format(value);
}

export function percent(fraction: number, digits = 0): string {
  return cached(
    `p${digits}`,
    () => new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: digits }),
  ).format(fraction);
}

/** 42 µs, 0.42 ms, 12 ms, 1.25 s: three figures say enough. */
export function latency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms > 0 && ms < 0.1) return `${number(ms * 1000, ms < 0.01 ? 1 : 0)} µs`;
  if (ms >= 1000) return `${number(ms / 1000, ms >= 10_000 ? 1 : 2)} s`;
  return `${number(ms, ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  let v = value;
  while (v >= 1024 && i < units.length - 1) {
    v /= 1024;
    i++;
  }
  return `${number(v, v < 10 && i > 0 ? 1 : 0)} ${units[i]}`;
}

const spanUnits = {
  en: { d: 'd', h: 'h', m: 'min', s: 's' },
  zh: { d: '天', h: '小时', m: '分钟', s: '秒' },
};

/** 45 s, 5 min, 2 h 10 min, 3 d 4 h: the two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts: [number, 'd' | 'h' | 'm' | 's'][] = [
    [Math.floor(seconds / 86400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return `0 ${spanUnits[lang()].s}`;
  const shown = parts.slice(first, first + 2).filter(([n], i) => i === 0 || (n > 0 && first < 2));
  return shown.map(([n, unit]) => `${n} ${spanUnits[lang()][unit]}`).join(' ');
}

/** As span, but exact: a configured 1.5 s or 90 s is not rounded. */
export function spanSeconds(seconds: number): string {
  if (seconds < 3600 && seconds % 60 !== 0) return `${seconds} ${spanUnits[lang()].s}`;
  return span(seconds * 1000);
}

function dateFormat(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return cached(`d${key}`, () => new Intl.DateTimeFormat(locale(), options));
}

export function clock(ms: number): string {
  return dateFormat('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms);
}

/** Today: the time, to the second if it is past. Else: the day and the time. */
export function when(time: number | string | null | undefined): string {
  if (time === null || time === undefined || time === '') return t('common.never');
  const ms = typeof time === 'number' ? time : Date.parse(time);
  if (Number.isNaN(ms)) return String(time);
  const same = new Date(ms).toDateString() === new Date().toDateString();
  if (same && ms > Date.now() + 60_000) return dateFormat('minute', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
  if (same) return clock(ms);
  return dateFormat('day', {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(ms);
}

export function fullTime(time: number | string): string {
  return dateFormat('full', { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }).format(
    typeof time === 'number' ? time : Date.parse(time),
  );
}

export function since(time: string | number | null | undefined, now = Date.now()): string {
  if (time === null || time === undefined) return '';
  const ms = typeof time === 'number' ? time : Date.parse(time);
  return Number.isNaN(ms) ? '' : span(now - ms);
}
