// Belfry itself: its processes, what made one of them die, keeping its data, and reading the configuration anew.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import { system, type Crash } from '../api/system';
import type { BelfryNode } from '../api/types';
import { Card, CopyButton, Empty, Failure, Loading, PageHead, Snippets } from '../components/basics';
import { Fact } from '../components/fact';
import { Icon, Mark } from '../components/icons';
import { LocationsCard } from '../components/locations';
import { ConfigErrors, ReloadButton, useReload } from '../components/reload';
import { SettingsNav } from '../components/sections';
import { hasKey, t } from '../i18n';
import { bytes, fullTime, number, percent, since, span, when } from '../lib/format';
import { useClock, useLoad } from '../lib/hooks';
import { statusMark, type MarkShape } from '../lib/program-state';
import type { State } from '../lib/state';
import { may } from '../store/session';

function processState(node: BelfryNode): { word: string; mark: State; shape?: MarkShape } {
  const name = node.state ?? node.status ?? 'unknown';
  const key = `process.${name}`;
  return { word: hasKey(key) ? t(key) : name, ...statusMark(name) };
}

function dash(value: number | null | undefined, show: (v: number) => string): string {
  return value === null || value === undefined ? '–' : show(value);
}

function Ring({ fill }: { fill: number | null | undefined }) {
  if (fill === null || fill === undefined) return <>–</>;
  return (
    <span class={`gauge is-${fill > 0.8 ? 'down' : fill > 0.5 ? 'degraded' : 'up'}`} title={percent(fill, 1)}>
      <span class="gauge-bar" aria-hidden="true">
        <span style={{ width: percent100(fill) }} />
      </span>
      <span class="num">{percent(fill, fill > 0 && fill < 0.01 ? 1 : 0)}</span>
    </span>
  );
}

function percent100(fraction: number): string {
  return `${Math.min(100, Math.max(0, fraction * 100))}%`;
}

function lastExit(node: BelfryNode): string {
  if (!node.last_exit) return '';
  const text = typeof node.last_exit === 'string' ? node.last_exit : JSON.stringify(node.last_exit);
  return t('system.lastExit', { text });
}

function Row({ node, now }: { node: BelfryNode; now: number }) {
  const { word, mark, shape } = processState(node);
  return (
    <tr title={lastExit(node)}>
      <th scope="row">{node.name}</th>
      <td>
        <span class={`state is-${mark}`}>
          <Mark state={mark} shape={shape} />
          <span class="state-word">{word}</span>
        </span>
      </td>
      <td class="num right">{dash(node.pid, String)}</td>
      <td class="num right">{node.started_at ? since(node.started_at, now) : '–'}</td>
      <td class={`num right${(node.restarts ?? 0) > 0 ? ' strong' : ''}`}>{dash(node.restarts, number)}</td>
      <td class="num right">{dash(node.rss_bytes, bytes)}</td>
      <td class="num right">{dash(node.cpu_percent, (v) => `${number(v, 1)} %`)}</td>
      <td class="right">
        <Ring fill={node.ring_fill} />
      </td>
      <td class="num right">{dash(node.targets, number)}</td>
      <td class={`num right${(node.missed_rounds ?? 0) > 0 ? ' strong' : ''}`}>{dash(node.missed_rounds, number)}</td>
    </tr>
  );
}

const columns = ['process', 'state', 'pid', 'uptime', 'restarts', 'memory', 'cpu', 'ring', 'targets', 'missed'] as const;

function Processes({ items, now }: { items: BelfryNode[]; now: number }) {
  return (
    <div class="scroll-x" tabIndex={0}>
      <table class="processes">
        <thead>
          <tr>
            {columns.map((c, i) => (
              <th key={c} class={i > 1 ? 'right' : ''}>
                {t(`system.col.${c}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((n) => (
            <Row key={`${n.name}${n.pid}`} node={n} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CrashItem({ crash }: { crash: Crash }) {
  const [open, setOpen] = useState(false);
  const r = crash.report;
  const why = r.reason || r.exception?.message || r.exit?.text || '';
  const facts: [string, string][] = [
    [t('crash.exit'), r.exit?.text ?? ''],
    [t('crash.lived'), r.resources?.uptime_seconds === undefined ? '' : span(r.resources.uptime_seconds * 1000)],
    [t('crash.memory'), r.resources?.max_rss_bytes ? bytes(r.resources.max_rss_bytes) : ''],
    [t('crash.command'), r.command?.join(' ') ?? ''],
    [t('crash.platform'), String(r.system_info?.['platform'] ?? '')],
    [t('crash.file'), crash.file],
  ];
  return (
    <li class={`entry${open ? ' open' : ''}`}>
      <button type="button" class="entry-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="fold" aria-hidden="true"><Icon name="chevron" /></span>
        <time class="num" title={r.timestamp && fullTime(r.timestamp)}>{when(r.timestamp)}</time>
        <span class="entry-who">{r.unit ?? r.process_name}</span>
        <span class="entry-what">{why}</span>
        <span class="entry-from num muted">{r.process_id}</span>
      </button>
      {open && (
        <div class="crash">
          {r.exception?.message && <p class="breakable"><strong>{r.exception.type}</strong> {r.exception.message}</p>}
          <dl class="facts">
            {facts.filter(([, v]) => v !== '').map(([k, v]) => <Fact key={k} name={k}>{v}</Fact>)}
          </dl>
          {r.exception?.traceback && <><h3>{t('crash.trace')}</h3><pre class="payload" tabIndex={0}>{r.exception.traceback}</pre></>}
          {r.log_tail && r.log_tail.length > 0 && <><h3>{t('crash.log')}</h3><pre class="payload" tabIndex={0}>{r.log_tail.join('\n')}</pre></>}
          <CopyButton text={() => JSON.stringify(r, null, 2)}>{t('crash.copy')}</CopyButton>
        </div>
      )}
    </li>
  );
}

function Crashes() {
  const list = useLoad(() => system.crashes(), []);
  const items = list.data?.items ?? [];
  return (
    <Card title={t('crash.title')} class="entries-card">
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.data && items.length === 0 && <Empty small icon="check" title={t('crash.empty')} hint={t('crash.empty.hint')} />}
      {items.length > 0 && (
        <ol class="entries">
          {items.map((c) => <CrashItem key={c.file} crash={c} />)}
        </ol>
      )}
    </Card>
  );
}

const keeping: [string, 'keep.backup' | 'keep.restore' | 'keep.export' | 'keep.apply'][] = [
  ['belfry backup belfry-backup.tar.zst', 'keep.backup'],
  ['belfry restore belfry-backup.tar.zst', 'keep.restore'],
  ['belfry export > belfry-objects.yaml', 'keep.export'],
  ['belfry apply -f belfry-objects.yaml --diff', 'keep.apply'],
];

/** How to keep Belfry's data: commands, since a page is no place to restore from. */
function Keeping() {
  return (
    <Card title={t('keep.title')}>
      <div class="card-body">
        <p class="muted">{t('keep.hint')}</p>
        <Snippets rows={keeping.map(([command, key]) => [t(key), command])} />
      </div>
    </Card>
  );
}

export default function SystemView() {
  const now = useClock(5000);
  const nodes = useLoad(() => api.nodes(), []);
  const reload = useReload(nodes.reload);
  useEffect(() => {
    if (!nodes.busy) nodes.reload();
  }, [now]);
  const items = nodes.data?.items ?? [];
  return (
    <div class="system">
      <SettingsNav current="/system" />
      <PageHead title={t('system.title')}>
        {nodes.data?.version && <span class="muted small">{t('system.version', { v: nodes.data.version })}</span>}
        {may('editor') && <ReloadButton state={reload} />}
      </PageHead>
      {reload.problem && <ConfigErrors error={reload.problem} title={t('system.reload.failed')} />}
      <Card title={t('system.processes')}>
        {nodes.error && <Failure error={nodes.error} onRetry={nodes.reload} />}
        {!nodes.data && nodes.busy && <Loading />}
        {nodes.data && items.length === 0 && <Empty small title={t('system.empty')} hint={t('system.empty.hint')} />}
        {items.length > 0 && <Processes items={items} now={now} />}
      </Card>
      <LocationsCard now={now} />
      {may('admin') && <Crashes />}
      {may('admin') && <Keeping />}
    </div>
  );
}
