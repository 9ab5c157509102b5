// Many targets from pasted lines: an address each, with a name before it if one likes. Pure.
import type { JsonObject, Prober } from '../api/types';
import { configFromUrl, guessProber, nameFromUrl } from './guess';

export interface Line {
  /** From 1. */
  number: number;
  text: string;
  name: string;
  type: string;
  /** What creates it; null: no type fits. */
  draft: { name: string; type: string; config: JsonObject } | null;
  twice: boolean;
}

/** "shop https://…", "https://… shop", "https://…": the address is the word with a scheme, the rest the name. */
function split(text: string): { url: string; name: string } {
  const words = text.split(/[\s,;\t]+/).filter(Boolean);
  const at = words.findIndex((w) => /^[a-z][a-z0-9+.-]*:/i.test(w));
  const url = words[at < 0 ? words.length - 1 : at] ?? '';
  const name = words.filter((w) => w !== url).join(' ');
  return { url, name: name || nameFromUrl(url) || url };
}

/** Of names that come from addresses the second of a kind gets a number: two paths of one host are no mistake. */
export function readLines(text: string, probers: readonly Prober[]): Line[] {
  const taken = new Map<string, number>();
  const out: Line[] = [];
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const { url, name: first } = split(line);
    const given = line !== url;
    const count = (taken.get(first) ?? 0) + 1;
    taken.set(first, count);
    const name = count > 1 && !given ? `${first} ${count}` : first;
    const prober = guessProber(url, probers);
    const config = prober && (configFromUrl(url, prober.options) ?? { url });
    out.push({ number: i + 1, text: line, name, type: prober?.type ?? '', draft: prober && config ? { name, type: prober.type, config } : null, twice: count > 1 && given });
  });
  return out;
}
