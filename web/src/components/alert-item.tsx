// One alert: what, since when, who took it on, whom it told and what they answered, or why it did not ring.
import type { ComponentChildren } from 'preact';
import type { Alert, Delivery, Hold } from '../api/types';
import { hasKey, t, type Key } from '../i18n';
import '../i18n/more';
import { fullTime, since, span, when } from '../lib/format';
import { href, programPath } from '../router';
import { Icon, Mark } from './icons';

const deliveryState = { sent: 'up', failed: 'down', pending: 'unknown' } as const;

function DeliveryLine({ delivery }: { delivery: Delivery }) {
  const words = [t(`delivery.${delivery.status}` as Key)];
  if (delivery.kind) words.unshift(t(`delivery.kind.${delivery.kind}` as Key));
  return (
    <li class="delivery">
      <Mark state={deliveryState[delivery.status] ?? 'unknown'} />
      <span class="delivery-channel">{delivery.channel}</span>
      <span class="muted">
        {words.join(' · ')}
        {delivery.at && <span class="num"> · {when(delivery.at)}</span>}
        {(delivery.attempts ?? 0) > 1 && ` · ${t('delivery.attempts', { n: delivery.attempts ?? 0 })}`}
        {delivery.status === 'pending' && delivery.next_at && ` · ${t('delivery.next', { time: when(delivery.next_at) })}`}
        {delivery.channel_enabled === false && ` · ${t('channels.off')}`}
      </span>
      {delivery.answer && <code class="delivery-answer">{delivery.answer}</code>}
    </li>
  );
}

export function suppressionText(alert: Alert): string | null {
  if (!alert.suppressed) return null;
  const key = `alerts.suppressed.${alert.suppressed}`;
  const text = hasKey(key) ? t(key) : t('alerts.suppressed.other', { why: alert.suppressed });
  return alert.suppressed_by ? `${text} (${alert.suppressed_by})` : text;
}

/** What keeps its bell quiet now, with its name and until when. */
function holdText(hold: Hold): string {
  const key = `holds.${hold.reason}`;
  const words = [hasKey(key) ? t(key) : hold.reason];
  if (hold.name) words.push(`“${hold.name}”`);
  if (hold.until) words.push(t('holds.until', { time: when(hold.until) }));
  return words.join(' ');
}

function holdPlace(hold: Hold): string | null {
  if (hold.reason === 'maintenance' && hold.id) return href(`/maintenance/${hold.id}`);
  if (hold.reason === 'silence') return href('/silences');
  if (hold.reason === 'parent' && hold.id) return href(`/targets/${hold.id}`);
  if (hold.reason === 'channel_disabled' && hold.id) return href(`/channels/${hold.id}`);
  return null;
}

/** Acknowledging is told by a line of its own. */
function Holds({ holds }: { holds: readonly Hold[] }) {
  const shown = holds.filter((h) => h.reason !== 'acknowledged');
  if (shown.length === 0) return null;
  return (
    <ul class="alert-holds">
      {shown.map((h, i) => {
        const place = holdPlace(h);
        return (
          <li class="alert-suppressed" key={i}>
            <Icon name="mute" />
            {place ? <a href={place}>{holdText(h)}</a> : holdText(h)}
          </li>
        );
      })}
    </ul>
  );
}

function Acknowledged({ alert }: { alert: Alert }) {
  const { acknowledged: ack } = alert;
  if (!ack) return null;
  return (
    <p class="alert-acked">
      <Icon name="check" />
      <span>
        {t('alerts.ackedBy', { name: ack.by, time: when(ack.at) })}
        {ack.note && <q>{ack.note}</q>}
      </span>
    </p>
  );
}

/** The supervised program that it is about. */
export function alertProgram(alert: Alert): string | undefined {
  return alert.target_id === 0 && alert.group === 'processes' ? alert.labels?.['unit'] : undefined;
}

function AlertName({ alert }: { alert: Alert }) {
  const program = alertProgram(alert);
  if (alert.target_id === 0 && program === undefined) return <span class="alert-name">{alert.target_name || t('alerts.own')}</span>;
  return (
    <a class="alert-name" href={href(program === undefined ? `/targets/${alert.target_id}` : programPath(program))}>
      {alert.target_name}
    </a>
  );
}

export function AlertItem({ alert, now, named, children }: { alert: Alert; now: number; named: boolean; children?: ComponentChildren }) {
  const firing = alert.status === 'firing';
  const suppressed = suppressionText(alert);
  const deliveries = alert.notified ?? [];
  const lasted = alert.resolved_at ? span(Date.parse(alert.resolved_at) - Date.parse(alert.fired_at)) : '';
  return (
    <article class={`alert${firing ? ' firing' : ''}`}>
      <div class="alert-head">
        <Mark state={firing ? 'down' : 'up'} />
        {named && <AlertName alert={alert} />}
        {named && alert.group && <span class="chip">{alert.group}</span>}
        <span class="alert-status">{t(firing ? 'alerts.status.firing' : 'alerts.status.resolved')}</span>
        <time class="alert-time num" dateTime={alert.fired_at} title={fullTime(alert.fired_at)}>
          {when(alert.fired_at)} · {firing ? t('alerts.since', { span: since(alert.fired_at, now) }) : t('alerts.lasted', { span: lasted })}
        </time>
      </div>
      <p class="alert-message">{alert.message}</p>
      <Acknowledged alert={alert} />
      {firing && alert.holds && <Holds holds={alert.holds} />}
      {suppressed && !(firing && alert.holds?.some((h) => h.reason === alert.suppressed)) && (
        <p class="alert-suppressed">
          <Icon name="mute" />
          {suppressed}
        </p>
      )}
      {deliveries.length > 0 && (
        <ul class="deliveries" aria-label={t('alerts.deliveries')}>
          {deliveries.map((d, i) => (
            <DeliveryLine key={i} delivery={d} />
          ))}
        </ul>
      )}
      {deliveries.length === 0 && !suppressed && <p class="muted small">{t('alerts.notTold')}</p>}
      {children}
    </article>
  );
}
