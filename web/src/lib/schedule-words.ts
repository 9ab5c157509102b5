// A maintenance's schedule in words: "Mon, Fri 22:00–02:00 (next day), Asia/Shanghai".
import type { Maintenance, Schedule } from '../api/alerting';
import { lang, locale, t } from '../i18n';
import '../i18n/more';
import { when } from './format';

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** 2024-01-01 was a Monday. */
export function dayName(day: string, style: 'short' | 'long' = 'short'): string {
  const i = days.indexOf(day as (typeof days)[number]);
  if (i < 0) return day;
  return new Intl.DateTimeFormat(locale(), { weekday: style, timeZone: 'UTC' }).format(Date.UTC(2024, 0, 1 + i));
}

function list(words: string[]): string {
  return words.join(lang() === 'zh' ? '、' : ', ');
}

export function scheduleWords(schedule: Schedule, whole: Pick<Maintenance, 'starts_at' | 'ends_at'>): string {
  const zone = 'time_zone' in schedule && schedule.time_zone ? ` · ${schedule.time_zone}` : '';
  switch (schedule.kind) {
    case 'weekly': {
      const on = schedule.days.length === 0 || schedule.days.length === 7 ? t('maintenance.daily') : list(schedule.days.map((d) => dayName(d)));
      const over = schedule.to <= schedule.from ? ` ${t('maintenance.nextDay')}` : '';
      return `${on} ${schedule.from}–${schedule.to}${over}${zone}`;
    }
    case 'cron':
      return `${t('maintenance.cronWords', { cron: schedule.cron, span: schedule.duration })}${zone}`;
    default:
      return `${when(whole.starts_at)} – ${whole.ends_at ? when(whole.ends_at) : t('maintenance.open')}`;
  }
}

export function timeZones(): string[] {
  const intl = Intl as unknown as { supportedValuesOf?: (key: string) => string[] };
  return intl.supportedValuesOf?.('timeZone') ?? ['UTC', 'Asia/Shanghai', 'Europe/Berlin', 'Europe/London', 'America/New_York', 'America/Los_Angeles'];
}

export function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
