// The configuration that is in force, with where each value came from; reading it anew.
import { system, type ConfigValue } from '../api/system';
import { Card, Empty, Failure, Loading, PageHead } from '../components/basics';
import { FilterBar, useFilters } from '../components/filter-bar';
import { ConfigErrors, ReloadButton, shortFile, useReload } from '../components/reload';
import { SettingsNav } from '../components/sections';
import { ApiError } from '../api/client';
import { t } from '../i18n';
import { useLoad } from '../lib/hooks';
import type { Route } from '../router';

const mostRows = 1000;

/** "groups[payments].interval" → "groups[payments]"; "server.tls.cert_file" → "server". */
function sectionOf(path: string): string {
  return /^[^.[]+/.exec(path)?.[0] ?? path;
}

function Rows({ items, main }: { items: ConfigValue[]; main: string }) {
  return (
    <table class="config">
      <thead>
        <tr>
          <th>{t('config.key')}</th>
          <th>{t('config.value')}</th>
          <th>{t('config.from')}</th>
        </tr>
      </thead>
      <tbody>
        {items.map((v) => (
          <tr key={v.path} class={v.from === 'default' ? 'off' : ''}>
            <th scope="row"><code class="breakable">{v.path}</code></th>
            <td class="breakable">{v.value === '' ? <span class="muted">{t('config.emptyValue')}</span> : v.value}</td>
            <td class="nowrap">{v.from === 'file' ? <code title={t('system.place', { line: v.line ?? 1, column: v.column ?? 1 })}>{shortFile(v.file, main)}:{v.line}</code> : t('config.default')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export default function ConfigView({ route }: { route: Route }) {
  const load = useLoad(() => system.config(), []);
  const reload = useReload(load.reload);
  const filters = useFilters('/config', route);
  const all = load.data?.items ?? [];
  const q = (filters.raw['q'] ?? '').toLowerCase();
  const sections = [...new Set(all.map((v) => sectionOf(v.path)))];
  const items = all.filter(
    (v) =>
      (!filters.raw['section'] || sectionOf(v.path) === filters.raw['section']) &&
      (!filters.raw['set'] || v.from === 'file') &&
      (q === '' || v.path.toLowerCase().includes(q) || v.value.toLowerCase().includes(q)),
  );
  const broken = load.error instanceof ApiError && load.error.errors.length > 0;
  return (
    <div class="config-view">
      <SettingsNav current="/config" />
      <PageHead title={t('nav.config')}>
        <ReloadButton state={reload} />
      </PageHead>
      {reload.problem && <ConfigErrors error={reload.problem} title={t('system.reload.failed')} />}
      {load.error && !reload.problem && (broken ? <ConfigErrors error={load.error} title={t('config.broken')} /> : <Failure error={load.error} onRetry={load.reload} />)}
      {!load.data && load.busy && <Loading />}
      {load.data && (
        <>
          <p class="muted small config-file">
            {t('config.file')} <code>{load.data.file}</code>
          </p>
          <FilterBar
            filters={filters}
            search={t('config.search')}
            selects={[
              { name: 'section', label: t('config.section'), all: t('config.section.all'), choices: sections.map((s) => ({ value: s, text: s })) },
              { name: 'set', label: t('config.from'), all: t('config.all'), choices: [{ value: '1', text: t('config.set') }] },
            ]}
          />
          {items.length === 0 && <Empty icon="search" title={t('filter.none')} hint={t('filter.none.hint')} />}
          {items.length > 0 && (
            <Card>
              <div class="scroll-x" tabIndex={0}>
                <Rows items={items.slice(0, mostRows)} main={load.data.file} />
              </div>
              {items.length > mostRows && <p class="card-foot muted small">{t('config.cut', { n: mostRows, of: items.length })}</p>}
            </Card>
          )}
        </>
      )}
    </div>
  );
}
