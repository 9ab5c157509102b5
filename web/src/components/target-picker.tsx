// Chooses targets by search: what is chosen stands as chips, in its order; what is typed asks the server.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Target } from '../api/types';
import { t } from '../i18n';
import '../i18n/more';
import { remember, useTargetNames } from '../lib/target-names';
import { fieldId } from './fields';
import { Icon } from './icons';

function useFound(text: string, chosen: readonly number[]): Target[] {
  const [found, setFound] = useState<Target[]>([]);
  useEffect(() => {
    if (text.trim() === '') {
      setFound([]);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.targets({ q: text.trim(), limit: 8 }, abort.signal).then(
        (page) => setFound(page.items.filter((x) => !chosen.includes(x.id))),
        () => undefined,
      );
    }, 150);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, chosen.length]);
  return found;
}

export function TargetPicker(props: { path: string; label: string; help?: string | undefined; error?: string | undefined; value: number[]; onChange: (value: number[]) => void }) {
  const { value, onChange, path } = props;
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const found = useFound(text, value);
  const name = useTargetNames(value);
  const id = fieldId(path);
  const choose = (target: Target) => {
    remember(target);
    onChange([...value, target.id]);
    setText('');
    setAt(0);
    input.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
    else if (event.key === 'Enter') {
      const target = found[at];
      if (target) choose(target);
    } else if (event.key === 'Escape') setText('');
    else if (event.key === 'Backspace' && text === '' && value.length > 0) onChange(value.slice(0, -1));
    else return;
    if (event.key !== 'Backspace') event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={`field wide${props.error ? ' bad' : ''}`} data-field={path}>
      <label for={id}>{props.label}</label>
      <div class="depends">
        {value.map((v) => (
          <button type="button" class="chip removable" key={v} title={t('common.remove')} aria-label={t('picker.remove', { name: name(v) })} onClick={() => onChange(value.filter((x) => x !== v))}>
            {name(v)}
            <Icon name="cross" />
          </button>
        ))}
        <input
          id={id}
          ref={input}
          type="text"
          role="combobox"
          aria-expanded={found.length > 0}
          aria-controls={`${id}-found`}
          aria-activedescendant={found[at] ? `${id}-found-${at}` : undefined}
          autocomplete="off"
          placeholder={t('picker.search')}
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
        {found.length > 0 && (
          <div class="suggestions" id={`${id}-found`} role="listbox" aria-label={props.label}>
            {found.map((x, i) => (
              <button type="button" role="option" id={`${id}-found-${i}`} aria-selected={i === at} tabIndex={-1} key={x.id} onClick={() => choose(x)}>
                {x.name} <span class="muted small">{x.group} · {x.type}</span>
              </button>
            ))}
          </div>
        )}
      </div>
      {props.error && <p class="field-error">{props.error}</p>}
      {props.help && <p class="field-help">{props.help}</p>}
    </div>
  );
}
