// "Hold back the bell for an hour": the commonest maintenance, from the target's page. Others are planned in their own view.
import { useEffect, useRef, useState } from 'preact/hooks';
import { alerting } from '../api/alerting';
import type { Target } from '../api/types';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { href } from '../router';
import { Button, LinkButton } from './basics';
import { complain, toast } from './overlay';

const spans = [
  ['30m', 30],
  ['1h', 60],
  ['2h', 120],
  ['8h', 480],
  ['1d', 1440],
] as const;

export function MaintenanceDialog({ target, onClose }: { target: Target; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [minutes, setMinutes] = useState(60);
  const [title, setTitle] = useState(t('target.maintain.name', { name: target.name }));
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const save = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const now = Date.now();
    const iso = (ms: number) => new Date(ms).toISOString();
    try {
      await alerting.createMaintenance({ title, target_ids: [target.id], schedule: { kind: 'once' }, starts_at: iso(now), ends_at: iso(now + minutes * 60_000) });
      toast(t('target.maintain.done', { name: target.name }));
      onClose();
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="maintain-title" onCancel={onClose} onClose={onClose}>
      <form onSubmit={(e) => void save(e)}>
        <h2 id="maintain-title">{t('target.maintain.title')}</h2>
        <p>{t('target.maintain.text')}</p>
        <label class="field">
          {t('target.maintain.what')}
          <input id="maintain-name" type="text" required value={title} onInput={(e) => setTitle(e.currentTarget.value)} />
        </label>
        <div class="picks" role="radiogroup" aria-label={t('target.maintain.span')}>
          {spans.map(([name, m]) => (
            <label class="pick" key={name}>
              <input type="radio" name="maintain-span" checked={minutes === m} onChange={() => setMinutes(m)} />
              {t(`target.maintain.${name}` as Key)}
            </label>
          ))}
        </div>
        <div class="dialog-actions">
          <LinkButton kind="quiet" href={href('/maintenance/new', { target: String(target.id) })}>
            {t('target.maintain.more')}
          </LinkButton>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button id="maintain-yes" type="submit" kind="primary" busy={busy}>
            {t('target.maintain.yes')}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
