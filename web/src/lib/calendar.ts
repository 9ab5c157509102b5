// The days of a month as a calendar shows them, and what falls on each. Pure; local time.
import type { Occurrence } from '../api/alerting';

export interface Day {
  start: number;
  end: number;
  /** Of the month itself, not of the week's rest before or after it. */
  inside: boolean;
}

/** "2026-11"; another month by `steps`. */
export function monthText(at: number | string, steps = 0): string {
  const d = typeof at === 'string' ? new Date(`${at}-01T00:00:00`) : new Date(at);
  const moved = new Date(d.getFullYear(), d.getMonth() + steps, 1);
  return `${moved.getFullYear()}-${String(moved.getMonth() + 1).padStart(2, '0')}`;
}

export function isMonth(text: string | null): text is string {
  return text !== null && /^\d{4}-(0[1-9]|1[0-2])$/.test(text);
}

/** Whole weeks from Monday on; a day is as long as the clock says (23 to 25 hours). */
export function monthDays(month: string): Day[] {
  const [year, number] = month.split('-').map(Number) as [number, number];
  const first = new Date(year, number - 1, 1);
  const lead = (first.getDay() + 6) % 7;
  const length = new Date(year, number, 0).getDate();
  const cells = Math.ceil((lead + length) / 7) * 7;
  return Array.from({ length: cells }, (_, i) => {
    const day = i - lead + 1;
    return {
      start: new Date(year, number - 1, day).getTime(),
      end: new Date(year, number - 1, day + 1).getTime(),
      inside: day >= 1 && day <= length,
    };
  });
}

export function onDay(day: Day, items: readonly Occurrence[]): Occurrence[] {
  return items.filter((o) => {
    const from = Date.parse(o.starts_at);
    const to = o.ends_at ? Date.parse(o.ends_at) : Infinity;
    return from < day.end && to > day.start;
  });
}
