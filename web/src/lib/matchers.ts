// Label matchers as people write them: env=prod, team=~"a|b". Pure.
import type { Matcher, MatchOp } from '../api/alerting';

export const ops: readonly MatchOp[] = ['=', '!=', '=~', '!~'];

export function matcherText(m: Matcher): string {
  return /^[\w.:\-/\u0080-\uffff]+$/.test(m.value) ? `${m.name}${m.op}${m.value}` : `${m.name}${m.op}${JSON.stringify(m.value)}`;
}

/** Null where it is none. */
export function parseMatcher(text: string): Matcher | null {
  const found = /^\s*([A-Za-z_][\w.]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/.exec(text);
  if (!found) return null;
  const [, name, op, raw] = found as unknown as [string, string, MatchOp, string];
  if (!raw.startsWith('"')) return { name, op, value: raw };
  try {
    return { name, op, value: JSON.parse(raw) as string };
  } catch {
    return null;
  }
}
