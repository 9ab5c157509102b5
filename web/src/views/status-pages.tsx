// Public status pages: which there are, and the incidents that they tell of.
import { useEffect } from 'preact/hooks';
import { status, type Incident, type StatusPage } from '../api/status';
import { Card, CopyButton, Empty, Failure, LinkButton, Loading, PageHead, StateLabel } from '../components/basics';
import { Icon } from '../components/icons';
import { SettingsNav } from '../components/sections';
import { t } from '../i18n';
import { span, when } from '../lib/format';
import { useClock, useLoad } from '../lib/hooks';
import type { State } from '../lib/state';
import { href } from '../router';
import { onChange } from '../store';
import { may } from '../store/session';

/** Relative to the page itself, so that it works behind a prefix. */
export function publicAddress(page: StatusPage): string {
  return page.url || new URL(`status/${page.slug}`, location.href.replace(/#.*/, '')).href;
}

const impactState: Record<string, State> = { minor: 'degraded', major: 'down', critical: 'down', maintenance: 'maintenance' };

function PageRow({ page }: { page: StatusPage }) {
  const address = publicAddress(page);
  const subscribers = page.subscribers?.active ?? 0;
  return (
    <li class={`plan${page.enabled ? '' : ' off'}`}>
      <div class="plan-text">
        <p class="plan-head">
          {may('editor') ? <a class="name" href={href(`/status-pages/${page.id}`)}>{page.title}</a> : <span class="name">{page.title}</span>}
          {!page.enabled && <span class="chip">{t('pages.off')}</span>}
          {page.private && <span class="chip with-icon"><Icon name="lock" />{t('pages.private')}</span>}
        </p>
        <p class="small">
          <a href={address} target="_blank" rel="noreferrer">{address}</a>
        </p>
        <p class="small muted">
          {t('pages.targets', { n: page.target_count ?? 0 })}
          {subscribers > 0 && ` · ${t('pages.subscribers', { n: subscribers })}`}
          {(page.missing?.length ?? 0) > 0 && <span class="is-degraded stateful"> · {t('pages.missing', { n: page.missing?.length ?? 0 })}</span>}
        </p>
      </div>
      <div class="channel-actions">
        <CopyButton kind="quiet" text={address} />
        {may('editor') && <LinkButton icon="edit" kind="quiet" title={t('users.edit', { name: page.title })} href={href(`/status-pages/${page.id}`)} />}
      </div>
    </li>
  );
}

function IncidentRow({ incident, now }: { incident: Incident; now: number }) {
  const open = incident.status !== 'resolved';
  const end = incident.resolved_at ? Date.parse(incident.resolved_at) : now;
  return (
    <li class={`plan${open ? '' : ' off'}`}>
      <div class="plan-text">
        <p class="plan-head">
          <StateLabel state={open ? (impactState[incident.impact] ?? 'degraded') : 'up'} word={t(`incident.status.${incident.status}`)} />
          {may('editor') ? <a class="name" href={href(`/incidents/${incident.id}`)}>{incident.title}</a> : <span class="name">{incident.title}</span>}
          {incident.auto && <span class="chip">{t('incidents.auto')}</span>}
        </p>
        <p class="small muted">
          {t(`incident.impact.${incident.impact}`)} · {when(incident.started_at)} · {span(end - Date.parse(incident.started_at))} · {t('incidents.updates', { n: incident.updates.length })}
          {incident.status_pages.map((p) => <span class="chip" key={p}>{p}</span>)}
        </p>
      </div>
      {may('editor') && <LinkButton icon="edit" kind="quiet" title={t('users.edit', { name: incident.title })} href={href(`/incidents/${incident.id}`)} />}
    </li>
  );
}

function Incidents({ pages }: { pages: number }) {
  const now = useClock();
  const list = useLoad(() => status.incidents({}), []);
  useEffect(() => onChange('incident', list.reload), []);
  const items = list.data?.items ?? [];
  return (
    <Card
      title={t('incidents.title')}
      aside={may('editor') && pages > 0 && <LinkButton icon="plus" href={href('/incidents/new')}>{t('incidents.add')}</LinkButton>}
    >
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && items.length === 0 && <Empty small icon="check" title={t('incidents.empty')} hint={t('incidents.empty.hint')} />}
      {items.length > 0 && (
        <ul class="plan-list">
          {items.map((x) => <IncidentRow key={x.id} incident={x} now={now} />)}
        </ul>
      )}
    </Card>
  );
}

export default function StatusPagesView() {
  const list = useLoad(() => status.pages(), []);
  useEffect(() => onChange('status_page', list.reload), []);
  const items = list.data?.items ?? [];
  const add = may('editor') && <LinkButton kind="primary" icon="plus" href={href('/status-pages/new')}>{t('pages.add')}</LinkButton>;
  return (
    <div class="status-pages">
      <SettingsNav current="/status-pages" />
      <PageHead title={t('nav.statusPages')}>{items.length > 0 && add}</PageHead>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && items.length === 0 && (
        <Empty icon="globe" title={t('pages.empty')} hint={t('pages.empty.hint')}>
          {add}
        </Empty>
      )}
      {items.length > 0 && (
        <Card>
          <ul class="plan-list">
            {items.map((p) => <PageRow key={p.id} page={p} />)}
          </ul>
        </Card>
      )}
      {list.data && (items.length > 0) && <Incidents pages={items.length} />}
    </div>
  );
}
