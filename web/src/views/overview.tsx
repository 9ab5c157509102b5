// The overview: one sentence that tells all, the states as filters, and every target, worst first. The server filters and
// sorts; here are the rows in sight (store/target-list.ts).
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Count, GroupCounts } from '../api/types';
import { Button, Choice, ClearFilters, Empty, Failure, LinkButton, Loading, Said, SearchBox, Segmented, targetWord } from '../components/basics';
import { Beats, BeatTip, hideTip } from '../components/beats';
import { Icon, Mark } from '../components/icons';
import { Spark } from '../components/spark';
import { VirtualList } from '../components/virtual-list';
import { Wall, wallPlan, WholeScreen } from '../components/wall';
import { t, type Key } from '../i18n';
import { filterFromQuery, filterToQuery, isFiltered, noFilter, serverQuery, sorts, type Filter } from '../lib/filter';
import { latency, number, percent } from '../lib/format';
import { useNarrow } from '../lib/hooks';
import { useListKeys } from '../lib/list-keys';
import { readPreference, writePreference } from '../lib/prefs';
import { stateOf, states, type State, type Totals } from '../lib/state';
import { evenPlan, sectionPlan, type Plan, type Span } from '../lib/virtual';
import { href, replaceQuery, type Route } from '../router';
import { targets } from '../store';
import { useStores } from '../store/observable';

const watchMax = 300;

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

/** What is chosen stays among the choices, even when nothing fits it any more. */
function choicesOf(value: string, counts: Count[] = []): { value: string; text: string }[] {
  const missing = value !== '' && !counts.some((c) => c.name === value);
  const all = missing ? [{ name: value, targets: 0 }, ...counts] : counts;
  return all.map((c) => ({ value: c.name, text: `${c.name || t('overview.group.none')} (${number(c.targets)})` }));
}

function FilterBar({ filter, onChange }: { filter: Filter; onChange: (f: Filter) => void }) {
  const { facets, total } = targets.list;
  const all = facets?.all.total ?? 0;
  return (
    <div class="filters" role="search">
      <SearchBox label={t('overview.search')} value={filter.q} onInput={(q) => onChange({ ...filter, q })} />
      <Choice label={t('overview.group')} all={t('overview.group.all')} value={filter.group} choices={choicesOf(filter.group, facets?.groups)} onChange={(group) => onChange({ ...filter, group })} />
      <Choice label={t('overview.type')} all={t('overview.type.all')} value={filter.type} choices={choicesOf(filter.type, facets?.types)} onChange={(type) => onChange({ ...filter, type })} />
      {(filter.label !== '' || (facets?.labels.length ?? 0) > 0) && (
        <Choice label={t('overview.label')} all={t('overview.label.all')} value={filter.label} choices={choicesOf(filter.label, facets?.labels)} onChange={(label) => onChange({ ...filter, label })} />
      )}
      <Choice label={t('overview.sort')} value={filter.sort} choices={sorts.map((s) => ({ value: s, text: t(`overview.sort.${s}` as Key) }))} onChange={(sort) => onChange({ ...filter, sort })} />
      <Segmented
        label={t('overview.layout')}
        value={filter.layout}
        choices={[
          { value: 'groups', text: t('overview.layout.groups') },
          { value: 'flat', text: t('overview.layout.flat') },
          { value: 'wall', text: t('overview.layout.wall') },
        ]}
        onChange={(layout) => onChange({ ...filter, layout })}
      />
      {filter.layout === 'wall' && <WholeScreen />}
      <span class={`found muted num${targets.list.behind ? ' behind' : ''}`} role="status">
        {total === all ? t('overview.found', { n: total }) : t('overview.foundOf', { n: total, of: all })}
      </span>
      {isFiltered(filter) && <ClearFilters onClick={() => onChange({ ...filter, ...noFilter })} />}
    </div>
  );
}

function GroupHead({ group, folded, onFold }: { group: GroupCounts; folded: boolean; onFold: (name: string) => void }) {
  return (
    <button type="button" class="group-head" aria-expanded={!folded} title={t('overview.fold')} onClick={() => onFold(group.name)}>
      <span class="fold">
        <Icon name="chevron" />
      </span>
      <span class="group-name">{group.name || t('overview.group.none')}</span>
      <span class="group-counts">
        {states
          .filter((s) => group[s] > 0)
          .map((s) => (
            <span key={s} class={`group-count is-${s}`} title={t(`state.${s}` as Key)}>
              <Mark state={s} />
              <span class="num">{number(group[s])}</span>
            </span>
          ))}
      </span>
      <span class="group-share" aria-hidden="true">
        {states.filter((s) => group[s] > 0).map((s) => (
          <i key={s} class={`is-${s}`} style={{ flexGrow: group[s] / group.targets }} />
        ))}
      </span>
    </button>
  );
}

function uptimeText(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : percent(value, value < 1 && value > 0.99 ? 2 : 1);
}

function TargetLine({ id, grouped }: { id: number | undefined; grouped: boolean }) {
  const target = id === undefined ? undefined : targets.get(id);
  if (!target) return <div class="row blank" aria-busy="true" />;
  const state = stateOf(target);
  const recent = state === 'paused' && !target.last_checked_at ? undefined : targets.recent(target.id);
  const quiet = state === 'paused';
  const beats = quiet && !target.last_checked_at ? [] : recent?.beats;
  const trend = beats?.filter((b) => b.ok && b.latency !== null).map((b) => b.latency as number);
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
      <span class="cell-message muted">
        <Said text={target.last_message} />
      </span>
      <span class="cell-beats">
        <Beats beats={beats} />
      </span>
      <span class={`cell-uptime num${(recent?.uptime ?? 1) < 0.99 ? ' low' : ''}`}>{uptimeText(recent?.uptime)}</span>
      <span class="cell-trend">
        <Spark values={trend} label={t('col.trend')} />
      </span>
      <span class="cell-latency num">{quiet ? '–' : latency(target.last_latency_ms)}</span>
    </a>
  );
}

function HeadRow() {
  return (
    <div class="row row-head" aria-hidden="true">
      <span class="cell-state">{t('col.state')}</span>
      <span class="cell-name">{t('col.name')}</span>
      <span class="cell-type">{t('col.type')}</span>
      <span class="cell-message">{t('col.message')}</span>
      <span class="cell-beats">{t('col.checks')}</span>
      <span class="cell-uptime">{t('col.uptime')}</span>
      <span class="cell-trend" />
      <span class="cell-latency">{t('col.latency')}</span>
    </div>
  );
}

function readFolded(): Set<string> {
  try {
    return new Set(JSON.parse(readPreference('folded') ?? '[]') as string[]);
  } catch {
    return new Set();
  }
}

function useFolded(): [Set<string>, (name: string) => void] {
  const [folded, setFolded] = useState(readFolded);
  return [
    folded,
    (name) => {
      const next = new Set(folded);
      if (!next.delete(name)) next.add(name);
      setFolded(next);
      writePreference('folded', JSON.stringify([...next]));
    },
  ];
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

/** Which positions of the server's list lie between two rows of a plan. */
type Positions = (span: Span) => Span;

interface Laid {
  plan: Plan;
  positions: Positions;
  keyOf: (index: number) => string;
  draw: (index: number) => preact.ComponentChildren;
}

function layOut(filter: Filter, folded: ReadonlySet<string>, narrow: boolean, fold: (name: string) => void): Laid {
  const { list } = targets;
  const rowHeight = narrow ? 60 : 38;
  if (filter.layout === 'flat') {
    return {
      plan: evenPlan(list.total, rowHeight),
      positions: (span) => span,
      keyOf: (i) => `t${list.idAt(i) ?? `-${i}`}`,
      draw: (i) => <TargetLine id={list.idAt(i)} grouped={false} />,
    };
  }
  const shut = (g: GroupCounts) => folded.has(g.name) && !isFiltered(filter);
  const starts: number[] = [];
  list.groups.reduce((sum, g, i) => ((starts[i] = sum), sum + g.targets), 0);
  const plan = sectionPlan(list.groups.map((g) => ({ rows: shut(g) ? 0 : g.targets })), 40, rowHeight);
  const position = (index: number) => {
    const at = plan.place(index);
    return (starts[at.section] ?? 0) + Math.max(0, at.row);
  };
  return {
    plan,
    positions: ({ first, last }) => (last > first ? { first: position(first), last: position(last - 1) + 1 } : { first: 0, last: 0 }),
    keyOf: (i) => {
      const at = plan.place(i);
      return at.row < 0 ? `g${list.groups[at.section]?.name ?? ''}` : `t${list.idAt(position(i)) ?? `-${i}`}`;
    },
    draw: (i) => {
      const at = plan.place(i);
      const group = list.groups[at.section] as GroupCounts;
      return at.row < 0 ? <GroupHead group={group} folded={shut(group)} onFold={fold} /> : <TargetLine id={list.idAt(position(i))} grouped />;
    },
  };
}

function idsBetween({ first, last }: Span): number[] {
  const out: number[] = [];
  for (let i = first; i < last && out.length < watchMax; i++) {
    const id = targets.list.idAt(i);
    if (id !== undefined) out.push(id);
  }
  return out;
}

/** The stream brings the results of what is in sight and a little around it, so that a short scroll changes nothing. */
function watchAround(span: Span): void {
  const visible = idsBetween(span);
  const room = Math.floor((watchMax - visible.length) / 2);
  if (visible.length > 0) targets.watch(visible, idsBetween({ first: Math.max(0, span.first - room), last: span.last + room }));
}

/** The overview asks for its list while it is there. */
function useList(filter: Filter): void {
  const asked = JSON.stringify(serverQuery(filter));
  useEffect(() => targets.list.show(serverQuery(filter)), [asked]);
  useEffect(() => {
    addEventListener('scroll', hideTip, { passive: true });
    return () => {
      removeEventListener('scroll', hideTip);
      hideTip();
      targets.forgetWanted();
      targets.list.close();
    };
  }, []);
  useEffect(() => targets.fetchWanted());
}

export function Overview({ route }: { route: Route }) {
  useStores(targets);
  const narrow = useNarrow();
  const [folded, fold] = useFolded();
  const key = route.query.toString();
  const filter = useMemo(() => filterFromQuery(route.query), [key]);
  const [width, setWidth] = useState(0);
  useList(filter);
  useListKeys('.vlist a.row, .vlist a.brick');
  const { list } = targets;
  const laid = useMemo(
    () => (filter.layout === 'wall' ? null : layOut(filter, folded, narrow, fold)),
    [list.shape, filter.layout, isFiltered(filter), folded, narrow],
  );
  const wall = useMemo(() => wallPlan(list.total, width), [list.total, width]);
  const change = (next: Filter) => replaceQuery('/', filterToQuery(next));
  const [span, setSpan] = useState<Span>({ first: 0, last: 0 });
  const see = (next: Span) => {
    targets.list.need(next);
    setSpan((old) => (old.first === next.first && old.last === next.last ? old : next));
  };
  const rest = () => {
    targets.fetchWanted();
    watchAround(span);
  };
  useEffect(() => watchAround(span), [list.shape]);

  if (!targets.loaded) {
    return list.error ? <Failure error={list.error} onRetry={() => list.retry()} /> : <Loading />;
  }
  if (targets.totals().all === 0) return <FirstSteps />;
  const clear = () => change({ ...filter, ...noFilter });
  return (
    <div class={`overview${list.behind ? ' behind' : ''}`}>
      <Summary totals={targets.totals()} filter={filter} onChange={change} />
      <FilterBar filter={filter} onChange={change} />
      {list.error && <Failure error={list.error} onRetry={() => list.retry()} />}
      {list.total === 0 && <Nothing onClear={clear} />}
      {list.total > 0 && laid && (
        <div class={`table card${filter.layout === 'groups' ? ' grouped' : ''}`}>
          <HeadRow />
          <VirtualList
            label={t('overview.list')}
            plan={laid.plan}
            keyOf={laid.keyOf}
            draw={laid.draw}
            onSpan={(s) => see(laid.positions(s))}
            onRest={rest}
          />
        </div>
      )}
      {list.total > 0 && !laid && <Wall plan={wall} onWidth={setWidth} onSpan={see} onRest={rest} />}
      <BeatTip />
    </div>
  );
}
