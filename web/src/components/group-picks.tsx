// Chooses groups: a box for each; those that no longer exist stay visible so that they can be taken out.
import { t } from '../i18n';
import '../i18n/more';
import { useGroups } from '../lib/groups';

export function GroupPicks(props: { path: string; label: string; help?: string; error?: string | undefined; value: string[]; onChange: (value: string[]) => void }) {
  const names = [...new Set([...useGroups(), ...props.value])];
  const toggle = (name: string, on: boolean) => props.onChange(on ? [...props.value, name] : props.value.filter((g) => g !== name));
  return (
    <fieldset class={`field wide${props.error ? ' bad' : ''}`} data-field={props.path}>
      <legend>{props.label}</legend>
      {names.length === 0 ? (
        <p class="muted small">{t('picker.noGroups')}</p>
      ) : (
        <div class="picks">
          {names.map((name) => (
            <label class="pick" key={name}>
              <input type="checkbox" checked={props.value.includes(name)} onChange={(e) => toggle(name, e.currentTarget.checked)} />
              {name || t('overview.group.none')}
            </label>
          ))}
        </div>
      )}
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && <p class="field-help">{props.help}</p>}
    </fieldset>
  );
}
