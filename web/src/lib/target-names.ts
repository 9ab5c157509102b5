// Names of targets by id: those that the page knows, the others asked for one by one and remembered.
import { useEffect } from 'preact/hooks';
import { api } from '../api/client';
import type { Target } from '../api/types';
import { targets } from '../store';
import { Observable, useStores } from '../store/observable';

type Known = Pick<Target, 'id' | 'name' | 'group' | 'type'> | 'gone';
const known = new Map<number, Known>();
const asking = new Set<number>();
const names = new Observable(20);

export function remember(target: Target): void {
  known.set(target.id, target);
}

function find(id: number): Known | undefined {
  return targets.get(id) ?? known.get(id);
}

function ask(id: number): void {
  asking.add(id);
  api
    .target(id)
    .then((target) => known.set(id, target))
    .catch(() => known.set(id, 'gone'))
    .finally(() => {
      asking.delete(id);
      names.changed();
    });
}

/** id → name; "#7" until it is known or when there is none. */
export function useTargetNames(ids: readonly number[]): (id: number) => string {
  useStores(names);
  useEffect(() => {
    for (const id of ids) if (!find(id) && !asking.has(id)) ask(id);
  }, [ids.join()]);
  return (id) => {
    const target = find(id);
    return target && target !== 'gone' ? target.name : `#${id}`;
  };
}
