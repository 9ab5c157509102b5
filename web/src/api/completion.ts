// What the server knows of metrics, labels and functions, for the editor's completion. Answers are kept for a minute, so a list that
// is narrowed letter by letter is asked for once; a question that fails offers nothing.
import { lang, pick } from '../i18n';
import type { Sources } from '../lib/promql-complete';
import { wordHelp } from '../lib/promql-words';
import { api } from './client';
import { prometheus } from './prometheus';

const keptMs = 60_000;
const lookbackS = 12 * 3600;
const valuesMax = 1000;

class Kept {
  private readonly answers = new Map<string, { at: number; answer: Promise<unknown> }>();

  get<T>(key: string, ask: () => Promise<T>, otherwise: T): Promise<T> {
    const found = this.answers.get(key);
    if (found && Date.now() - found.at < keptMs) return found.answer as Promise<T>;
    if (this.answers.size > 200) this.answers.clear();
    const answer = ask().catch(() => {
      this.answers.delete(key);
      return otherwise;
    });
    this.answers.set(key, { at: Date.now(), answer });
    return answer;
  }
}

const kept = new Kept();
const since = () => Math.floor(Date.now() / 1000 - lookbackS);

async function metrics() {
  const [names, metadata] = await Promise.all([prometheus.labelValues('__name__', [], since(), 20_000), prometheus.metadata().catch(() => null)]);
  return names.data.map((name) => {
    const about = metadata?.data[name]?.[0];
    return { name, type: about && about.type !== 'unknown' ? about.type : '', help: about?.help ?? '' };
  });
}

async function functions() {
  return (await api.functions()).items;
}

/** The selector, and of the label what has the typed letters: asked only where there are more values than one answer holds. */
function narrowed(selector: string, label: string, prefix: string): string {
  const matcher = `${label}=~${JSON.stringify(`(?i).*${prefix.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')}.*`)}`;
  return selector.endsWith('}') ? `${selector.slice(0, -1)},${matcher}}` : `${selector}{${matcher}}`;
}

function values(label: string, selector: string): Promise<string[]> {
  const ask = async () => (await prometheus.labelValues(label, selector ? [selector] : [], since(), valuesMax)).data;
  return kept.get(`values ${label} ${selector}`, ask, []);
}

export const liveSources: Sources = {
  metrics: () => kept.get('metrics', metrics, []),
  functions: async () => (await kept.get('functions', functions, [])).map((f) => ({ ...f, help: pick(f.help) })),
  labels: (selectors) => kept.get(`labels ${selectors.join()}`, async () => (await prometheus.labels(selectors, since())).data, []),
  values: async (label, selector, prefix) => {
    const first = await values(label, selector);
    return first.length < valuesMax || prefix === '' ? first : values(label, narrowed(selector, label, prefix));
  },
  word: (name) => wordHelp(name, lang() === 'zh'),
};
