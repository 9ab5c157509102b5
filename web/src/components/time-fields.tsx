// A moment, as the browser's own date and time fields give it; in the reader's time zone.
import type { ComponentChildren } from 'preact';
import { Field } from './fields';

/** What <input type=datetime-local> wants: local time to the minute. */
export function localInput(time: string | number | null | undefined): string {
  if (time === null || time === undefined || time === '') return '';
  const ms = typeof time === 'number' ? time : Date.parse(time);
  if (Number.isNaN(ms)) return '';
  const d = new Date(ms);
  return new Date(ms - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** RFC 3339 of a local time; null if the field is empty. */
export function fromLocal(text: string): string | null {
  const ms = text === '' ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

export function MomentField(props: {
  path: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  help?: ComponentChildren;
  error?: string | undefined;
  required?: boolean;
  kind?: 'datetime-local' | 'date' | 'time' | 'month';
}) {
  return (
    <Field path={props.path} label={props.label} help={props.help} error={props.error} required={props.required ?? false}>
      {(aria) => (
        <input {...aria} type={props.kind ?? 'datetime-local'} value={props.value} onInput={(e) => props.onInput(e.currentTarget.value)} />
      )}
    </Field>
  );
}
