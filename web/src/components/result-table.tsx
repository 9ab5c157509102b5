// A target's last results as a table; a row opens to show what was measured.
import { Fragment } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Result } from '../api/types';
import { t } from '../i18n';
import { fullTime, latency, spanSeconds, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { Button, Card, Empty, Failure, Loading, StateLabel } from './basics';
import { Icon } from './icons';
import { Measurements, resultState, resultWord } from './result-view';

function keyOf(r: Result): string {
  return String(r.id ?? r.checked_at);
}

function Line({ result, open, onToggle }: { result: Result; open: boolean; onToggle: () => void }) {
  const state = resultState(result);
  const more = Object.keys(result.metrics ?? {}).length > 0 || (result.warnings?.length ?? 0) > 0;
  return (
    <Fragment>
      <tr class={open ? 'open' : ''}>
        <td class="num nowrap" title={fullTime(result.checked_at)}>
          {when(result.checked_at)}
        </td>
        <td>
          <StateLabel state={state} word={resultWord(result)} />
        </td>
        <td class="num right nowrap">{latency(result.latency_ms)}</td>
        <td class="message">{result.message}</td>
        <td class="expand">
          {more && (
            <button type="button" class="fold" aria-expanded={open} aria-label={t('result.show')} onClick={onToggle}>
              <Icon name="chevron" />
            </button>
          )}
        </td>
      </tr>
      {open && (
        <tr class="more">
          <td colSpan={5}>
            <Measurements result={result} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

export function ResultTable({ id, tick, interval }: { id: number; tick: number; interval: number }) {
  const [limit, setLimit] = useState(20);
  const [onlyFailed, setOnlyFailed] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const list = useLoad((signal) => api.results(id, { limit, failures: onlyFailed ? 1 : null }, signal), [id, limit, onlyFailed]);
  const last = useRef(0);
  useEffect(() => {
    if (tick === 0 || Date.now() - last.current < 2000) return;
    last.current = Date.now();
    list.reload();
  }, [tick]);
  const items = [...(list.data?.items ?? [])].sort((a, b) => Date.parse(b.checked_at) - Date.parse(a.checked_at));
  const shown = onlyFailed ? items.filter((r) => !r.success) : items;
  const filter = (
    <label class="inline-check">
      <input type="checkbox" checked={onlyFailed} onChange={(e) => setOnlyFailed(e.currentTarget.checked)} />
      {t('target.results.onlyFailed')}
    </label>
  );
  return (
    <Card title={t('target.results')} aside={(items.length > 0 || onlyFailed) && filter} class="results">
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && items.length === 0 && !onlyFailed && (
        <Empty small title={t('target.results.empty')} hint={t('target.results.empty.hint', { span: spanSeconds(interval) })} />
      )}
      {list.data && onlyFailed && shown.length === 0 && <Empty small title={t('target.results.noFailed')} />}
      {shown.length > 0 && (
        <div class="scroll-x" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th>{t('result.time')}</th>
                <th>{t('result.state')}</th>
                <th class="right">{t('result.latency')}</th>
                <th>{t('result.message')}</th>
                <th>
                  <span class="hidden">{t('result.details')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((r) => (
                <Line
                  key={keyOf(r)}
                  result={r}
                  open={open === keyOf(r)}
                  onToggle={() => setOpen(open === keyOf(r) ? null : keyOf(r))}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.data && items.length >= limit && limit < 1000 && (
        <div class="card-foot">
          <Button kind="quiet" onClick={() => setLimit(limit < 100 ? 100 : 1000)}>
            {t('common.more')}
          </Button>
        </div>
      )}
    </Card>
  );
}
