// The types of a target as one chooses among them: grouped by kind, narrowed by what is typed. Pure.
import type { Option, Prober, Text } from '../api/types';

export interface KindGroup {
  kind: string;
  title: string;
  probers: Prober[];
}

/** In this order; a kind that a newer server has comes last. */
const kinds = ['web', 'network', 'database', 'queue', 'store', 'mail', 'host', 'job'];
const place = (kind: string) => (kinds.indexOf(kind) + kinds.length + 1) % (kinds.length + 1);

const both = (text: Text | undefined) => (text ? `${text.en} ${text.zh ?? ''}` : '');

/** 0 its type or a scheme is it, 1 begins with it, 2 the title or the kind has it, 3 the help has it; -1 nothing does. */
function fit(prober: Prober, typed: string): number {
  const names = [prober.type, ...(prober.schemes ?? [])];
  if (names.includes(typed)) return 0;
  if (names.some((n) => n.startsWith(typed)) || both(prober.title).toLowerCase().startsWith(typed)) return 1;
  if (`${names.join(' ')} ${both(prober.title)} ${both(prober.kind_title)}`.toLowerCase().includes(typed)) return 2;
  return both(prober.help).toLowerCase().includes(typed) ? 3 : -1;
}

/** All of them grouped; with a search the group of the best fit first, and within a group the best first. */
export function proberGroups(probers: readonly Prober[], search: string, say: (text: Text | undefined) => string): KindGroup[] {
  const typed = search.trim().toLowerCase();
  const found = probers.map((prober) => ({ prober, score: typed === '' ? 0 : fit(prober, typed) })).filter((x) => x.score >= 0);
  if (typed !== '') found.sort((a, b) => a.score - b.score);
  const groups = new Map<string, KindGroup>();
  for (const { prober } of found) {
    const kind = prober.kind ?? '';
    const group = groups.get(kind) ?? { kind, title: say(prober.kind_title), probers: [] };
    group.probers.push(prober);
    groups.set(kind, group);
  }
  const out = [...groups.values()];
  const name = (p: Prober) => say(p.title) || p.type;
  if (typed === '') {
    out.sort((a, b) => place(a.kind) - place(b.kind));
    for (const group of out) group.probers.sort((a, b) => name(a).localeCompare(name(b)));
  }
  return out;
}

const exampleOf = (option: Option | undefined) => option?.example ?? '';

/** domain://example.com, file:///var/log/app.log, docker:///shop-db: what is no host of a network has three slashes. */
function localExample(prober: Prober, scheme: string): string {
  const first = prober.options[0];
  if (!first?.required || first.type !== 'string' || !first.example) return '';
  return scheme === 'domain' ? `${scheme}://${first.example}` : `${scheme}:///${first.example.replace(/^\//, '')}`;
}

/** How a target of the type is written as an address; empty where it has none. */
export function urlExample(prober: Prober): string {
  const scheme = prober.schemes?.[0];
  if (!scheme) return '';
  const option = (name: string) => prober.options.find((o) => o.name === name);
  const url = exampleOf(option('url'));
  if (url) return url;
  if (!option('host')) return localExample(prober, scheme);
  const port = option('port');
  const database = option('database');
  const host = exampleOf(option('host')) || 'host.example.com';
  return `${scheme}://${host}${port ? `:${String(port.default ?? '') || exampleOf(port) || '1234'}` : ''}${database ? `/${exampleOf(database) || String(database.default ?? 'name')}` : ''}`;
}
