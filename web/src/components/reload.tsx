// Reading the configuration anew; what is wrong with it stands at its line and column.
import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { FieldError } from '../api/types';
import { t } from '../i18n';
import '../i18n/more';
import { Button, errorText } from './basics';
import { Mark } from './icons';
import { toast } from './overlay';

/** "/etc/belfry/conf.d/x.yaml" → "conf.d/x.yaml" beside the main file. */
export function shortFile(file: string | undefined, main = ''): string {
  if (!file) return '';
  const dir = main.slice(0, main.lastIndexOf('/') + 1);
  return dir !== '' && file.startsWith(dir) ? file.slice(dir.length) : file;
}

export function ConfigErrors({ error, title }: { error: Error; title: string }) {
  const errors: FieldError[] = error instanceof ApiError ? error.errors : [];
  return (
    <div class="failure stacked" role="alert">
      <Mark state="down" />
      <div>
        <strong>{title}</strong>
        {errors.length === 0 && <p>{errorText(error)}</p>}
        <ul class="problems">
          {errors.map((e, i) => (
            <li key={i}>
              {(e.file || e.line) && (
                <code>
                  {e.file}
                  {e.line ? `${e.file ? ': ' : ''}${t('system.place', { line: e.line, column: e.column ?? 1 })}` : ''}
                </code>
              )}
              {e.field && <code>{e.field}</code>} {e.message}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

export function useReload(onDone: () => void): { busy: boolean; problem: Error | null; run: () => void } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Error | null>(null);
  const run = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api.reload();
      toast(t('system.reloaded'));
      onDone();
    } catch (error) {
      setProblem(error as Error);
    }
    setBusy(false);
  };
  return { busy, problem, run: () => void run() };
}

export function ReloadButton({ state }: { state: { busy: boolean; run: () => void } }) {
  return (
    <Button id="reload" icon="refresh" busy={state.busy} onClick={state.run}>
      {t(state.busy ? 'system.reloading' : 'system.reload')}
    </Button>
  );
}
