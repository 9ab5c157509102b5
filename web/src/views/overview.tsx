// The overview: one sentence that tells all, the states as filters, and every target, worst first.
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { Target } from '../api/types';
import { Button, Empty, Failure, LinkButton, Loading, Segmented, targetWord } from '../components/basics';
import { Beats, BeatTip, hideTip } from '../components/beats';
import { Icon, Mark } from '../components/icons';
import { VirtualList } from '../components/virtual-list';
import { t, type Key } from '../i18n';
import { buildList, filterFromQuery, filterToQuery, isFiltered, nameOrder, type Filter, type GroupRow, type Row, type TargetRow } from '../lib/filter';
import { latency, number } from '../lib/format';
import { useNarrow } from '../lib/hooks';
import { useListKeys } from '../lib/list-keys';
import { readPreference, writePreference } from '../lib/prefs';
import { states, type State, type Totals } from '../lib/state';
import { href, replaceQuery, type Route } from '../router';
import { targets } from '../store';
import { useStores } from '../store/observable';

function verdict(totals: Totals): { state: State; text: string } {
  if (totals.down > 0) return { state: 'down', text: t('overview.down', { n: totals.down }) };
  if (totals.degraded > 0) return { state: 'degraded', text: t('overview.degraded', { n: totals.degraded }) };
  if (totals.up === 0) return { state: 'unknown', text: t('overview.waiting') };
  return { state: 'up', text: t('overview.allUp') };
}

function Summary({ totals, filter, onChange }: { totals: Totals; filter: Filter; onChange: (f: Filter) => void }) {
  const { state, text } = verdict(totals);
  const toggle = (s: State) =>
    onChange({
      ...filter,
      states: filter.states.includes(s) ? filter.states.filter((x) => x !== s) : [...filter.states, s],
    });
  const shown = states.filter((s) => totals[s] > 0 || ['down', 'degraded', 'up', 'paused'].includes(s) || filter.states.includes(s));
  return (
    <div class={`summary is-${state}`}>
      <div class="verdict">
        <Mark state={state} />
        <div>
          <h1 tabIndex={-1}>{text}</h1>
          <p class="muted">{t('overview.watching', { n: totals.all })}</p>
        </div>
      </div>
      <div class="tiles" role="group" aria-label={t('overview.states')}>
        {shown.map((s) => (
          <button
            type="button"
            key={s}
            class={`tile is-${s}${totals[s] === 0 ? ' zero' : ''}`}
            aria-pressed={filter.states.includes(s)}
            onClick={() => toggle(s)}
          >
            <span class="tile-n num">{number(totals[s])}</span>
            <span class="tile-word">
              <Mark state={s} />
              {t(`state.${s}` as Key)}
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

function distinct(values: Iterable<Target>, field: 'group' | 'type'): string[] {
  const out = new Set<string>();
  for (const v of values) out.add(v[field]);
  return [...out].sort();
}

function Choice(props: { label: string; all: string; value: string; values: string[]; onChange: (v: string) => void }) {
  return (
    <select aria-label={props.label} value={props.value} onChange={(e) => props.onChange(e.currentTarget.value)}>
      <option value="">{props.all}</option>
      {props.values.map((v) => (
        <option key={v} value={v}>
          {v || t('overview.group.none')}
        </option>
      ))}
    </select>
  );
}

function FilterBar({ filter, found, onChange }: { filter: Filter; found: number; onChange: (f: Filter) => void }) {
  const groups = useMemo(() => distinct(targets.items.values(), 'group'), [targets.shape]);
  const types = useMemo(() => distinct(targets.items.values(), 'type'), [targets.shape]);
  const total = targets.items.size;
  return (
    <div class="filters" role="search">
      <label class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder={t('overview.search')}
          aria-label={t('overview.search')}
          value={filter.q}
          spellcheck={false}
          autocomplete="off"
          onInput={(e) => onChange({ ...filter, q: e.currentTarget.value })}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <Choice label={t('overview.group')} all={t('overview.group.all')} value={filter.group} values={groups} onChange={(group) => onChange({ ...filter, group })} />
      <Choice label={t('overview.type')} all={t('overview.type.all')} value={filter.type} values={types} onChange={(type) => onChange({ ...filter, type })} />
      <select
        aria-label={t('overview.sort')}
        value={filter.sort}
        onChange={(e) => onChange({ ...filter, sort: e.currentTarget.value as Filter['sort'] })}
      >
        {(['worst', 'name', 'latency'] as const).map((s) => (
          <option key={s} value={s}>
            {t(`overview.sort.${s}`)}
          </option>
        ))}
      </select>
      <Segmented
        label={t('overview.layout')}
        value={filter.layout}
        choices={[
          { value: 'groups', text: t('overview.layout.groups') },
          { value: 'flat', text: t('overview.layout.flat') },
        ]}
        onChange={(layout) => onChange({ ...filter, layout })}
      />
      <span class="found muted num" role="status">
        {targets.loaded === 'some' && targets.total > total
          ? t('overview.loadingMore', { n: total, of: targets.total })
          : found === total
            ? t('overview.found', { n: found })
            : t('overview.foundOf', { n: found, of: total })}
      </span>
      {isFiltered(filter) && (
        <Button kind="quiet" icon="cross" onClick={() => onChange({ ...filter, q: '', states: [], group: '', type: '' })}>
          {t('overview.clear')}
        </Button>
      )}
    </div>
  );
}

function GroupHead({ row, onFold }: { row: GroupRow; onFold: (name: string) => void }) {
  return (
    <button type="button" class="group-head" aria-expanded={!row.folded} title={t('overview.fold')} onClick={() => onFold(row.name)}>
      <span class="fold">
        <Icon name="chevron" />
      </span>
      <span class="group-name">{row.name || t('overview.group.none')}</span>
      <span class="group-counts">
        {states
          .filter((s) => row.counts[s] > 0)
          .map((s) => (
            <span key={s} class={`group-count is-${s}`} title={t(`state.${s}` as Key)}>
              <Mark state={s} />
              <span class="num">{row.counts[s]}</span>
            </span>
          ))}
      </span>
    </button>
  );
}

function TargetLine({ row, grouped }: { row: TargetRow; grouped: boolean }) {
  const { target, state } = row;
  const beats = state === 'paused' && !target.last_checked_at ? [] : targets.recent(target.id);
  const quiet = state === 'paused';
  return (
    <a class={`row is-${state}`} href={href(`/targets/${target.id}`)}>
      <span class="cell-state">
        <Mark state={state} />
        <span class="state-word">{targetWord(target)}</span>
      </span>
      <span class="cell-name">
        <span class="name">{target.name}</span>
        {!grouped && target.group && <span class="chip">{target.group}</span>}
      </span>
      <span class="cell-type muted">{target.type}</span>
      <span class="cell-message muted">{target.last_message ?? ''}</span>
      <span class="cell-beats">
        <Beats beats={beats} />
      </span>
      <span class="cell-latency num">{quiet ? '–' : latency(target.last_latency_ms)}</span>
    </a>
  );
}

function readFolded(): Set<string> {
  try {
    return new Set(JSON.parse(readPreference('folded') ?? '[]') as string[]);
  } catch {
    return new Set();
  }
}

function Nothing({ onClear }: { onClear: () => void }) {
  return (
    <Empty icon="search" title={t('overview.none')} hint={t('overview.none.hint')}>
      <Button onClick={onClear}>{t('overview.clear')}</Button>
    </Empty>
  );
}

function FirstSteps() {
  return (
    <Empty whole icon="tower" title={t('overview.empty')} hint={t('overview.empty.hint')}>
      <LinkButton kind="primary" icon="plus" href={href('/targets/new')}>
        {t('overview.add')}
      </LinkButton>
      <p class="muted small">{t('overview.empty.file')}</p>
    </Empty>
  );
}

export function Overview({ route }: { route: Route }) {
  useStores(targets);
  const narrow = useNarrow();
  const [folded, setFolded] = useState(readFolded);
  const key = route.query.toString();
  const filter = useMemo(() => filterFromQuery(route.query), [key]);
  // A search may match messages and an order latencies; both change without a new shape.
  const moving = filter.q !== '' || filter.sort === 'latency' ? targets.version : 0;
  const order = useMemo(() => nameOrder(targets.items.values()), [targets.names]);
  const list = useMemo(
    () => buildList(targets.items.values(), filter, folded, order),
    [targets.shape, moving, filter, folded, order],
  );
  const change = (next: Filter) => replaceQuery('/', filterToQuery(next));
  const fold = (name: string) => {
    const next = new Set(folded);
    if (!next.delete(name)) next.add(name);
    setFolded(next);
    writePreference('folded', JSON.stringify([...next]));
  };
  const heightOf = useCallback((row: Row) => (row.kind === 'group' ? 40 : narrow ? 60 : 38), [narrow]);

  useListKeys('.vlist a.row');
  useEffect(() => {
    addEventListener('scroll', hideTip, { passive: true });
    return () => {
      removeEventListener('scroll', hideTip);
      hideTip();
      targets.forgetWanted();
    };
  }, []);
  useEffect(() => targets.fetchWanted());

  if (targets.loaded === 'no') {
    return targets.error ? <Failure error={targets.error} onRetry={() => void targets.load()} /> : <Loading />;
  }
  if (targets.items.size === 0) return <FirstSteps />;
  return (
    <div class="overview">
      <Summary totals={targets.totals()} filter={filter} onChange={change} />
      <FilterBar filter={filter} found={list.found} onChange={change} />
      {targets.error && <Failure error={targets.error} onRetry={() => void targets.load()} />}
      {list.found === 0 ? (
        <Nothing onClear={() => change({ ...filter, q: '', states: [], group: '', type: '' })} />
      ) : (
        <div class={`table card${filter.layout === 'groups' ? ' grouped' : ''}`}>
          <div class="row row-head" aria-hidden="true">
            <span class="cell-state">{t('col.state')}</span>
            <span class="cell-name">{t('col.name')}</span>
            <span class="cell-type">{t('col.type')}</span>
            <span class="cell-message">{t('col.message')}</span>
            <span class="cell-beats">{t('col.checks')}</span>
            <span class="cell-latency">{t('col.latency')}</span>
          </div>
          <VirtualList
            label={t('overview.list')}
            rows={list.rows}
            heightOf={heightOf}
            keyOf={(row) => (row.kind === 'group' ? `g${row.name}` : String(row.target.id))}
            draw={(row) =>
              row.kind === 'group' ? (
                <GroupHead row={row} onFold={fold} />
              ) : (
                <TargetLine row={row} grouped={filter.layout === 'groups'} />
              )
            }
            onRest={() => targets.fetchWanted()}
          />
        </div>
      )}
      <BeatTip />
    </div>
  );
}
