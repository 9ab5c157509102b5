// What rings now: how long, who was told and what they answered, who has taken it on.
import type { Alert } from '../api/types';
import { AlertActions } from '../components/alert-actions';
import { AlertItem } from '../components/alert-item';
import { Empty, Failure, LinkButton, Loading, PageHead, Segmented } from '../components/basics';
import { FilterBar, useFilters } from '../components/filter-bar';
import { AlertsNav } from '../components/sections';
import { t } from '../i18n';
import { useClock } from '../lib/hooks';
import { href, type Route } from '../router';
import { alerts } from '../store';
import { useStores } from '../store/observable';

type Show = 'all' | 'open' | 'acked';

function wanted(alert: Alert, raw: Record<string, string>): boolean {
  if (raw['show'] === 'open' && alert.acknowledged) return false;
  if (raw['show'] === 'acked' && !alert.acknowledged) return false;
  if (raw['group'] && alert.group !== raw['group']) return false;
  const q = raw['q']?.toLowerCase();
  return !q || `${alert.target_name} ${alert.group} ${alert.message}`.toLowerCase().includes(q);
}

function List({ items, all, now, clear }: { items: Alert[]; all: number; now: number; clear: () => void }) {
  if (alerts.error) return <Failure error={alerts.error} onRetry={() => void alerts.load()} />;
  if (alerts.state !== 'ready' && all === 0) return <Loading />;
  if (all === 0) return <Empty icon="check" title={t('alerts.firing.empty')} hint={t('alerts.firing.empty.hint')} />;
  if (items.length === 0) {
    return (
      <Empty icon="search" title={t('filter.none')} hint={t('filter.none.hint')}>
        <button type="button" class="button" onClick={clear}>{t('overview.clear')}</button>
      </Empty>
    );
  }
  return (
    <div class="alert-list">
      {items.map((a) => (
        <AlertItem key={a.id} alert={a} now={now} named>
          <AlertActions alert={a} />
        </AlertItem>
      ))}
    </div>
  );
}

export default function AlertsView({ route }: { route: Route }) {
  useStores(alerts);
  const now = useClock();
  const filters = useFilters('/alerts', route);
  const items = alerts.items.filter((a) => wanted(a, filters.raw));
  const acked = alerts.items.filter((a) => a.acknowledged).length;
  const groups = [...new Set(alerts.items.map((a) => a.group ?? ''))].filter(Boolean).sort();
  return (
    <div class="alerts">
      <AlertsNav current="/alerts" />
      <PageHead title={t('alerts.title')}>
        {alerts.items.length > 0 && (
          <Segmented<Show>
            label={t('alerts.title')}
            value={(filters.raw['show'] as Show | undefined) ?? 'all'}
            choices={[
              { value: 'all', text: t('alerts.show.all'), count: alerts.items.length },
              { value: 'open', text: t('alerts.show.open'), count: alerts.items.length - acked },
              { value: 'acked', text: t('alerts.show.acked'), count: acked },
            ]}
            onChange={(v) => filters.set('show', v === 'all' ? '' : v)}
          />
        )}
        <LinkButton icon="mute" href={href('/silences', { new: '1' })}>{t('silences.add')}</LinkButton>
      </PageHead>
      {alerts.items.length > 3 && (
        <FilterBar filters={filters} search={t('alerts.search')} selects={[{ name: 'group', label: t('overview.group'), all: t('overview.group.all'), choices: groups.map((g) => ({ value: g, text: g })) }]} />
      )}
      <List items={items} all={alerts.items.length} now={now} clear={filters.clear} />
    </div>
  );
}
