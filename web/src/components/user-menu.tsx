// Who is signed in, at the right end of the head: their account, signing out; or the way in.
import { useEffect, useRef, useState } from 'preact/hooks';
import { t, type FirstKey } from '../i18n';
import { href } from '../router';
import { useStores } from '../store/observable';
import { session, signedIn } from '../store/session';
import { Button, LinkButton } from './basics';
import { Icon } from './icons';
import { complain } from './overlay';

export function signOut(): Promise<void> {
  return session.leave().catch(complain);
}

function useDismiss(open: boolean, close: () => void) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const onPointer = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) close();
    };
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && close();
    addEventListener('pointerdown', onPointer);
    addEventListener('focusin', onPointer);
    addEventListener('keydown', onKey);
    addEventListener('hashchange', close);
    return () => {
      removeEventListener('pointerdown', onPointer);
      removeEventListener('focusin', onPointer);
      removeEventListener('keydown', onKey);
      removeEventListener('hashchange', close);
    };
  }, [open]);
  return box;
}

export function UserMenu() {
  useStores(session);
  const [open, setOpen] = useState(false);
  const box = useDismiss(open, () => setOpen(false));
  const { who } = session;
  if (who.kind === 'anonymous' && who.setup) {
    return (
      <LinkButton icon="user" kind="quiet" title={t('access.setUp')} href={href('/setup')}>
        <span class="only-wide">{t('access.setUp')}</span>
      </LinkButton>
    );
  }
  if (who.kind === 'anonymous' && (who.password_login || who.oidc)) {
    const next = location.hash.slice(1);
    return (
      <LinkButton icon="user" kind="quiet" title={t('access.signIn')} href={href('/login', next ? { next } : undefined)}>
        <span class="only-wide">{t('access.signIn')}</span>
      </LinkButton>
    );
  }
  if (!signedIn()) return null;
  return (
    <div class="user-menu" ref={box}>
      <button
        type="button"
        id="user-menu"
        class="button quiet"
        aria-expanded={open}
        aria-label={t('access.menu', { name: who.name })}
        title={who.name}
        onClick={() => setOpen(!open)}
      >
        <Icon name="user" />
        <span class="only-wide user-name">{who.name}</span>
      </button>
      {open && (
        <div class="popup">
          <p class="popup-head">
            <strong>{who.name}</strong>
            <span class="muted small">{t(`role.${who.role}` as FirstKey)}</span>
          </p>
          <a href={href('/account')}>
            <Icon name="key" />
            {t('access.account')}
          </a>
          {(who.kind === 'user' || who.session_id) && (
            <Button id="sign-out" icon="out" kind="quiet" onClick={() => void signOut()}>
              {t('access.signOut')}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
