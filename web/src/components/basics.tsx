// The small parts that every view is made of.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import type { Target } from '../api/types';
import { t, type Key } from '../i18n';
import { copyText } from '../lib/clipboard';
import { isFailing, readVerdict, stateOf, type State } from '../lib/state';
import { Icon, Mark, type IconName } from './icons';

export function stateWord(state: State): string {
  return t(`state.${state}` as Key);
}

/** The word for a target: a degraded one that is failing says how close it is to ringing. */
export function targetWord(target: Target): string {
  const state = stateOf(target);
  if (state === 'degraded' && isFailing(target)) {
    return t('state.failing', { n: target.fail_count, of: target.threshold });
  }
  return stateWord(state);
}

export function StateLabel({ state, word }: { state: State; word?: string }) {
  return (
    <span class={`state is-${state}`}>
      <Mark state={state} />
      <span class="state-word">{word ?? stateWord(state)}</span>
    </span>
  );
}

/** What a check said; of a target with locations first at how many of them it is down. */
export function Said({ text }: { text: string | null | undefined }) {
  const verdict = readVerdict(text);
  if (!verdict) return <>{text}</>;
  return (
    <>
      <span class="chip places-down">{t('places.down', { n: verdict.of, down: verdict.down })}</span> {verdict.rest}
    </>
  );
}

interface ButtonProps {
  icon?: IconName;
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  busy?: boolean;
  disabled?: boolean;
  title?: string;
  id?: string;
  type?: 'button' | 'submit';
  onClick?: (event: MouseEvent) => void;
  children?: ComponentChildren;
}

export function Button(props: ButtonProps) {
  const { icon, kind = 'plain', busy, disabled, title, id, type = 'button', onClick, children } = props;
  const only = children === undefined;
  return (
    <button
      type={type}
      id={id}
      class={`button ${kind}${only ? ' icon-only' : ''}`}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      title={title}
      aria-label={only ? title : undefined}
      onClick={onClick}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} />}
      {!only && <span>{children}</span>}
    </button>
  );
}

export function LinkButton(props: {
  href: string;
  icon?: IconName;
  kind?: 'plain' | 'primary' | 'quiet';
  title?: string;
  children?: ComponentChildren;
}) {
  const { href, icon, kind = 'plain', title, children } = props;
  const only = children === undefined;
  return (
    <a
      class={`button ${kind}${only ? ' icon-only' : ''}`}
      href={href}
      title={title}
      aria-label={only ? title : undefined}
    >
      {icon && <Icon name={icon} />}
      {!only && <span>{children}</span>}
    </a>
  );
}

/** Copies a text and says so. */
export function CopyButton({ text, kind = 'plain', children }: { text: string | (() => string); kind?: 'plain' | 'quiet'; children?: ComponentChildren }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(typeof text === 'string' ? text : text()))) return;
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  const word = t(done ? 'common.copied' : 'common.copy');
  return (
    <Button icon={done ? 'check' : 'copy'} kind={kind} title={word} onClick={() => void copy()}>
      {children && (done ? word : children)}
    </Button>
  );
}

export function Segmented<T extends string>(props: {
  label: string;
  value: T;
  choices: { value: T; text: string; count?: number }[];
  onChange: (value: T) => void;
}) {
  return (
    <div class="segmented" role="group" aria-label={props.label}>
      {props.choices.map((c) => (
        <button
          type="button"
          key={c.value}
          aria-pressed={c.value === props.value}
          onClick={() => props.onChange(c.value)}
        >
          {c.text}
          {c.count !== undefined && <span class="count">{c.count}</span>}
        </button>
      ))}
    </div>
  );
}

/** What lists are searched with. `id` "search" is where the key / leads. */
export function SearchBox({ id = 'search', label, value, onInput }: { id?: string; label: string; value: string; onInput: (text: string) => void }) {
  return (
    <label class="search">
      <Icon name="search" />
      <input id={id} type="search" placeholder={label} aria-label={label} value={value} spellcheck={false} autocomplete="off" onInput={(e) => onInput(e.currentTarget.value)} />
      {id === 'search' && <kbd aria-hidden="true">/</kbd>}
    </label>
  );
}

/** A choice in a bar, without a field's label and help. `all`: the word for none of them. */
export function Choice<T extends string>(props: { name?: string; label: string; all?: string; value: T; choices: { value: T; text: string }[]; onChange: (value: T) => void }) {
  return (
    <select name={props.name} aria-label={props.label} value={props.value} onChange={(e) => props.onChange(e.currentTarget.value as T)}>
      {props.all !== undefined && <option value="">{props.all}</option>}
      {props.choices.map((c) => (
        <option key={c.value} value={c.value}>
          {c.text}
        </option>
      ))}
    </select>
  );
}

export function ClearFilters({ onClick }: { onClick: () => void }) {
  return (
    <Button kind="quiet" icon="cross" onClick={onClick}>
      {t('overview.clear')}
    </Button>
  );
}

/** Texts to copy, each under its name. */
export function Snippets({ rows }: { rows: [string, string][] }) {
  return (
    <dl class="snippets">
      {rows.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{text}</code>
            <CopyButton kind="quiet" text={text} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Card(props: {
  title?: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`card ${props.class ?? ''}`} aria-label={props.title}>
      {props.title && (
        <header class="card-head">
          <h2>{props.title}</h2>
          {props.aside && <div class="card-aside">{props.aside}</div>}
        </header>
      )}
      {props.children}
    </section>
  );
}

export function Empty(props: {
  title: string;
  hint?: ComponentChildren;
  icon?: IconName;
  children?: ComponentChildren;
  small?: boolean;
  /** It is all that the view shows: its title is the page's heading. */
  whole?: boolean;
}) {
  return (
    <div class={`empty${props.small ? ' small' : ''}`}>
      {props.icon && (
        <span class="empty-icon">
          <Icon name={props.icon} />
        </span>
      )}
      {props.whole ? (
        <h1 class="empty-title" tabIndex={-1}>
          {props.title}
        </h1>
      ) : (
        <p class="empty-title">{props.title}</p>
      )}
      {props.hint && <p class="empty-hint">{props.hint}</p>}
      {props.children && <div class="empty-actions">{props.children}</div>}
    </div>
  );
}

export function errorText(error: Error): string {
  if (error instanceof ApiError) {
    if (error.status === 0) return t('error.unreachable');
    return error.detail && error.detail !== error.title ? `${error.title}: ${error.detail}` : error.title;
  }
  return error.message;
}

export function Failure({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  return (
    <div class="failure" role="alert">
      <Mark state="down" />
      <div>
        <strong>{t('error.load')}</strong>
        <p>{errorText(error)}</p>
      </div>
      {onRetry && (
        <Button icon="refresh" onClick={onRetry}>
          {t('common.retry')}
        </Button>
      )}
    </div>
  );
}

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="spinner" />
      {t('common.loading')}
    </div>
  );
}

export function Switch(props: {
  on: boolean;
  label: string;
  busy?: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}) {
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={props.on}
      aria-label={props.label}
      title={props.label}
      disabled={props.busy || props.disabled}
      onClick={() => props.onChange(!props.on)}
    >
      <span class="switch-knob" />
    </button>
  );
}

export function PageHead(props: {
  title: ComponentChildren;
  back?: { href: string; text: string };
  children?: ComponentChildren;
}) {
  return (
    <div class="page-head">
      <div class="page-title">
        {props.back && (
          <a class="crumb" href={props.back.href}>
            <Icon name="back" />
            {props.back.text}
          </a>
        )}
        <h1 tabIndex={-1}>{props.title}</h1>
      </div>
      {props.children && <div class="page-actions">{props.children}</div>}
    </div>
  );
}
