// The audit log: who changed what, from where, before and after.
import { useState } from 'preact/hooks';
import { access, type AuditEntry } from '../api/access';
import type { Page } from '../api/types';
import { Button, Card, Empty, Failure, LinkButton, Loading, PageHead } from '../components/basics';
import { FilterBar, useFilters } from '../components/filter-bar';
import { Icon } from '../components/icons';
import { SettingsNav } from '../components/sections';
import { hasKey, lang, t } from '../i18n';
import { changes } from '../lib/diff';
import { fullTime, when } from '../lib/format';
import { useMore } from '../lib/more';
import type { Route } from '../router';

function word(prefix: string, name: string): string {
  const key = `${prefix}.${name}`;
  return hasKey(key) ? t(key) : name;
}

function Diff({ entry }: { entry: AuditEntry }) {
  const rows = changes(entry.before, entry.after);
  if (rows.length === 0) return <p class="muted small">{t('audit.noDetails')}</p>;
  return (
    <table class="diff">
      <thead>
        <tr>
          <th>{t('audit.field')}</th>
          <th>{t('audit.before')}</th>
          <th>{t('audit.after')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((r) => (
          <tr key={r.path}>
            <th scope="row"><code>{r.path}</code></th>
            <td>{r.before === undefined ? <span class="muted">–</span> : <del>{r.before}</del>}</td>
            <td>{r.after === undefined ? <span class="muted">–</span> : <ins>{r.after}</ins>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const [open, setOpen] = useState(false);
  const details = Boolean(entry.before || entry.after);
  const failed = entry.action.endsWith('_failed');
  const name = entry.object || (entry.object_id ? `#${entry.object_id}` : '');
  return (
    <li class={`entry${open ? ' open' : ''}`}>
      <button type="button" class="entry-head" aria-expanded={open} disabled={!details} onClick={() => setOpen(!open)}>
        <span class="fold" aria-hidden="true">{details && <Icon name="chevron" />}</span>
        <time class="num" dateTime={entry.at} title={fullTime(entry.at)}>{when(entry.at)}</time>
        <span class="entry-who">{entry.actor}</span>
        <span class="entry-what">
          <span class={failed ? 'is-down stateful' : ''}>{word('audit.action', entry.action)}</span>
          {entry.kind && entry.kind !== 'session' && <>{lang() === 'zh' ? '' : ' '}{word('audit.kind', entry.kind)}</>} {name && <strong>{name}</strong>}
        </span>
        <span class="entry-from num muted">{entry.address}</span>
      </button>
      {open && <Diff entry={entry} />}
    </li>
  );
}

const kinds = ['target', 'channel', 'process', 'maintenance', 'silence', 'alert', 'status_page', 'incident', 'user', 'token', 'session'];
const actions = ['create', 'update', 'delete', 'login', 'login_failed', 'logout', 'setup', 'test', 'reload'];

export default function AuditView({ route }: { route: Route }) {
  const filters = useFilters('/audit', route);
  const list = useMore<AuditEntry>((cursor, signal): Promise<Page<AuditEntry>> => access.audit({ ...filters.query, limit: '100', ...(cursor && { cursor }) }, signal), [filters.key]);
  return (
    <div class="audit">
      <SettingsNav current="/audit" />
      <PageHead title={t('nav.audit')}>
        <LinkButton icon="download" href={access.auditCsv(filters.query)}>CSV</LinkButton>
      </PageHead>
      <FilterBar
        filters={filters}
        search={t('audit.search')}
        selects={[
          { name: 'kind', label: t('audit.kind'), all: t('audit.kind.all'), choices: kinds.map((k) => ({ value: k, text: word('audit.kind', k) })) },
          { name: 'action', label: t('audit.action'), all: t('audit.action.all'), choices: actions.map((a) => ({ value: a, text: word('audit.action', a) })) },
        ]}
        dates
      />
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.items && list.busy && <Loading />}
      {list.items?.length === 0 && <Empty icon="file" title={t(filters.any ? 'filter.none' : 'audit.empty')} hint={t(filters.any ? 'filter.none.hint' : 'audit.empty.hint')} />}
      {list.items && list.items.length > 0 && (
        <Card class="entries-card">
          <ol class="entries">
            {list.items.map((e) => <Entry key={e.id} entry={e} />)}
          </ol>
          {list.next && (
            <div class="card-foot">
              <Button kind="quiet" busy={list.busy} onClick={list.more}>{t('common.more')}</Button>
            </div>
          )}
        </Card>
      )}
    </div>
  );
}
