// What forms share: what is wrong with them, how they are sent, and, of one that has a page of its own, the guard against
// leaving it, the bar at its foot, and the removal of what it shows.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../i18n';
import type { Complaints } from '../lib/form-model';
import { go } from '../router';
import { Button, LinkButton, PageHead } from './basics';
import { fieldShown, useFormErrors, useLeaveGuard, type FormErrors } from './form-errors';
import { ask, complain, toast } from './overlay';

/** How much is wrong, and what the server said of fields that the form does not show. */
export function FormSummary({ errors, shown = fieldShown }: { errors: FormErrors; shown?: ((path: string) => boolean) | undefined }) {
  if (!errors.summary) return null;
  return (
    <p class="form-summary" role="alert">
      {errors.summary}
      {errors.rest(shown).map((s) => (
        <span key={s}>{s}</span>
      ))}
    </p>
  );
}

interface Sending {
  busy: boolean;
  submit: (event: Event) => void;
}

/** Sends a form once it has no complaints. `mend` turns an error into what the form should say; busy ends with an error only,
    for a form that succeeded is about to go, unless it `stays`. */
export function useSubmit(errors: FormErrors, work: () => Promise<unknown>, { mend = (error: unknown) => error, stays = false } = {}): Sending {
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await work();
      if (stays) setBusy(false);
    } catch (error) {
      errors.fail(mend(error));
      setBusy(false);
    }
  };
  return {
    busy,
    submit: (event) => {
      event.preventDefault();
      if (errors.attempt()) void send();
    },
  };
}

export interface Editing extends Sending {
  errors: FormErrors;
  /** Something was changed, at this path if it may be complained of. */
  change: (path?: string) => void;
  remove: (question: { title: string; text: string }, work: () => Promise<unknown>, to: string) => Promise<void>;
}

/** A form with a page of its own. `save` stores it and says what to tell and where to go then. */
export function useEditing(complaints: Complaints, save: () => Promise<{ say: string; to: string }>): Editing {
  const [dirty, setDirty] = useState(false);
  const errors = useFormErrors(complaints);
  const { busy, submit } = useSubmit(errors, async () => {
    const { say, to } = await save();
    toast(say);
    release();
    go(to);
  });
  const release = useLeaveGuard(dirty && !busy);
  return {
    errors,
    busy,
    submit,
    change: (path) => {
      setDirty(true);
      if (path) errors.touch(path);
    },
    remove: async (question, work, to) => {
      if (!(await ask({ ...question, yes: t('common.delete'), danger: true }))) return;
      try {
        await work();
        release();
        go(to);
      } catch (error) {
        complain(error);
      }
    },
  };
}

export function EditForm(props: {
  edit: Editing;
  title: string;
  back: { href: string; text: string };
  /** Beside the title. */
  actions?: ComponentChildren;
  /** Of the button, if it is not "Save". */
  yes?: string | undefined;
  shown?: (path: string) => boolean;
  children: ComponentChildren;
}) {
  const { edit } = props;
  return (
    <form class="form" onSubmit={edit.submit} noValidate>
      <PageHead title={props.title} back={props.back}>
        {props.actions}
      </PageHead>
      {props.children}
      <div class="form-bar">
        <FormSummary errors={edit.errors} shown={props.shown} />
        <LinkButton href={props.back.href}>{t('common.cancel')}</LinkButton>
        <Button id="save" type="submit" kind="primary" icon="check" busy={edit.busy}>
          {edit.busy ? t('common.saving') : (props.yes ?? t('common.save'))}
        </Button>
      </div>
    </form>
  );
}
