// What can be done about a firing alert: take it on (acknowledge), or keep it quiet for a while.
import { useState } from 'preact/hooks';
import { alerting } from '../api/alerting';
import type { Alert } from '../api/types';
import { t } from '../i18n';
import '../i18n/more';
import { parseDuration } from '../lib/duration';
import { alerts } from '../store';
import { may } from '../store/session';
import { Button } from './basics';
import { complain, toast } from './overlay';

const spans = ['30m', '1h', '2h', '8h', '1d', '7d'] as const;

function Panel({ kind, alert, onDone }: { kind: 'ack' | 'silence'; alert: Alert; onDone: () => void }) {
  const [note, setNote] = useState('');
  const [span, setSpan] = useState('2h');
  const [busy, setBusy] = useState(false);
  const wrong = kind === 'silence' && !(Number(parseDuration(span)) > 0);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (wrong) return;
    setBusy(true);
    try {
      if (kind === 'ack') alerts.merge(await alerting.ack(alert.id, note.trim()));
      else await alerting.silenceAlert(alert.id, span, note.trim());
      toast(t(kind === 'ack' ? 'alerts.acked' : 'alerts.silenced', { name: alert.target_name }));
      alerts.stale();
      onDone();
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return (
    <form class="alert-panel" onSubmit={(e) => void submit(e)}>
      {kind === 'silence' && (
        <span class="alert-spans">
          {spans.map((s) => (
            <button type="button" class="button" key={s} aria-pressed={span === s} onClick={() => setSpan(s)}>
              {t(`silence.for.${s}`)}
            </button>
          ))}
          <input type="text" class="num" aria-label={t('silence.span')} aria-invalid={wrong} value={span} onInput={(e) => setSpan(e.currentTarget.value)} />
        </span>
      )}
      <input type="text" class="alert-note" aria-label={t(kind === 'ack' ? 'alerts.ack.note' : 'silence.comment')} placeholder={t(kind === 'ack' ? 'alerts.ack.note' : 'silence.comment')} value={note} maxLength={500} onInput={(e) => setNote(e.currentTarget.value)} />
      <Button type="submit" kind="primary" busy={busy} disabled={wrong}>
        {t(kind === 'ack' ? 'alerts.ack' : 'alerts.silence')}
      </Button>
      <Button kind="quiet" onClick={onDone}>{t('common.cancel')}</Button>
    </form>
  );
}

export function AlertActions({ alert }: { alert: Alert }) {
  const [panel, setPanel] = useState<'ack' | 'silence' | null>(null);
  const [busy, setBusy] = useState(false);
  if (alert.status !== 'firing' || !may('editor', alert.group)) return null;
  const takeBack = async () => {
    setBusy(true);
    try {
      alerts.merge(await alerting.unack(alert.id));
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  if (panel) return <Panel kind={panel} alert={alert} onDone={() => setPanel(null)} />;
  return (
    <div class="alert-actions">
      {alert.acknowledged ? (
        <Button icon="undo" busy={busy} onClick={() => void takeBack()}>{t('alerts.unack')}</Button>
      ) : (
        <Button icon="check" onClick={() => setPanel('ack')}>{t('alerts.ack')}</Button>
      )}
      <Button icon="mute" onClick={() => setPanel('silence')}>{t('alerts.silence')}</Button>
    </div>
  );
}
