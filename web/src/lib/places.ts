// Locations without the page: how a place stands, and its past from its series. Pure.
import type { MatrixItem } from '../api/prometheus';
import type { Place } from '../api/types';
import type { Beat } from '../store/targets';
import { quoted } from './phases';
import type { State } from './state';

/** The server itself, among locations. */
export const localPlace = 'local';

export function placeState(place: Place): State {
  if (place.status === 'unhealthy') return 'down';
  if (place.status === 'unknown') return 'unknown';
  return place.degraded || (place.fail_count ?? 0) > 0 ? 'degraded' : 'up';
}

/** What must be down for the whole to be down, where nobody says: most of them. */
export function majority(places: number): number {
  return Math.floor(places / 2) + 1;
}

/** A metric of each place of one target, looked back over `seconds`; by: "avg" or "min". */
export function placesQuery(by: 'avg' | 'min', metric: string, target: { group: string; name: string }, seconds: number): string {
  const selector = `${metric}{group=${quoted(target.group)},target=${quoted(target.name)},location!=""}`;
  return `${by} by (location) (${by}_over_time(${selector}[${Math.max(1, Math.ceil(seconds))}s]))`;
}

/** Cells of a place's past, oldest first: what was heard in them, or null. */
export function placeBeats(success: readonly MatrixItem[], took: readonly MatrixItem[], location: string, start: number, step: number, cells: number): (Beat | null)[] {
  const at = (series: readonly MatrixItem[]) => {
    const out = new Map<number, number>();
    for (const [time, value] of series.find((s) => s.metric['location'] === location)?.values ?? []) out.set(Math.round((time - start) / step), Number(value));
    return out;
  };
  const [ok, seconds] = [at(success), at(took)];
  return Array.from({ length: cells }, (_, i) => {
    const good = ok.get(i);
    if (good === undefined) return null;
    const latency = seconds.get(i);
    return { at: (start + i * step) * 1000, ok: good >= 1, warned: false, latency: latency === undefined ? null : latency * 1000, message: '' };
  });
}
