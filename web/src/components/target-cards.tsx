// What a target's page tells of its past: uptime by span, failures by reason, the chain of certificates.
import { api } from '../api/client';
import type { Result, UptimeWindow } from '../api/types';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { fullTime, number, percent, span, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { Card, Empty, Failure, Loading } from './basics';
import { Mark } from './icons';

const words: Record<string, Key> = { '24h': 'uptime.24h', '7d': 'uptime.7d', '30d': 'uptime.30d', '90d': 'uptime.90d', '1y': 'uptime.1y', '365d': 'uptime.1y' };

function shownUptime(value: number | null): string {
  if (value === null) return '–';
  return percent(value, value === 1 ? 0 : value > 0.9995 ? 3 : 2);
}

function WindowTile({ at }: { at: UptimeWindow }) {
  const state = at.uptime === null ? 'unknown' : at.uptime >= 0.999 ? 'up' : at.uptime >= 0.99 ? 'degraded' : 'down';
  return (
    <div class={`uptime is-${state}`}>
      <dt>{words[at.window] ? t(words[at.window] as Key) : at.window}</dt>
      <dd>
        <span class="uptime-n num">{shownUptime(at.uptime)}</span>
        <span class="uptime-more muted">
          {at.uptime === null
            ? t('uptime.unknown')
            : at.incidents === 0
              ? t('uptime.none')
              : t('uptime.incidents', { n: at.incidents, span: span(at.down_seconds * 1000) })}
        </span>
      </dd>
    </div>
  );
}

export function UptimeCards({ id, tick }: { id: number; tick: number }) {
  const load = useLoad((signal) => api.uptime(id, signal), [id, tick]);
  if (!load.data) return <Card title={t('uptime.title')}>{load.error ? <Failure error={load.error} onRetry={load.reload} /> : <Loading />}</Card>;
  const { windows, failures, failures_since } = load.data;
  const most = Math.max(1, ...failures.map((f) => f.count));
  return (
    <>
      <Card title={t('uptime.title')}>
        <dl class="uptimes">
          {windows.map((w) => (
            <WindowTile key={w.window} at={w} />
          ))}
        </dl>
      </Card>
      <Card title={t('failures.title')} aside={failures_since ? <span class="muted small">{t('target.since', { time: when(failures_since) })}</span> : undefined}>
        {failures.length === 0 && <Empty small icon="check" title={t('failures.none')} />}
        {failures.length > 0 && (
          <ul class="failures">
            {failures.map((f) => (
              <li key={f.reason} title={f.example ?? f.reason}>
                <span class="failure-reason">{f.reason}</span>
                <span class="failure-bar" aria-hidden="true">
                  <i style={{ width: `${(100 * f.count) / most}%` }} />
                </span>
                <span class="failure-count num">{number(f.count)}</span>
                <span class="failure-last muted num" title={f.last_at ? fullTime(f.last_at) : ''}>
                  {f.last_at ? t('failures.last', { time: when(f.last_at) }) : ''}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </>
  );
}

interface Certificate {
  subject?: string;
  issuer?: string;
  not_before?: string | null;
  not_after?: string | null;
  dns_names?: string[];
  fingerprint_sha256?: string;
  serial?: string;
}

interface Chain {
  tls_version?: string;
  tls_cipher?: string;
  tls_verified?: boolean;
  certificates?: Certificate[];
}

function nameOf(dn: string | undefined): string {
  return /(?:^|[,/+]\s*)CN\s*=\s*([^,/+]+)/.exec(dn ?? '')?.[1] ?? dn ?? '–';
}

function CertificateRow({ at, leaf }: { at: Certificate; leaf: boolean }) {
  const end = at.not_after ? Date.parse(at.not_after) : null;
  const days = end === null ? null : Math.floor((end - Date.now()) / 86_400_000);
  const state = days === null ? 'unknown' : days < 0 ? 'down' : days < 21 ? 'degraded' : 'up';
  return (
    <li class={`certificate is-${state}`}>
      <Mark state={state} />
      <div>
        <p class="certificate-name">
          <strong>{nameOf(at.subject)}</strong>
          <span class="muted"> {leaf ? t('cert.leaf') : t('cert.issuer')}</span>
        </p>
        <p class="small muted">{t('cert.by', { name: nameOf(at.issuer) })}</p>
      </div>
      <p class="certificate-end num" title={end === null ? '' : fullTime(end)}>
        {days === null ? '–' : days < 0 ? t('cert.expired', { n: -days }) : t('cert.left', { n: days })}
      </p>
    </li>
  );
}

/** Nothing for what speaks no TLS. */
export function CertificateCard({ result }: { result: (Result & { detail?: Chain }) | null | undefined }) {
  const chain = result?.detail;
  const list = chain?.certificates ?? [];
  if (list.length === 0) return null;
  const facts = [chain?.tls_version, chain?.tls_cipher, chain?.tls_verified === false ? t('cert.unverified') : chain?.tls_verified ? t('cert.verified') : ''];
  return (
    <Card title={t('cert.title')} aside={<span class="muted small">{facts.filter(Boolean).join(' · ')}</span>}>
      <ol class="certificates">
        {list.map((c, i) => (
          <CertificateRow key={i} at={c} leaf={i === 0} />
        ))}
      </ol>
    </Card>
  );
}
