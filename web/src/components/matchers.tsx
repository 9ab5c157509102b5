// Rows of label matchers: name, comparison, value. All of them must hold.
import type { Matcher, MatchOp } from '../api/alerting';
import { t } from '../i18n';
import '../i18n/more';
import { matcherText, ops } from '../lib/matchers';
import { Button } from './basics';

const known = ['target', 'group', 'type', 'instance', 'alertname', 'severity', 'env', 'team'];

export function MatcherChips({ matchers }: { matchers: readonly Matcher[] }) {
  return (
    <>
      {matchers.map((m, i) => (
        <code class="matcher" key={i}>
          {matcherText(m)}
        </code>
      ))}
    </>
  );
}

export function MatcherRows(props: { path: string; label: string; help?: string; error?: string | undefined; value: Matcher[]; onChange: (value: Matcher[]) => void }) {
  const { value, onChange } = props;
  const set = (i: number, part: Partial<Matcher>) => onChange(value.map((m, at) => (at === i ? { ...m, ...part } : m)));
  return (
    <fieldset class={`field wide pairs matchers${props.error ? ' bad' : ''}`} data-field={props.path}>
      <legend>{props.label}</legend>
      {value.map((m, i) => (
        <div class="matcher-row" key={i}>
          <input type="text" list="matcher-names" aria-label={t('matcher.name')} placeholder={t('matcher.name')} value={m.name} spellcheck={false} autocapitalize="off" onInput={(e) => set(i, { name: e.currentTarget.value })} />
          <select aria-label={t('matcher.op')} value={m.op} onChange={(e) => set(i, { op: e.currentTarget.value as MatchOp })}>
            {ops.map((op) => <option key={op} value={op}>{t(`matcher.op.${op}`)}</option>)}
          </select>
          <input type="text" aria-label={t('matcher.value')} placeholder={t('matcher.value')} value={m.value} spellcheck={false} autocapitalize="off" onInput={(e) => set(i, { value: e.currentTarget.value })} />
          <Button icon="cross" kind="quiet" title={t('common.remove')} onClick={() => onChange(value.filter((_, at) => at !== i))} />
        </div>
      ))}
      <datalist id="matcher-names">{known.map((n) => <option key={n} value={n} />)}</datalist>
      <Button icon="plus" kind="quiet" onClick={() => onChange([...value, { name: '', op: '=', value: '' }])}>
        {t('matcher.add')}
      </Button>
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && <p class="field-help">{props.help}</p>}
    </fieldset>
  );
}

/** Those with a name: a row that was only begun is none. */
export function filled(value: readonly Matcher[]): Matcher[] {
  return value.filter((m) => m.name.trim() !== '').map((m) => ({ ...m, name: m.name.trim() }));
}
