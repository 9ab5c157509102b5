// Durations as Prometheus writes them (1h30m, 500ms) and sizes (64KiB, 10MB), to and from numbers.
const unitSeconds: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** Seconds, or null if the text is none. A bare number is seconds. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  if (!/^(\d+(\.\d+)?(ms|[smhdwy]))+$/.test(trimmed)) return null;
  let sum = 0;
  for (const [, n, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)) {
    sum += Number(n) * (unitSeconds[unit as string] as number);
  }
  return Math.round(sum * 1000) / 1000;
}

/** 90 → "1m30s". */
export function durationText(seconds: number): string {
  if (seconds === 0) return '0s';
  let rest = Math.round(seconds * 1000);
  let out = '';
  for (const [unit, ms] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ] as const) {
    const n = Math.floor(rest / ms);
    rest -= n * ms;
    if (n > 0) out += `${n}${unit}`;
  }
  return out;
}

const sizePattern = /^(\d+(?:\.\d+)?)\s*(b|[kmgt]i?b?)?$/i;

export function parseSize(text: string): number | null {
  const found = sizePattern.exec(text.trim());
  if (!found) return null;
  const unit = (found[2] ?? 'b').toLowerCase();
  const power = 'bkmgt'.indexOf(unit[0] as string);
  const base = unit.includes('i') ? 1024 : 1000;
  return Number(found[1]) * base ** power;
}
