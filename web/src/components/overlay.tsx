// Toasts and the question dialog. Both are asked for from anywhere: toast("…"), await ask({…}).
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { Observable, useStores } from '../store/observable';
import { errorText } from './basics';
import { Button } from './basics';
import { Icon, Mark } from './icons';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

interface Question {
  title: string;
  text: string;
  yes: string;
  no?: string;
  danger?: boolean;
}

class Overlay extends Observable {
  toasts: Toast[] = [];
  question: Question | null = null;
  answer: (yes: boolean) => void = () => undefined;
  private next = 1;

  say(text: string, bad: boolean): void {
    const id = this.next++;
    this.toasts = [...this.toasts.slice(-3), { id, text, bad }];
    this.announce();
    setTimeout(() => this.drop(id), bad ? 12_000 : 4_000);
  }

  drop(id: number): void {
    this.toasts = this.toasts.filter((x) => x.id !== id);
    this.announce();
  }

  ask(question: Question): Promise<boolean> {
    this.answer(false); // an older question is overtaken
    this.question = question;
    this.announce();
    return new Promise((resolve) => {
      this.answer = (yes) => {
        this.question = null;
        this.answer = () => undefined;
        this.announce();
        resolve(yes);
      };
    });
  }
}

const overlay = new Overlay(0);

export function toast(text: string): void {
  overlay.say(text, false);
}

export function complain(error: unknown): void {
  overlay.say(error instanceof Error ? errorText(error) : String(error), true);
}

export function ask(question: Question): Promise<boolean> {
  return overlay.ask(question);
}

function Ask({ question }: { question: Question }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement as HTMLElement | null;
    element?.showModal();
    return () => {
      element?.close();
      before?.focus?.();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="ask-title"
      onCancel={(event) => {
        event.preventDefault();
        overlay.answer(false);
      }}
    >
      <h2 id="ask-title">{question.title}</h2>
      <p>{question.text}</p>
      <div class="dialog-actions">
        <Button id="ask-no" onClick={() => overlay.answer(false)}>
          {question.no ?? t('common.cancel')}
        </Button>
        <Button
          id="ask-yes"
          kind={question.danger ? 'danger' : 'primary'}
          onClick={() => overlay.answer(true)}
        >
          {question.yes}
        </Button>
      </div>
    </dialog>
  );
}

export function Overlays() {
  useStores(overlay);
  return (
    <>
      {overlay.question && <Ask question={overlay.question} />}
      <div class="toasts" role="status" aria-live="polite">
        {overlay.toasts.map((item) => (
          <div class={`toast${item.bad ? ' bad' : ''}`} key={item.id}>
            <Mark state={item.bad ? 'down' : 'up'} />
            <span>{item.text}</span>
            <button type="button" aria-label={t('common.dismiss')} onClick={() => overlay.drop(item.id)}>
              <Icon name="cross" />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}
