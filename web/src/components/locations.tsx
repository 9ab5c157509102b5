// The agents that check from elsewhere: who is connected, and how another one is started.
import { useState } from 'preact/hooks';
import { system, type Location } from '../api/system';
import { t } from '../i18n';
import '../i18n/more';
import { fullTime, number, since, when } from '../lib/format';
import { useLoad, usePoll } from '../lib/hooks';
import type { State } from '../lib/state';
import { may } from '../store/session';
import { Button, Card, Empty, Failure, Loading, StateLabel } from './basics';
import { AgentCommand, TokenForm } from './token-list';


function stateOf(at: Location): { state: State; word: string } {
  if (at.connected) return { state: 'up', word: t('locations.connected') };
  return at.last_heard_at ? { state: 'down', word: t('locations.silent') } : { state: 'unknown', word: t('locations.never') };
}

function Count({ n, bad = false }: { n: number | null | undefined; bad?: boolean }) {
  return <td class={`num right${bad && n ? ' strong' : ''}`}>{n === null || n === undefined ? '–' : number(n)}</td>;
}

function Row({ at, now }: { at: Location; now: number }) {
  const { state, word } = stateOf(at);
  return (
    <tr>
      <th scope="row">{at.name}</th>
      <td>
        <span class="place-state">
          <StateLabel state={state} word={word} />
          {at.since && <span class="muted small num" title={fullTime(at.since)}>{since(at.since, now)}</span>}
        </span>
      </td>
      <td class="num" title={at.last_heard_at ? fullTime(at.last_heard_at) : ''}>{when(at.last_heard_at)}</td>
      <td class="num">{at.version || '–'}</td>
      <td class="num">{at.address || '–'}</td>
      <Count n={at.targets} />
      <Count n={at.buffered} />
      <Count n={at.dropped} bad />
    </tr>
  );
}

const columns = ['name', 'state', 'heard', 'version', 'address', 'targets', 'buffered', 'dropped'] as const;

function Table({ items, now }: { items: Location[]; now: number }) {
  return (
    <div class="scroll-x" tabIndex={0}>
      <table class="processes">
        <thead>
          <tr>
            {columns.map((c, i) => (
              <th key={c} class={i > 4 ? 'right' : ''} title={c === 'buffered' || c === 'dropped' ? t(`locations.col.${c}.help`) : undefined}>
                {t(`locations.col.${c}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((x) => <Row key={x.name} at={x} now={now} />)}
        </tbody>
      </table>
    </div>
  );
}

/** How to begin: the command, whose token the button makes. */
function First() {
  return (
    <>
      <Empty small icon="globe" title={t('locations.empty')} hint={t('locations.empty.hint')} />
      <AgentCommand token="TOKEN" />
    </>
  );
}

export function LocationsCard({ now }: { now: number }) {
  const list = useLoad(() => system.locations(), []);
  const [adding, setAdding] = useState(false);
  usePoll(() => list.busy || list.reload(), 5000);
  const items = list.data?.items ?? [];
  const close = () => {
    setAdding(false);
    list.reload();
  };
  const add = may('admin') && !adding && (
    <Button id="add-location" icon="plus" onClick={() => setAdding(true)}>
      {t('locations.add')}
    </Button>
  );
  return (
    <>
      <Card title={t('locations.title')} aside={add}>
        {list.error && <Failure error={list.error} onRetry={list.reload} />}
        {!list.data && list.busy && <Loading />}
        {list.data && items.length === 0 && <First />}
        {items.length > 0 && <Table items={items} now={now} />}
      </Card>
      {adding && <TokenForm location taken={items.map((x) => x.name)} onCancel={close} onMade={close} />}
    </>
  );
}
