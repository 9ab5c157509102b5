// Every alert there was, with whom it told or why it stayed quiet; filters in the address, export as it is filtered.
import { useEffect } from 'preact/hooks';
import { alerting } from '../api/alerting';
import type { Alert } from '../api/types';
import { AlertItem } from '../components/alert-item';
import { Button, Empty, Failure, LinkButton, Loading, PageHead } from '../components/basics';
import { FilterBar, useFilters } from '../components/filter-bar';
import { AlertsNav } from '../components/sections';
import { t } from '../i18n';
import { useGroups } from '../lib/groups';
import { number } from '../lib/format';
import { useClock } from '../lib/hooks';
import { useMore } from '../lib/more';
import type { Route } from '../router';
import { onEvent } from '../store';

const suppressed = ['no', 'yes', 'maintenance', 'silence', 'parent', 'own_network', 'no_channel'] as const;

export default function AlertHistory({ route }: { route: Route }) {
  const now = useClock();
  const groups = useGroups();
  const filters = useFilters('/alerts/history', route);
  const query = { status: 'resolved', ...filters.query };
  const list = useMore<Alert>((cursor, signal) => alerting.history({ ...query, limit: '50', ...(cursor && { cursor }) }, signal), [filters.key]);
  useEffect(
    () =>
      onEvent((name, data) => {
        const news = name === 'reset' || (name === 'alert' && (data as Alert).status === 'resolved');
        if (news && (list.items?.length ?? 0) <= 50) list.reload();
      }),
    [list.items?.length],
  );
  const items = list.items ?? [];
  return (
    <div class="alerts">
      <AlertsNav current="/alerts/history" />
      <PageHead title={t('alerts.history')}>
        <LinkButton icon="download" href={alerting.exportUrl(query, 'csv')}>CSV</LinkButton>
        <LinkButton icon="download" href={alerting.exportUrl(query, 'json')}>JSON</LinkButton>
      </PageHead>
      <FilterBar
        filters={filters}
        search={t('alerts.search')}
        selects={[
          { name: 'group', label: t('overview.group'), all: t('overview.group.all'), choices: groups.map((g) => ({ value: g, text: g })) },
          { name: 'suppressed', label: t('alerts.rang'), all: t('alerts.rang.all'), choices: suppressed.map((s) => ({ value: s, text: t(`alerts.rang.${s}`) })) },
          { name: 'acknowledged', label: t('alerts.acks'), all: t('alerts.acks.all'), choices: (['yes', 'no'] as const).map((s) => ({ value: s, text: t(`alerts.acks.${s}`) })) },
        ]}
        dates
      />
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.items && list.busy && <Loading />}
      {list.items && items.length === 0 && <Empty icon="bell" title={t(filters.any ? 'filter.none' : 'alerts.history.empty')} hint={t(filters.any ? 'filter.none.hint' : 'alerts.history.empty.hint')} />}
      {items.length > 0 && (
        <>
          {list.total !== undefined && <p class="found muted">{t('alerts.found', { n: list.total, shown: number(items.length) })}</p>}
          <div class="alert-list">
            {items.map((a) => <AlertItem key={a.id} alert={a} now={now} named />)}
          </div>
        </>
      )}
      {list.next && (
        <div class="card-foot">
          <Button kind="quiet" busy={list.busy} onClick={list.more}>{t('common.more')}</Button>
        </div>
      )}
    </div>
  );
}
