// What a person can do to programs, with the questions that go before and the words that go after.
import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { BulkAction, Process, ProcessAction } from '../api/process-types';
import { t, type Key } from '../i18n';
import { processes } from '../store';
import { ask, complain, toast } from './overlay';

function needing(id: string): string[] {
  const out: string[] = [];
  for (const p of processes.items.values()) if (p.requires?.includes(id) && p.status !== 'stopped') out.push(p.id);
  return out;
}

function askToStop(p: Process): Promise<boolean> {
  const others = needing(p.id);
  const text = others.length ? t('program.stop.needed', { names: others.slice(0, 5).join(', '), n: others.length }) : t('program.stop.text');
  return ask({ title: t('program.stop.title', { name: p.name || p.id }), text, yes: t('program.stop'), danger: true });
}

function askSeveral(action: BulkAction, rolling: boolean, ids: readonly string[]): Promise<boolean> {
  if (action === 'start') return Promise.resolve(true);
  const kind = rolling ? 'rolling' : action;
  return ask({
    title: t(`programs.${kind}.title` as Key, { n: ids.length }),
    text: `${t(`programs.${kind}.text` as Key)} ${ids.slice(0, 8).join(', ')}${ids.length > 8 ? ' …' : ''}`,
    yes: t(rolling ? 'programs.rolling' : (`program.${action}` as Key)),
    danger: action === 'stop',
  });
}

/** Asks if it must, does it, says so. `busy` names what is under way. */
export function useProgramActions(): {
  busy: string;
  act: (p: Process, action: ProcessAction) => Promise<void>;
  several: (action: BulkAction, ids: readonly string[], rolling?: boolean) => Promise<boolean>;
} {
  const [busy, setBusy] = useState('');
  const run = async (name: string, work: () => Promise<boolean>): Promise<boolean> => {
    setBusy(name);
    try {
      return await work();
    } catch (error) {
      complain(error);
      return false;
    } finally {
      setBusy('');
    }
  };
  const act = async (p: Process, action: ProcessAction): Promise<void> => {
    if (action === 'stop' && !(await askToStop(p))) return;
    await run(action, async () => {
      const next = await api.actOnProcess(p.id, action);
      if (next?.id) processes.merge(next);
      toast(t(`program.did.${action}` as Key, { name: p.name || p.id }));
      return true;
    });
  };
  const several = async (action: BulkAction, ids: readonly string[], rolling = false): Promise<boolean> => {
    if (ids.length === 0 || !(await askSeveral(action, rolling, ids))) return false;
    return run(rolling ? 'rolling' : action, async () => {
      const answer = await api.actOnProcesses(action, [...ids], rolling);
      for (const next of answer.items ?? []) processes.merge(next);
      const failed = answer.failed ?? [];
      const done = answer.items?.length ?? ids.length - failed.length;
      if (done > 0) toast(t(`programs.did.${action}` as Key, { n: done }));
      for (const f of failed.slice(0, 3)) complain(new Error(`${f.id}: ${f.message}`));
      return failed.length === 0;
    });
  };
  return { busy, act, several };
}
