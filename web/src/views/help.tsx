// The list of keys, on "?".
import { Fragment } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../components/basics';
import { t } from '../i18n';
import '../i18n/more';

export default function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const keys: [string[], string][] = [
    [['/'], t('help.search')],
    [['j', 'k'], t('help.move')],
    [['Enter'], t('help.open')],
    [['x'], t('help.select')],
    [['n'], t('help.add')],
    [['g', 'o'], t('help.overview')],
    [['g', 'p'], t('help.programs')],
    [['g', 'a'], t('help.alerts')],
    [['g', 'e'], t('nav.explore')],
    [['g', 'm'], t('nav.maintenance')],
    [['g', 'r'], t('nav.reports')],
    [['g', 'c'], t('help.channels')],
    [['g', 'w'], t('nav.statusPages')],
    [['g', 'u'], t('nav.users')],
    [['g', 't'], t('nav.tokens')],
    [['g', 'l'], t('nav.audit')],
    [['g', 's'], t('help.system')],
    [['Esc'], t('help.back')],
    [['?'], t('help.this')],
  ];
  return (
    <dialog ref={dialog} class="dialog help" aria-labelledby="help-title" onClose={onClose}>
      <div class="dialog-head">
        <h2 id="help-title">{t('help.title')}</h2>
        <Button icon="cross" kind="quiet" title={t('common.close')} onClick={() => dialog.current?.close()} />
      </div>
      <dl class="keys">
        {keys.map(([pressed, what]) => (
          <div key={what}>
            <dt>
              {pressed.map((k, i) => (
                <Fragment key={k}>
                  {i > 0 && <span class="muted small"> {t(pressed[0] === 'g' ? 'help.then' : 'help.or')} </span>}
                  <kbd>{k}</kbd>
                </Fragment>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
