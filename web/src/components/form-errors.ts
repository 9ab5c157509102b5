// Brings together what the form finds wrong and what the server said, by field path. The form's own
// complaints show only for fields that were touched, or for all after an attempt to save.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { t } from '../i18n';
import type { Complaints } from '../lib/form-model';
import { setGuard } from '../router';
import { fieldId } from './fields';
import { ask } from './overlay';

export interface FormErrors {
  errorAt: (path: string) => string | undefined;
  hasErrorUnder: (path: string) => boolean;
  /** Server errors whose field the form does not show. */
  rest: (shown: (path: string) => boolean) => string[];
  touch: (path: string) => void;
  attempt: () => boolean;
  fail: (error: unknown) => void;
  clear: () => void;
  summary: string | null;
}

/** Servers name fields with or without a leading "body."; indices as [0] or .0. */
function normal(path: string): string {
  return path.replace(/^(body|\$)\./, '').replace(/\.(\d+)(?=\.|$)/g, '[$1]');
}

function focusFirst(): void {
  requestAnimationFrame(() => {
    const bad = document.querySelector<HTMLElement>('.field.bad input, .field.bad select, .field.bad textarea, .field.bad button');
    bad?.focus();
  });
}

export function useFormErrors(complaints: Complaints): FormErrors {
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const [server, setServer] = useState<ReadonlyMap<string, string>>(new Map());
  const [general, setGeneral] = useState<string | null>(null);
  const own = (path: string): string | undefined => {
    const complaint = complaints.get(path);
    return complaint && (all || touched.has(path)) ? t(complaint.key, complaint.args) : undefined;
  };
  const errorAt = (path: string) => own(path) ?? server.get(path);
  const visible = all ? complaints.size : 0;
  return {
    errorAt,
    hasErrorUnder: (path) =>
      [...server.keys(), ...(all ? complaints.keys() : [])].some(
        (k) => k === path || k.startsWith(`${path}.`) || k.startsWith(`${path}[`),
      ),
    rest: (shown) => [...server].filter(([k]) => !shown(k)).map(([k, v]) => (k ? `${k}: ${v}` : v)),
    touch: (path) => {
      if (!touched.has(path)) setTouched(new Set([...touched, path]));
      if (server.has(path)) {
        const next = new Map(server);
        next.delete(path);
        setServer(next);
      }
    },
    attempt: () => {
      setAll(true);
      setGeneral(null);
      if (complaints.size > 0) focusFirst();
      return complaints.size === 0;
    },
    fail: (error) => {
      const fields = error instanceof ApiError ? error.errors : [];
      setServer(new Map(fields.map((e) => [normal(e.field), e.message])));
      setGeneral(fields.length > 0 ? null : error instanceof ApiError && error.status === 0 ? t('error.unreachable') : (error as Error).message);
      if (fields.length > 0) focusFirst();
    },
    clear: () => {
      setServer(new Map());
      setGeneral(null);
      setAll(false);
    },
    summary: general ?? (visible + server.size > 0 ? t('form.problems', { n: visible + server.size }) : null),
  };
}

export function fieldShown(path: string): boolean {
  return document.getElementById(fieldId(path)) !== null || document.querySelector(`[data-field="${CSS.escape(path)}"]`) !== null;
}

/** The same of options, which the server may name with "config." before them. */
export function optionShown(path: string): boolean {
  return fieldShown(path) || fieldShown(path.replace(/^config\./, ''));
}

/** Asks before unsaved changes are left. Returns a function that lets the next change of address pass. */
export function useLeaveGuard(dirty: boolean): () => void {
  const free = useRef(false);
  useEffect(() => {
    if (!dirty) return undefined;
    const stop = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', stop);
    setGuard(async () => {
      if (free.current) return true;
      return ask({ title: t('form.leave.title'), text: t('form.leave'), yes: t('form.leave.yes'), no: t('form.leave.no'), danger: true });
    });
    return () => {
      removeEventListener('beforeunload', stop);
      setGuard(null);
    };
  }, [dirty]);
  return () => {
    free.current = true;
    setGuard(null);
  };
}
