// A target as its form holds it, and back to what the API takes. Pure.
import type { Json, JsonObject, Prober, Target, TargetDraft } from '../api/types';
import { durationText, parseDuration } from './duration';
import { configFromUrl } from './guess';
import { localPlace } from './places';
import { fromForm, isObject, toForm, validate, type Complaints, type FormObject } from './form-model';

export interface BurstForm {
  times: string;
  delta_seconds: string;
  min_success: string;
  max_mean_seconds: string;
}

export interface TargetForm {
  name: string;
  group: string;
  type: string;
  config: FormObject;
  interval: string;
  timeout: string;
  attempts: string;
  threshold: string;
  successes: string;
  invert: boolean;
  resend: string;
  enabled: boolean;
  labels: [string, string][];
  channels: number[];
  depends: number[];
  locations: string[];
  quorum: string;
  connect: string;
  burst: BurstForm;
}

export function emptyForm(): TargetForm {
  return {
    name: '',
    group: '',
    type: '',
    config: {},
    interval: '',
    timeout: '',
    attempts: '',
    threshold: '',
    successes: '',
    invert: false,
    resend: '',
    connect: '',
    enabled: true,
    labels: [],
    channels: [],
    depends: [],
    locations: [],
    quorum: '',
    burst: { times: '', delta_seconds: '', min_success: '', max_mean_seconds: '' },
  };
}

function seconds(value: number | undefined): string {
  return value === undefined ? '' : durationText(value);
}

/** Durations come as seconds or as they were written. */
function spanText(value: Json | undefined): string {
  return typeof value === 'number' ? durationText(value) : anyText(value);
}

function anyText(value: Json | undefined): string {
  return value === undefined || value === null ? '' : String(value);
}

/** A configuration may be given as an address alone. What of it the options can hold is put into them. */
export function expandUrl(config: JsonObject, prober: Prober | undefined): JsonObject {
  const { url, ...rest } = config;
  if (typeof url !== 'string' || !prober || prober.options.some((o) => o.name === 'url')) return config;
  const filled = configFromUrl(url, prober.options);
  return filled ? { ...filled, ...rest } : config;
}

function configForm(config: JsonObject, prober: Prober | undefined): FormObject {
  const expanded = expandUrl(config, prober);
  const form = toForm(prober?.options ?? [], expanded);
  if (typeof expanded['url'] === 'string') form['url'] = expanded['url'];
  return form;
}

export function formOf(target: Target, prober: Prober | undefined): TargetForm {
  const burst = isObject(target.burst) && Number(target.burst['times'] ?? 0) > 0 ? target.burst : {};
  return {
    name: target.name,
    group: target.group,
    type: target.type,
    config: configForm(target.config ?? {}, prober),
    interval: seconds(target.interval_seconds),
    timeout: seconds(target.timeout_seconds),
    attempts: anyText(target.attempts),
    threshold: anyText(target.threshold),
    successes: anyText(target.success_threshold),
    invert: target.invert === true,
    resend: seconds(target.resend_interval_seconds),
    connect: seconds(target.connect_timeout_seconds),
    enabled: target.enabled,
    labels: Object.entries(target.labels ?? {}),
    channels: [...(target.notify_channel_ids ?? [])],
    depends: [...(target.depends_on ?? [])],
    locations: [...(target.locations ?? [])],
    quorum: target.location_quorum ? String(target.location_quorum) : '',
    burst: {
      times: anyText(burst['times']),
      delta_seconds: spanText(burst['delta_seconds']),
      min_success: anyText(burst['min_success']),
      max_mean_seconds: spanText(burst['max_mean_seconds']),
    },
  };
}

function numeric(text: string): number | undefined {
  return text.trim() === '' ? undefined : Number(text);
}

function span(text: string): number | undefined {
  return text.trim() === '' ? undefined : (parseDuration(text) ?? undefined);
}

function burstOf(form: TargetForm): JsonObject | null {
  const { times, delta_seconds, min_success, max_mean_seconds } = form.burst;
  if (!(Number(times) > 0)) return null;
  const out: JsonObject = { times: Number(times) };
  const delta = span(delta_seconds);
  const mean = span(max_mean_seconds);
  if (delta !== undefined) out['delta_seconds'] = delta;
  if (min_success.trim()) out['min_success'] = Number(min_success);
  if (mean !== undefined) out['max_mean_seconds'] = mean;
  return out;
}

export function configOf(form: TargetForm, prober: Prober | undefined, before: JsonObject): JsonObject {
  const config = fromForm(prober?.options ?? [], form.config, expandUrl(before, prober));
  // An address that the options could not hold goes along; the server expands it.
  const url = form.config['url'];
  if (typeof url === 'string' && url !== '' && !prober?.options.some((o) => o.name === 'url')) config['url'] = url;
  return config;
}

/** It is checked from somewhere besides here. */
function isElsewhere(form: TargetForm): boolean {
  return form.locations.some((name) => name !== localPlace);
}

/** What to send, whole. `before` is the target that it replaces, or null for a new one. */
export function draftOf(form: TargetForm, prober: Prober | undefined, before: Target | null): TargetDraft {
  const draft: TargetDraft = {
    name: form.name.trim(),
    group: form.group.trim(),
    type: form.type,
    config: configOf(form, prober, before?.config ?? {}),
    enabled: form.enabled,
    invert: form.invert,
    labels: Object.fromEntries(form.labels.filter(([k]) => k.trim() !== '').map(([k, v]) => [k.trim(), v])),
    notify_channel_ids: form.channels,
    depends_on: form.depends,
  };
  const numbers = {
    interval_seconds: span(form.interval),
    timeout_seconds: span(form.timeout),
    connect_timeout_seconds: span(form.connect),
    resend_interval_seconds: span(form.resend),
    attempts: numeric(form.attempts),
    threshold: numeric(form.threshold),
    success_threshold: numeric(form.successes),
  };
  for (const [key, value] of Object.entries(numbers)) {
    if (value !== undefined) (draft as Record<string, unknown>)[key] = value;
  }
  const burst = burstOf(form);
  if (burst) draft.burst = burst;
  if (isElsewhere(form)) {
    draft.locations = form.locations;
    if (form.quorum.trim()) draft.location_quorum = Number(form.quorum);
  }
  if (!draft.group) delete draft.group;
  return draft;
}

export function complaintsOf(form: TargetForm, prober: Prober | undefined): Complaints {
  const out: Complaints = validate(prober?.options ?? [], form.config, 'config');
  // A whole address stands for the options that it will be expanded into.
  if (form.config['url']) for (const [k, v] of [...out]) if (v.key === 'check.required') out.delete(k);
  if (form.name.trim() === '') out.set('name', { key: 'check.required' });
  if (form.type === '') out.set('type', { key: 'check.required' });
  for (const [field, text] of [
    ['interval_seconds', form.interval],
    ['timeout_seconds', form.timeout],
    ['resend_interval_seconds', form.resend],
    ['connect_timeout_seconds', form.connect],
    ['burst.delta_seconds', form.burst.delta_seconds],
    ['burst.max_mean_seconds', form.burst.max_mean_seconds],
  ] as const) {
    if (text.trim() !== '' && parseDuration(text) === null) out.set(field, { key: 'check.duration' });
  }
  for (const [field, text, min, max] of [
    ['attempts', form.attempts, 1, 20],
    ['threshold', form.threshold, 1, 1000],
    ['success_threshold', form.successes, 1, 1000],
    ['burst.times', form.burst.times, 0, 1000],
  ] as const) {
    const n = Number(text);
    if (text.trim() === '') continue;
    if (!/^\d+$/.test(text.trim())) out.set(field, { key: 'check.int' });
    else if (n < min) out.set(field, { key: 'check.min', args: { v: min } });
    else if (n > max) out.set(field, { key: 'check.max', args: { v: max } });
  }
  const quorum = form.quorum.trim();
  if (quorum !== '' && isElsewhere(form) && !(/^\d+$/.test(quorum) && Number(quorum) >= 1 && Number(quorum) <= form.locations.length)) {
    out.set('location_quorum', { key: 'check.quorum', args: { n: form.locations.length } });
  }
  const interval = span(form.interval);
  const timeout = span(form.timeout);
  if (interval !== undefined && timeout !== undefined && timeout > interval && !out.has('timeout_seconds')) {
    out.set('timeout_seconds', { key: 'check.timeout' });
  }
  return out;
}
