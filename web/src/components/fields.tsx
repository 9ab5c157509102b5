// Form fields: a label, a control, help, and what is wrong with it, tied together for screen readers.
import type { ComponentChildren } from 'preact';
import { t } from '../i18n';
import { Button } from './basics';

export function fieldId(path: string): string {
  return `f-${path.replace(/[^a-zA-Z0-9_]+/g, '-')}`;
}

interface FieldProps {
  path: string;
  label: string;
  help?: ComponentChildren;
  error?: string | undefined;
  required?: boolean;
  wide?: boolean;
  children: (aria: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }) => ComponentChildren;
}

export function Field({ path, label, help, error, required, wide, children }: FieldProps) {
  const id = fieldId(path);
  const describedBy = [error && `${id}-error`, help && `${id}-help`].filter(Boolean).join(' ');
  const aria: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean } = { id };
  if (describedBy) aria['aria-describedby'] = describedBy;
  if (error) aria['aria-invalid'] = true;
  return (
    <div class={`field${wide ? ' wide' : ''}${error ? ' bad' : ''}`} data-field={path}>
      <label for={id}>
        {label}
        {required && (
          <span class="required" title={t('check.required')}>
            {' '}
            *
          </span>
        )}
      </label>
      {children(aria)}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {help && (
        <p class="field-help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  path: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  help?: ComponentChildren;
  error?: string | undefined;
  placeholder?: string | undefined;
  required?: boolean;
  secret?: boolean;
  rows?: number;
  wide?: boolean;
  numeric?: boolean;
  list?: readonly string[] | undefined;
  disabled?: boolean;
  /** For the browser's password store: "username", "current-password", "one-time-code" … */
  autocomplete?: string;
}

export function TextField(props: TextProps) {
  const { path, value, onInput, placeholder, rows, numeric, list, disabled } = props;
  const listId = list?.length ? `${fieldId(path)}-list` : undefined;
  const input = (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => onInput(event.currentTarget.value);
  const kind: 'text' = (props.secret ? 'password' : 'text') as 'text'; // preact's types tie `list` to text
  return (
    <Field
      path={path}
      label={props.label}
      help={props.help}
      error={props.error}
      required={props.required ?? false}
      wide={props.wide || rows !== undefined}
    >
      {(aria) =>
        rows ? (
          <textarea {...aria} rows={rows} value={value} placeholder={placeholder} onInput={input} spellcheck={false} />
        ) : (
          <>
            <input
              {...aria}
              type={kind}
              class={numeric ? 'num' : undefined}
              inputMode={numeric ? 'decimal' : undefined}
              value={value}
              placeholder={placeholder}
              {...(listId ? { list: listId } : {})}
              disabled={disabled}
              autocomplete={props.autocomplete ?? (props.secret ? 'new-password' : 'off')}
              autocapitalize="off"
              spellcheck={false}
              onInput={input}
            />
            {listId && (
              <datalist id={listId}>
                {list?.map((v) => (
                  <option key={v} value={v} />
                ))}
              </datalist>
            )}
          </>
        )
      }
    </Field>
  );
}

export function SelectField(props: {
  path: string;
  label: string;
  value: string;
  choices: { value: string; text: string }[];
  onChange: (value: string) => void;
  help?: ComponentChildren;
  error?: string | undefined;
  disabled?: boolean;
}) {
  return (
    <Field path={props.path} label={props.label} help={props.help} error={props.error}>
      {(aria) => (
        <select
          {...aria}
          value={props.value}
          disabled={props.disabled}
          onChange={(e) => props.onChange(e.currentTarget.value)}
        >
          {props.choices.map((c) => (
            <option key={c.value} value={c.value}>
              {c.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField(props: {
  path: string;
  label: string;
  value: boolean;
  onChange: (value: boolean) => void;
  help?: ComponentChildren;
  error?: string | undefined;
}) {
  const id = fieldId(props.path);
  return (
    <div class={`field check${props.error ? ' bad' : ''}`} data-field={props.path}>
      <label for={id}>
        <input
          id={id}
          type="checkbox"
          checked={props.value}
          aria-describedby={props.help ? `${id}-help` : undefined}
          onChange={(e) => props.onChange(e.currentTarget.checked)}
        />
        <span>{props.label}</span>
      </label>
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && (
        <p class="field-help" id={`${id}-help`}>
          {props.help}
        </p>
      )}
    </div>
  );
}

export function PairsField(props: {
  path: string;
  label: string;
  value: [string, string][];
  onChange: (value: [string, string][]) => void;
  help?: ComponentChildren;
  error?: string | undefined;
}) {
  const { value, onChange, path } = props;
  const set = (i: number, pair: [string, string]) => onChange(value.map((p, at) => (at === i ? pair : p)));
  return (
    <fieldset class={`field wide pairs${props.error ? ' bad' : ''}`} data-field={path}>
      <legend>{props.label}</legend>
      {value.map(([k, v], i) => (
        <div class="pair" key={i}>
          <input
            type="text"
            aria-label={t('form.map.key')}
            placeholder={t('form.map.key')}
            value={k}
            spellcheck={false}
            onInput={(e) => set(i, [e.currentTarget.value, v])}
          />
          <input
            type="text"
            aria-label={t('form.map.value')}
            placeholder={t('form.map.value')}
            value={v}
            spellcheck={false}
            onInput={(e) => set(i, [k, e.currentTarget.value])}
          />
          <Button
            icon="cross"
            kind="quiet"
            title={t('common.remove')}
            onClick={() => onChange(value.filter((_, at) => at !== i))}
          />
        </div>
      ))}
      <Button icon="plus" kind="quiet" onClick={() => onChange([...value, ['', '']])}>
        {t('form.map.add')}
      </Button>
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && <p class="field-help">{props.help}</p>}
    </fieldset>
  );
}
