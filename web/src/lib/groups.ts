// The names of all groups, for forms that choose among them.
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api/client';
import type { Page } from '../api/types';

let asked: Promise<string[]> | null = null;

function ask(): Promise<string[]> {
  asked ??= call<Page<{ name: string }>>('GET', 'api/v1/groups?limit=1000').then((page) => page.items.map((g) => g.name));
  asked.catch(() => undefined).finally(() => setTimeout(() => (asked = null), 30_000));
  return asked;
}

/** Empty until they are known; a form that shows them works without. */
export function useGroups(): string[] {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    ask().then(setNames, () => undefined);
  }, []);
  return names;
}
