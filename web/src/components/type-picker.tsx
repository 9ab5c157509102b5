// Chooses a target's type: a field that is typed into, and below it all types grouped by kind, each with what it does and how its
// address looks. The keys are a combobox's: arrows, Enter, Escape; Tab goes on.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Prober } from '../api/types';
import { pick, t } from '../i18n';
import { proberGroups, urlExample } from '../lib/prober-list';
import { fieldId } from './fields';

interface Props {
  path: string;
  label: string;
  value: string;
  probers: readonly Prober[];
  error?: string | undefined;
  disabled: boolean;
  onChange: (type: string) => void;
}

export function proberTitle(prober: Prober): string {
  return pick(prober.title) || prober.type;
}

const steps: Record<string, (at: number, count: number) => number> = {
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at <= 0 ? count : at) - 1,
  PageDown: (at, count) => Math.min(at + 6, count - 1),
  PageUp: (at) => Math.max(at - 6, 0),
};

function Choice({ prober, id, active, chosen, onChoose }: { prober: Prober; id: string; active: boolean; chosen: boolean; onChoose: () => void }) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (active) row.current?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  const title = proberTitle(prober);
  const example = urlExample(prober);
  return (
    <div ref={row} id={id} role="option" aria-selected={chosen} class={`type-choice${active ? ' active' : ''}`} onPointerDown={(e) => e.preventDefault()} onClick={onChoose}>
      <span class="type-name">
        {title}
        {title.toLowerCase() !== prober.type && <span class="type-word">{prober.type}</span>}
      </span>
      {example && <span class="type-example">{example}</span>}
      <span class="type-help">{pick(prober.help)}</span>
    </div>
  );
}

export function TypePicker(props: Props) {
  const { value, probers } = props;
  const [search, setSearch] = useState<string | null>(null); // null: nothing is typed
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const id = fieldId(props.path);
  const chosen = probers.find((p) => p.type === value);
  const groups = open ? proberGroups(probers, search ?? '', pick) : [];
  const flat = groups.flatMap((g) => g.probers);
  const show = () => {
    if (props.disabled || open) return;
    setOpen(true);
    setAt(-1);
  };
  const close = () => {
    setOpen(false);
    setSearch(null);
  };
  const choose = (prober: Prober) => {
    if (prober.type !== value) props.onChange(prober.type);
    close();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const step = steps[event.key];
    const active = flat[at] ?? (search ? flat[0] : undefined);
    if (step && !open) {
      show();
      setAt(Math.max(0, proberGroups(probers, '', pick).flatMap((g) => g.probers).findIndex((p) => p.type === value)));
    } else if (step) setAt(flat.length > 0 ? step(at, flat.length) : -1);
    else if (event.key === 'Enter' && open && active) choose(active);
    else if (event.key === 'Escape' && open) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const help = pick(chosen?.help);
  const example = chosen ? urlExample(chosen) : '';
  return (
    <div class={`field${props.error ? ' bad' : ''}`} data-field={props.path}>
      <label for={id}>{props.label}</label>
      <div class="type-picker">
        <input
          id={id}
          type="text"
          role="combobox"
          data-type={value}
          aria-expanded={open}
          aria-controls={`${id}-all`}
          aria-autocomplete="list"
          aria-activedescendant={open && flat[at] ? `${id}-${flat[at]?.type}` : undefined}
          aria-describedby={props.error ? `${id}-error` : help ? `${id}-help` : undefined}
          aria-invalid={props.error ? true : undefined}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          disabled={props.disabled}
          placeholder={t(open ? 'form.type.filter' : 'form.type.choose')}
          value={search ?? (chosen ? proberTitle(chosen) : value)}
          onClick={show}
          onFocus={(e) => e.currentTarget.select()}
          onInput={(e) => {
            setOpen(true);
            setSearch(e.currentTarget.value);
            setAt(e.currentTarget.value.trim() === '' ? -1 : 0);
          }}
          onKeyDown={onKey}
          onBlur={close}
        />
        {open && (
          <div class="type-list" id={`${id}-all`} role="listbox" aria-label={props.label}>
            {groups.map((g) => (
              <div key={g.kind} role="group" aria-labelledby={`${id}-kind-${g.kind}`}>
                <div class="type-kind" id={`${id}-kind-${g.kind}`} role="presentation">
                  {g.title}
                </div>
                {g.probers.map((p) => (
                  <Choice key={p.type} id={`${id}-${p.type}`} prober={p} active={flat[at] === p} chosen={p.type === value} onChoose={() => choose(p)} />
                ))}
              </div>
            ))}
            {flat.length === 0 && <p class="type-none">{t('form.type.none')}</p>}
          </div>
        )}
      </div>
      {props.error && (
        <p class="field-error" id={`${id}-error`}>
          {props.error}
        </p>
      )}
      {help && (
        <p class="field-help" id={`${id}-help`}>
          {help} {example && <code>{example}</code>}
        </p>
      )}
    </div>
  );
}
