// What is shown once and never again: a token, recovery codes. It stays until the reader says that it is kept.
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import '../i18n/more';
import { Button, CopyButton } from './basics';
import { Icon } from './icons';

export function Once(props: { title: string; hint: string; text: string; onDone: () => void; children?: ComponentChildren }) {
  return (
    <section class="once" aria-label={props.title}>
      <p class="once-head">
        <Icon name="key" />
        <strong>{props.title}</strong>
      </p>
      <p class="muted">{props.hint}</p>
      <pre class="once-text" tabIndex={0}>
        {props.text}
      </pre>
      <div class="once-actions">
        <CopyButton text={props.text}>{t('common.copy')}</CopyButton>
        {props.children}
        <Button id="once-done" kind="primary" icon="check" onClick={props.onDone}>
          {t('once.kept')}
        </Button>
      </div>
    </section>
  );
}
