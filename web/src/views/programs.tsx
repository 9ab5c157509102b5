// Supervised programs: how many are in which state, and each of them, worst first, with what can be done to it. A chunk
// of its own.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { BulkAction, Process } from '../api/process-types';
import { Button, Choice, ClearFilters, CopyButton, Empty, Failure, LinkButton, Loading, SearchBox } from '../components/basics';
import { Mark } from '../components/icons';
import { useProgramActions } from '../components/program-actions';
import { HealthLabel, ProgramMark, ProgramMessage, programStateWord, programWord } from '../components/program-parts';
import { Spark } from '../components/spark';
import { VirtualList } from '../components/virtual-list';
import { t } from '../i18n';
import { bytes, number, since } from '../lib/format';
import { useClock, useNarrow, usePoll } from '../lib/hooks';
import { useListKeys } from '../lib/list-keys';
import { evenPlan } from '../lib/virtual';
import {
  buildPrograms,
  isProgramFiltered,
  programFilterFromQuery,
  programFilterToQuery,
  programSorts,
  type ProgramFilter,
  type ProgramRow,
} from '../lib/program-filter';
import { markOf, mayStart, mayStop, programStates, type ProgramState, type ProgramTotals } from '../lib/program-state';
import type { State } from '../lib/state';
import { href, programPath, replaceQuery, type Route } from '../router';
import { processes } from '../store';
import { useStores } from '../store/observable';

const alwaysShown: readonly ProgramState[] = ['fatal', 'running', 'stopped'];

function verdict(totals: ProgramTotals): { state: State; text: string } {
  const failed = totals.fatal + totals.crashed + totals.refused;
  if (failed > 0) return { state: 'down', text: t('programs.failed', { n: failed }) };
  const shaky = totals.backoff + totals.restarting + totals.unhealthy;
  if (shaky > 0) return { state: 'degraded', text: t('programs.shaky', { n: shaky }) };
  if (totals.starting + totals.stopping > 0) return { state: 'unknown', text: t('programs.changing', { n: totals.starting + totals.stopping }) };
  if (totals.running === 0) return { state: 'paused', text: t('programs.idle') };
  return { state: 'up', text: t('programs.allRun') };
}

function Summary({ totals, filter, onChange }: { totals: ProgramTotals; filter: ProgramFilter; onChange: (f: ProgramFilter) => void }) {
  const { state, text } = verdict(totals);
  const toggle = (s: ProgramState) =>
    onChange({ ...filter, states: filter.states.includes(s) ? filter.states.filter((x) => x !== s) : [...filter.states, s] });
  const shown = programStates.filter((s) => totals[s] > 0 || alwaysShown.includes(s) || filter.states.includes(s));
  return (
    <div class={`summary is-${state}`}>
      <div class="verdict">
        <Mark state={state} shape={state === 'paused' ? 'square' : undefined} />
        <div>
          <h1 tabIndex={-1}>{text}</h1>
          <p class="muted">{t('programs.watching', { n: totals.all })}</p>
        </div>
      </div>
      <div class="tiles" role="group" aria-label={t('overview.states')}>
        {shown.map((s) => (
          <button
            type="button"
            key={s}
            class={`tile is-${markOf(s)}${totals[s] === 0 ? ' zero' : ''}`}
            data-state={s}
            aria-pressed={filter.states.includes(s)}
            onClick={() => toggle(s)}
          >
            <span class="tile-n num">{number(totals[s])}</span>
            <span class="tile-word">
              <ProgramMark state={s} />
              {programStateWord(s)}
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

function FilterBar({ filter, found, onChange }: { filter: ProgramFilter; found: number; onChange: (f: ProgramFilter) => void }) {
  const types = useMemo(
    () => [...new Set([...processes.items.values()].map((p) => p.type ?? ''))].filter(Boolean).sort(),
    [processes.shape],
  );
  const total = processes.items.size;
  return (
    <div class="filters" role="search">
      <SearchBox label={t('programs.search')} value={filter.q} onInput={(q) => onChange({ ...filter, q })} />
      {types.length > 1 && (
        <Choice label={t('overview.type')} all={t('overview.type.all')} value={filter.type} choices={types.map((v) => ({ value: v, text: v }))} onChange={(type) => onChange({ ...filter, type })} />
      )}
      <Choice label={t('overview.sort')} value={filter.sort} choices={programSorts.map((v) => ({ value: v, text: t(`programs.sort.${v}`) }))} onChange={(sort) => onChange({ ...filter, sort })} />
      <span class="found muted num" role="status">
        {isProgramFiltered(filter) && t('programs.foundOf', { n: found, of: total })}
      </span>
      {isProgramFiltered(filter) && <ClearFilters onClick={() => onChange({ ...filter, q: '', states: [], type: '' })} />}
      <LinkButton icon="plus" href={href('/programs/new')}>
        {t('programs.add')}
      </LinkButton>
    </div>
  );
}

function RowActions({ p }: { p: Process }) {
  const { busy, act } = useProgramActions();
  const name = p.name || p.id;
  const first = mayStart(p) ? 'start' : 'restart';
  return (
    <span class="pcell-actions">
      <Button
        icon={first === 'start' ? 'play' : 'refresh'}
        kind="quiet"
        title={t(`program.${first}.named`, { name })}
        busy={busy === first}
        disabled={Boolean(p.refused) || p.status === 'stopping'}
        onClick={() => void act(p, first)}
      />
      {mayStop(p) && (
        <Button icon="stop" kind="quiet" title={t('program.stop.named', { name })} busy={busy === 'stop'} onClick={() => void act(p, 'stop')} />
      )}
    </span>
  );
}

function Usage({ p }: { p: Process }) {
  const samples = processes.samples.get(p.id);
  const runs = Boolean(p.pid);
  return (
    <>
      <span class="pcell-cpu num">{runs && p.cpu_percent != null ? `${number(p.cpu_percent, 1)} %` : <span class="muted">–</span>}</span>
      <span class="pcell-memory num">
        <Spark values={samples?.memory} label={t('program.memory.spark')} />
        {runs && p.rss_bytes ? bytes(p.rss_bytes) : <span class="muted">–</span>}
      </span>
    </>
  );
}

function ProgramLine({ row, now, picked, onPick }: { row: ProgramRow; now: number; picked: boolean; onPick: (id: string) => void }) {
  const { process: p, state } = row;
  const runs = Boolean(p.pid);
  const restarts = p.restarts ?? 0;
  const message = <ProgramMessage p={p} />;
  const quiet = !p.message && !p.refused && (state === 'running' || state === 'stopped' || state === 'finished');
  return (
    <div class={`prow is-${markOf(state)}${runs ? '' : ' idle'}${picked ? ' picked' : ''}`} data-state={state}>
      <label class="pcheck">
        <input type="checkbox" checked={picked} aria-label={t('programs.select', { name: p.name || p.id })} onChange={() => onPick(p.id)} />
      </label>
      <span class="pcell-state">
        <ProgramMark state={state} />
        <span class="state-word">{programWord(p)}</span>
        {state !== 'running' && p.changed_at && <span class="pcell-for muted num">{since(p.changed_at, now)}</span>}
      </span>
      <span class="pcell-what">
        <span class="pcell-name">
          <a class="name row-link" href={href(programPath(p.id))} data-id={p.id}>
            {p.id}
          </a>
          {p.name && p.name !== p.id && <span class="pcell-title muted">{p.name}</span>}
          {p.type && <span class="chip">{p.type}</span>}
          {!p.enabled && <span class="chip">{t('program.unmonitored')}</span>}
        </span>
        <span class="pcell-message muted">{quiet ? (p.command ?? []).join(' ') : message}</span>
      </span>
      <span class="pcell-health">
        <HealthLabel p={p} />
      </span>
      <span class="pcell-time num">
        {runs && p.started_at ? since(p.started_at, now) : <span class="muted">–</span>}
        {runs && <span class="pcell-under muted">PID {p.pid}</span>}
      </span>
      <span class={`pcell-restarts num${restarts > 0 ? ' some' : ''}`} title={t('program.budget', { n: p.restarts_in_hour ?? 0, max: p.max_restarts ?? 0 })}>
        {number(restarts)}
        {(p.restarts_in_hour ?? 0) > 0 && (p.max_restarts ?? 0) > 0 && (
          <span class="pcell-under muted">{t('program.budget.short', { n: p.restarts_in_hour ?? 0, max: p.max_restarts ?? 0 })}</span>
        )}
      </span>
      <Usage p={p} />
      <RowActions p={p} />
    </div>
  );
}

function HeadRow({ all, some, onAll }: { all: boolean; some: boolean; onAll: () => void }) {
  return (
    <div class="prow prow-head">
      <label class="pcheck">
        <input type="checkbox" checked={all} indeterminate={some && !all} aria-label={t('programs.selectAll')} onChange={onAll} />
      </label>
      <span class="pcell-state">{t('col.state')}</span>
      <span class="pcell-what">{t('programs.col.program')}</span>
      <span class="pcell-health">{t('programs.col.health')}</span>
      <span class="pcell-time">{t('programs.col.time')}</span>
      <span class="pcell-restarts">{t('system.col.restarts')}</span>
      <span class="pcell-cpu">{t('system.col.cpu')}</span>
      <span class="pcell-memory">{t('system.col.memory')}</span>
      <span class="pcell-actions" />
    </div>
  );
}

function BulkBar({ picked, onClear }: { picked: readonly string[]; onClear: () => void }) {
  const { busy, several } = useProgramActions();
  const go = async (action: BulkAction, rolling = false) => {
    if (await several(action, picked, rolling)) onClear();
  };
  return (
    <div class="bulk" role="toolbar" aria-label={t('programs.selected', { n: picked.length })}>
      <span class="bulk-n">{t('programs.selected', { n: picked.length })}</span>
      <Button icon="play" busy={busy === 'start'} onClick={() => void go('start')}>
        {t('program.start')}
      </Button>
      <Button icon="refresh" busy={busy === 'restart'} onClick={() => void go('restart')}>
        {t('program.restart')}
      </Button>
      <Button icon="refresh" busy={busy === 'rolling'} onClick={() => void go('restart', true)}>
        {t('programs.rolling')}
      </Button>
      <Button icon="stop" busy={busy === 'stop'} onClick={() => void go('stop')}>
        {t('program.stop')}
      </Button>
      <Button icon="cross" kind="quiet" title={t('programs.unselect')} onClick={onClear} />
    </div>
  );
}

const example = `processes:
  monitor: {enable: true, max_restarts: 10}
  units:
    - id: web
      command: [/usr/bin/python3, -m, http.server, "8000"]
      directory: /srv/www
      health: {url: "http://127.0.0.1:8000/"}
`;

function FirstSteps() {
  return (
    <div class="first-program">
      <Empty whole icon="terminal" title={t('programs.empty')} hint={t('programs.empty.hint')}>
        <LinkButton kind="primary" icon="plus" href={href('/programs/new')}>
          {t('programs.add')}
        </LinkButton>
        <p class="muted small">{t('programs.empty.file')}</p>
      </Empty>
      <figure class="snippet">
        <CopyButton text={example} />
        <pre tabIndex={0}>
          <code>{example}</code>
        </pre>
      </figure>
    </div>
  );
}

/** What is selected among the rows that are shown; a row that is filtered away is not acted on. */
function usePicked(rows: readonly ProgramRow[]) {
  const [set, setSet] = useState<ReadonlySet<string>>(new Set());
  const ids = useMemo(() => rows.map((r) => r.process.id).filter((id) => set.has(id)), [rows, set]);
  const toggle = (id: string) => {
    const next = new Set(set);
    if (!next.delete(id)) next.add(id);
    setSet(next);
  };
  const clear = () => setSet(new Set());
  const all = () => setSet(ids.length === rows.length ? new Set() : new Set(rows.map((r) => r.process.id)));
  return { set, ids, toggle, clear, all };
}

/** "x" selects the row that has the focus. */
function usePickKey(toggle: (id: string) => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const id = (document.activeElement as HTMLElement | null)?.dataset?.['id'];
      if (event.key === 'x' && id && !event.ctrlKey && !event.metaKey && !event.altKey) toggle(id);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}

export default function ProgramsView({ route }: { route: Route }) {
  useStores(processes);
  const narrow = useNarrow();
  const now = useClock(5000);
  const key = route.query.toString();
  const filter = useMemo(() => programFilterFromQuery(route.query), [key]);
  // Messages, CPU and memory change without a new shape.
  const moving = filter.q !== '' || ['cpu', 'memory', 'restarts'].includes(filter.sort) ? processes.version : 0;
  const rows = useMemo(() => buildPrograms(processes.items.values(), filter), [processes.shape, processes.loaded, moving, filter]);
  const plan = useMemo(() => evenPlan(rows.length, narrow ? tall : flat), [rows.length, narrow]);
  const picked = usePicked(rows);
  useListKeys('.vlist a.row-link');
  usePickKey(picked.toggle);
  useEffect(() => processes.want(), []);
  usePoll(() => processes.stale(), processes.refreshMs());
  const change = (next: ProgramFilter) => replaceQuery('/programs', programFilterToQuery(next));
  if (!processes.loaded) {
    return processes.error ? <Failure error={processes.error} onRetry={() => void processes.load()} /> : <Loading />;
  }
  if (processes.items.size === 0) return <FirstSteps />;
  return (
    <div class="programs">
      <Summary totals={processes.totals()} filter={filter} onChange={change} />
      <FilterBar filter={filter} found={rows.length} onChange={change} />
      {processes.error && <Failure error={processes.error} onRetry={() => void processes.load()} />}
      {rows.length === 0 ? (
        <Empty icon="search" title={t('programs.none')} hint={t('overview.none.hint')}>
          <Button onClick={() => change({ ...filter, q: '', states: [], type: '' })}>{t('overview.clear')}</Button>
        </Empty>
      ) : (
        <div class="table card">
          <HeadRow all={picked.ids.length === rows.length} some={picked.ids.length > 0} onAll={picked.all} />
          <VirtualList
            label={t('programs.list')}
            plan={plan}
            keyOf={(i) => (rows[i] as ProgramRow).process.id}
            draw={(i) => {
              const row = rows[i] as ProgramRow;
              return <ProgramLine row={row} now={now} picked={picked.set.has(row.process.id)} onPick={picked.toggle} />;
            }}
          />
        </div>
      )}
      {picked.ids.length > 0 && <BulkBar picked={picked.ids} onClear={picked.clear} />}
    </div>
  );
}

const tall = 92;
const flat = 56;
