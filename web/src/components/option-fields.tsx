// The fields of an option table: what the server describes, this draws, to any depth. Basic options
// stand open, advanced ones are folded away unless one of them is set or wrong.
import type { ComponentChildren } from 'preact';
import type { Option } from '../api/types';
import { lang, pick, t } from '../i18n';
import { isAdvanced, isSet, secretMask, type FormObject, type FormValue } from '../lib/form-model';
import { chineseName } from '../lib/option-words';
import { Button } from './basics';
import { CheckField, PairsField, SelectField, TextField } from './fields';

export interface OptionFieldsProps {
  options: readonly Option[];
  value: FormObject;
  path: string;
  errorAt: (path: string) => string | undefined;
  hasErrorUnder: (path: string) => boolean;
  onChange: (value: FormObject) => void;
}

/** "connect_timeout" → "Connect timeout": names are the same words in YAML and here. In Chinese the name stands behind the word. */
export function optionLabel(name: string): string {
  const chinese = lang() === 'zh' ? chineseName(name) : undefined;
  if (chinese) return `${chinese} (${name})`;
  const words = name.split('_').map((w) => (acronyms.has(w) ? w.toUpperCase() : w)).join(' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const acronyms = new Set(['ca', 'cpu', 'dns', 'http', 'id', 'io', 'ip', 'json', 'oom', 'sni', 'ssl', 'starttls', 'tcp', 'tls', 'ttl', 'udp', 'url']);

/** Durations and sizes are written with their unit; plain numbers have it in the label. */
function labelWithUnit(option: Option): string {
  const label = optionLabel(option.name);
  return option.unit && (option.type === 'int' || option.type === 'float') ? `${label} (${option.unit})` : label;
}

function placeholder(option: Option): string | undefined {
  if (option.default !== undefined && option.default !== null && option.default !== '') {
    return t('form.default', { v: String(option.default) });
  }
  return option.example ?? undefined;
}

/** Words in backticks are code, as in the documentation that is made of the same texts. */
function withCode(text: string): ComponentChildren {
  const parts = text.split('`');
  return parts.length < 3 ? text : parts.map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));
}

function helpOf(option: Option): ComponentChildren {
  const base = pick(option.help);
  const hints: string[] = [];
  if (option.type === 'list') hints.push(t('form.list.help'));
  if (option.type === 'ranges') hints.push(t('form.ranges.help'));
  return withCode([base, ...hints].filter(Boolean).join(' · '));
}

interface OneProps extends Omit<OptionFieldsProps, 'options' | 'value' | 'onChange'> {
  option: Option;
  value: FormValue | undefined;
  onChange: (value: FormValue) => void;
}

function Leaf({ option, value, path, errorAt, onChange }: OneProps) {
  const common = { path, label: labelWithUnit(option), help: helpOf(option), error: errorAt(path) };
  const text = typeof value === 'string' ? value : '';
  if (option.type === 'bool') return <CheckField {...common} value={value === true} onChange={onChange} />;
  if (option.type === 'map') {
    return <PairsField {...common} value={(value ?? []) as [string, string][]} onChange={onChange} />;
  }
  if (option.type === 'enum') {
    const fallback = option.default == null ? t('form.unset') : t('form.default', { v: String(option.default) });
    const choices = (option.choices ?? []).map((c) => ({ value: c, text: c }));
    return <SelectField {...common} value={text} choices={[{ value: '', text: fallback }, ...choices]} onChange={onChange} />;
  }
  const secret = option.type === 'secret' || option.secret === true;
  const kept = secret && text === secretMask;
  return (
    <TextField
      {...common}
      value={kept ? '' : text}
      placeholder={kept ? t('form.secret.kept') : placeholder(option)}
      secret={secret}
      required={option.required === true}
      numeric={['int', 'float', 'duration', 'size'].includes(option.type)}
      list={option.type === 'string' ? (option.choices ?? undefined) : undefined}
      {...(option.type === 'text' || option.type === 'any' ? { rows: 4 } : option.type === 'list' ? { rows: 2 } : {})}
      onInput={onChange}
    />
  );
}

function Section(props: OneProps) {
  const { option, value, path } = props;
  return (
    <fieldset class="subform wide" data-field={path}>
      <legend>{optionLabel(option.name)}</legend>
      {option.help && <p class="field-help">{withCode(pick(option.help))}</p>}
      {props.errorAt(path) && <p class="field-error">{props.errorAt(path)}</p>}
      <OptionFields {...props} options={option.options ?? []} value={(value ?? {}) as FormObject} />
    </fieldset>
  );
}

function Sections(props: OneProps) {
  const { option, path, onChange } = props;
  const items = (Array.isArray(props.value) ? props.value : []) as FormObject[];
  return (
    <fieldset class="subform wide" data-field={path}>
      <legend>{optionLabel(option.name)}</legend>
      {option.help && <p class="field-help">{withCode(pick(option.help))}</p>}
      {items.map((item, i) => (
        <div class="subform-item" key={i}>
          <div class="subform-item-head">
            <span class="muted small">{t('form.item', { n: i + 1 })}</span>
            <Button
              icon="trash"
              kind="quiet"
              title={t('common.remove')}
              onClick={() => onChange(items.filter((_, at) => at !== i))}
            />
          </div>
          <OptionFields
            {...props}
            path={`${path}[${i}]`}
            options={option.options ?? []}
            value={item}
            onChange={(next) => onChange(items.map((old, at) => (at === i ? next : old)))}
          />
        </div>
      ))}
      <Button icon="plus" kind="quiet" onClick={() => onChange([...items, {}])}>
        {t('form.item.add')}
      </Button>
    </fieldset>
  );
}

function One(props: OneProps) {
  if (props.option.type === 'section') return <Section {...props} />;
  if (props.option.type === 'sections') return <Sections {...props} />;
  return <Leaf {...props} />;
}

export function OptionFields(props: OptionFieldsProps) {
  const { options, value, path, onChange } = props;
  const draw = (option: Option) => (
    <One
      {...props}
      key={option.name}
      option={option}
      path={path ? `${path}.${option.name}` : option.name}
      value={value[option.name]}
      onChange={(v) => onChange({ ...value, [option.name]: v })}
    />
  );
  const basic = options.filter((o) => !isAdvanced(o));
  const advanced = options.filter(isAdvanced);
  const set = advanced.filter((o) => isSet(o, value[o.name])).length;
  const wrong = advanced.some((o) => props.hasErrorUnder(path ? `${path}.${o.name}` : o.name));
  return (
    <>
      {basic.length > 0 && <div class="fields">{basic.map(draw)}</div>}
      {advanced.length > 0 && (
        <details class="advanced" open={wrong || undefined}>
          <summary>
            {t('form.advanced', { n: advanced.length })}
            {set > 0 && <span class="chip">{t('form.advancedChanged', { n: set })}</span>}
          </summary>
          <div class="fields">{advanced.map(draw)}</div>
        </details>
      )}
    </>
  );
}
