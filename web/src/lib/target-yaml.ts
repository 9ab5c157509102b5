// A target as a person would write it into belfry.yaml: what is as it would be anyway is left out. Pure.
import type { JsonObject, Target } from '../api/types';
import { durationText } from './duration';
import { yamlOf } from './yaml';

const usual = { interval: 30, timeout: 5, connect_timeout: 3, resend_interval: 0 } as const;

export function targetYaml(target: Target, channels: readonly string[]): string {
  const out: JsonObject = { name: target.name };
  const config = { ...(target.config ?? {}) };
  const { url, expect, ...rest } = config;
  if (typeof url === 'string') {
    out['url'] = url;
    if (target.type !== 'http') out['type'] = target.type;
    if (expect !== undefined) out['expect'] = expect;
    if (Object.keys(rest).length > 0) out['config'] = rest;
  } else {
    out['type'] = target.type;
    out['config'] = config;
  }
  const times: [keyof typeof usual, number | undefined][] = [
    ['interval', target.interval_seconds],
    ['timeout', target.timeout_seconds],
    ['connect_timeout', target.connect_timeout_seconds],
    ['resend_interval', target.resend_interval_seconds],
  ];
  for (const [key, seconds] of times) if (seconds !== undefined && seconds !== usual[key]) out[key] = durationText(seconds);
  if ((target.attempts ?? 1) !== 1) out['attempts'] = target.attempts as number;
  if (target.threshold !== 3) out['threshold'] = target.threshold;
  if ((target.success_threshold ?? 1) !== 1) out['success_threshold'] = target.success_threshold as number;
  if (target.invert) out['invert'] = true;
  if ((target.locations ?? []).length > 0) out['locations'] = target.locations as string[];
  if (target.location_quorum) out['location_quorum'] = target.location_quorum;
  if (!target.enabled) out['enabled'] = false;
  if (Object.keys(target.labels ?? {}).length > 0) out['labels'] = target.labels as JsonObject;
  if (channels.length > 0) out['channels'] = [...channels];
  if (target.burst && Number(target.burst['times'] ?? 0) > 0) out['burst'] = target.burst;
  return yamlOf({ groups: [{ name: target.group || 'default', targets: [out] }] });
}
