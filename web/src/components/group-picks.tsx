// Chooses names, of groups above all: a box for each; those that no longer exist stay visible so that they can be taken out.
import { t } from '../i18n';
import '../i18n/more';
import { useGroups } from '../lib/groups';

interface Props {
  path: string;
  label: string;
  help?: string;
  error?: string | undefined;
  value: string[];
  onChange: (value: string[]) => void;
}

export function Picks(props: Props & { names: string[]; show: (name: string) => string; none?: string }) {
  const names = [...new Set([...props.names, ...props.value])];
  const toggle = (name: string, on: boolean) => props.onChange(names.filter((x) => (x === name ? on : props.value.includes(x))));
  return (
    <fieldset class={`field wide${props.error ? ' bad' : ''}`} data-field={props.path}>
      <legend>{props.label}</legend>
      {names.length === 0 ? (
        <p class="muted small">{props.none}</p>
      ) : (
        <div class="picks">
          {names.map((name) => (
            <label class="pick" key={name}>
              <input type="checkbox" checked={props.value.includes(name)} onChange={(e) => toggle(name, e.currentTarget.checked)} />
              {props.show(name)}
            </label>
          ))}
        </div>
      )}
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && <p class="field-help">{props.help}</p>}
    </fieldset>
  );
}

export function GroupPicks(props: Props) {
  return <Picks {...props} names={useGroups()} show={(name) => name || t('overview.group.none')} none={t('picker.noGroups')} />;
}
