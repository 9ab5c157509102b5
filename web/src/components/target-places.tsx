// How one target stands at each of its locations: state, last check, the checks of the last hour.
import { prometheus, type MatrixItem } from '../api/prometheus';
import type { CheckedPlace, Place, Result, Target } from '../api/types';
import { t } from '../i18n';
import '../i18n/more';
import { fullTime, latency, since, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { localPlace, majority, placeBeats, placesQuery, placeState } from '../lib/places';
import type { State } from '../lib/state';
import type { Beat } from '../store/targets';
import { Card, Said, StateLabel, stateWord } from './basics';
import { Beats } from './beats';
import { Measurements, ResultView, resultState, resultWord } from './result-view';

const cells = 30;
const hour = 3600;

/** The last hour of each place, as bars; empty without metrics, or for who may not read them. */
function usePast(target: Target, places: readonly Place[], minute: number): Map<string, (Beat | null)[]> {
  const loaded = useLoad(
    async (signal) => {
      const step = Math.max(hour / cells, target.interval_seconds);
      const end = Math.floor(Date.now() / 1000 / step) * step;
      const start = end - (cells - 1) * step;
      const ask = async (query: string): Promise<MatrixItem[]> => {
        const { data } = await prometheus.queryRange(query, start, end, step, signal);
        return data.resultType === 'matrix' ? data.result : [];
      };
      const [success, took] = await Promise.all([ask(placesQuery('min', 'probe_success', target, step)), ask(placesQuery('avg', 'probe_duration_seconds', target, step))]);
      return new Map(places.map((p) => [p.location, placeBeats(success, took, p.location, start, step, cells)]));
    },
    [target.id, places.map((p) => p.location).join('\n'), minute],
  );
  return loaded.data ?? new Map<string, (Beat | null)[]>();
}

export function placeName(location: string): string {
  return location === localPlace ? t('places.local') : location;
}

function wordOf(place: Place, state: State, threshold: number): string {
  if (state === 'unknown') return t(place.heard ? 'places.unjudged' : 'places.silent');
  const failed = place.fail_count ?? 0;
  return state === 'degraded' && failed > 0 ? t('state.failing', { n: failed, of: threshold }) : stateWord(state);
}

function Row({ place, beats, threshold, now }: { place: Place; beats: (Beat | null)[] | undefined; threshold: number; now: number }) {
  const state = placeState(place);
  return (
    <li class={`place is-${state}`}>
      <span class="place-name">{placeName(place.location)}</span>
      <span class="place-state">
        <StateLabel state={state} word={wordOf(place, state, threshold)} />
        {place.since && (
          <span class="muted small num" title={fullTime(place.since)}>
            {since(place.since, now)}
          </span>
        )}
      </span>
      <span class="place-beats">
        <Beats beats={beats} slots={cells} />
      </span>
      <span class="place-latency num">{latency(place.latency_ms)}</span>
      <span class="place-heard muted small num" title={place.last_checked_at ? fullTime(place.last_checked_at) : ''}>
        {place.last_checked_at ? t('places.heard', { time: when(place.last_checked_at) }) : t('places.never')}
      </span>
      {place.message && (
        <span class="place-message muted small">
          <Said text={place.message} />
        </span>
      )}
    </li>
  );
}

function Answer({ place }: { place: CheckedPlace }) {
  const { result } = place;
  const state = result ? resultState(result) : 'unknown';
  return (
    <li class={`place answer is-${state}`}>
      <span class="place-name">{placeName(place.location)}</span>
      <span class="place-state">
        <StateLabel state={state} word={result ? resultWord(result) : t('places.silent')} />
      </span>
      <span class="place-latency num">{latency(result?.latency_ms ?? null)}</span>
      <span class="place-message">
        <Said text={place.message} />
      </span>
      {result && (
        <details class="place-more small">
          <summary>{t('result.show')}</summary>
          <Measurements result={result} />
        </details>
      )}
    </li>
  );
}

/** What a check that was asked for found: one result, or what each location answered. */
export function Checked({ result, title }: { result: Result; title: string }) {
  if (!result.places?.length) return <ResultView result={result} title={title} />;
  return (
    <div class="result" role="status">
      <p class="muted small">{title}</p>
      <ul class="places">
        {result.places.map((p) => (
          <Answer key={p.location} place={p} />
        ))}
      </ul>
    </div>
  );
}

export function PlacesCard({ target, places, now }: { target: Target; places: Place[]; now: number }) {
  const past = usePast(target, places, Math.floor(now / 60_000));
  const quorum = target.location_quorum || majority(places.length);
  return (
    <Card title={t('places.title')} aside={<span class="muted small">{t('places.quorum', { n: quorum, of: places.length })}</span>}>
      <ul class="places">
        {places.map((p) => (
          <Row key={p.location} place={p} beats={past.get(p.location)} threshold={target.threshold} now={now} />
        ))}
      </ul>
    </Card>
  );
}
