// Belfry itself: its processes, and reading the configuration anew.
import { useEffect, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { BelfryNode, FieldError } from '../api/types';
import { Button, Card, Empty, errorText, Failure, Loading, PageHead } from '../components/basics';
import { Mark } from '../components/icons';
import { toast } from '../components/overlay';
import { hasKey, t } from '../i18n';
import { bytes, number, percent, since } from '../lib/format';
import { useClock, useLoad } from '../lib/hooks';
import { statusMark, type MarkShape } from '../lib/program-state';
import type { State } from '../lib/state';

function processState(node: BelfryNode): { word: string; mark: State; shape?: MarkShape } {
  const name = node.state ?? node.status ?? 'unknown';
  const key = `process.${name}`;
  return { word: hasKey(key) ? t(key) : name, ...statusMark(name) };
}

function dash(value: number | null | undefined, show: (v: number) => string): string {
  return value === null || value === undefined ? '–' : show(value);
}

function ReloadError({ error }: { error: Error }) {
  const errors: FieldError[] = error instanceof ApiError ? error.errors : [];
  return (
    <div class="failure stacked" role="alert">
      <Mark state="down" />
      <div>
        <strong>{t('system.reload.failed')}</strong>
        {errors.length === 0 && <p>{errorText(error)}</p>}
        <ul class="problems">
          {errors.map((e, i) => (
            <li key={i}>
              {(e.file || e.line) && (
                <code>
                  {e.file}
                  {e.line ? `${e.file ? ': ' : ''}${t('system.place', { line: e.line, column: e.column ?? 1 })}` : ''}
                </code>
              )}
              {e.field && <code>{e.field}</code>} {e.message}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
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

export default function SystemView() {
  const now = useClock(5000);
  const nodes = useLoad(() => api.nodes(), []);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error | null>(null);
  useEffect(() => {
    if (!nodes.busy) nodes.reload();
  }, [now]);
  const reload = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api.reload();
      toast(t('system.reloaded'));
      nodes.reload();
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };
  const items = nodes.data?.items ?? [];
  return (
    <div class="system">
      <PageHead title={t('system.title')}>
        {nodes.data?.version && <span class="muted small">{t('system.version', { v: nodes.data.version })}</span>}
        <Button id="reload" icon="refresh" busy={busy} onClick={() => void reload()}>
          {t(busy ? 'system.reloading' : 'system.reload')}
        </Button>
      </PageHead>
      {problem && <ReloadError error={problem} />}
      <Card title={t('system.processes')}>
        {nodes.error && <Failure error={nodes.error} onRetry={nodes.reload} />}
        {!nodes.data && nodes.busy && <Loading />}
        {nodes.data && items.length === 0 && <Empty small title={t('system.empty')} hint={t('system.empty.hint')} />}
        {items.length > 0 && <Processes items={items} now={now} />}
      </Card>
    </div>
  );
}
