// Alerts: what rings now, and what rang before.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Alert } from '../api/types';
import { AlertItem } from '../components/alert-item';
import { Button, Empty, Failure, Loading, PageHead, Segmented } from '../components/basics';
import { t } from '../i18n';
import { useClock, useLoad } from '../lib/hooks';
import { replaceQuery, type Route } from '../router';
import { alerts, onEvent } from '../store';
import { useStores } from '../store/observable';

type Tab = 'firing' | 'history';

function AlertList({ items, now }: { items: Alert[]; now: number }) {
  return (
    <div class="alert-list">
      {items.map((a) => (
        <AlertItem key={a.id} alert={a} now={now} named />
      ))}
    </div>
  );
}

function History({ now }: { now: number }) {
  const [limit, setLimit] = useState(50);
  const list = useLoad(() => api.alerts({ status: 'resolved', limit }), [limit]);
  useEffect(
    () =>
      onEvent((name, data) => {
        if (name === 'alert' && (data as Alert).status === 'resolved') list.reload();
      }),
    [],
  );
  if (list.error) return <Failure error={list.error} onRetry={list.reload} />;
  if (!list.data) return <Loading />;
  const items = list.data.items.filter((a) => a.status === 'resolved');
  if (items.length === 0) {
    return <Empty icon="bell" title={t('alerts.history.empty')} hint={t('alerts.history.empty.hint')} />;
  }
  return (
    <>
      <AlertList items={items} now={now} />
      {list.data.items.length >= limit && (
        <div class="card-foot">
          <Button kind="quiet" busy={list.busy} onClick={() => setLimit(limit + 150)}>
            {t('common.more')}
          </Button>
        </div>
      )}
    </>
  );
}

function Firing({ now }: { now: number }) {
  if (alerts.error) return <Failure error={alerts.error} onRetry={() => void alerts.load()} />;
  if (alerts.state !== 'ready' && alerts.items.length === 0) return <Loading />;
  if (alerts.items.length === 0) {
    return <Empty icon="check" title={t('alerts.firing.empty')} hint={t('alerts.firing.empty.hint')} />;
  }
  return <AlertList items={alerts.items} now={now} />;
}

export default function AlertsView({ route }: { route: Route }) {
  useStores(alerts);
  const now = useClock();
  const tab: Tab = route.query.get('show') === 'history' ? 'history' : 'firing';
  const choose = (next: Tab) =>
    replaceQuery('/alerts', new URLSearchParams(next === 'history' ? { show: 'history' } : {}));
  return (
    <div class="alerts">
      <PageHead title={t('alerts.title')}>
        <Segmented<Tab>
          label={t('alerts.title')}
          value={tab}
          choices={[
            { value: 'firing', text: t('alerts.firing'), count: alerts.items.length },
            { value: 'history', text: t('alerts.history') },
          ]}
          onChange={choose}
        />
      </PageHead>
      {tab === 'firing' ? <Firing now={now} /> : <History now={now} />}
    </div>
  );
}
