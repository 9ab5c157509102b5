// The way in. It stands where the view was (app.tsx), or at #/login?next=… for who reads without an account.
import { useEffect, useState } from 'preact/hooks';
import { access } from '../api/access';
import { ApiError } from '../api/client';
import { Button, errorText } from '../components/basics';
import { TextField } from '../components/fields';
import { useFormErrors } from '../components/form-errors';
import { Icon, Logo, Mark } from '../components/icons';
import { t } from '../i18n';
import '../i18n/more';
import type { Complaints } from '../lib/form-model';
import { go, href, type Route } from '../router';
import { session, signedIn } from '../store/session';

function nextOf(route: Route): string {
  const next = route.path === '/login' ? (route.query.get('next') ?? '/') : location.hash.slice(1) || '/';
  return next.startsWith('/') && !next.startsWith('/login') ? next : '/';
}

function Provider({ name, next }: { name: string; next: string }) {
  return (
    <a class="button" href={`api/v1/oidc/start?next=${encodeURIComponent(next)}`}>
      <Icon name="key" />
      <span>{t('login.with', { name })}</span>
    </a>
  );
}

/** Why the last attempt was refused, in words; null: the server wants the second factor and had none yet. */
function refusal(error: unknown, hadCode: boolean): string | null {
  if (!(error instanceof ApiError)) return String(error);
  const otp = error.errors.find((e) => e.field === 'otp');
  if (error.status === 401 && otp) return hadCode ? t('login.wrongCode') : null;
  if (error.status === 401) return t('login.wrong');
  if (error.status === 429) return error.detail || t('login.tooMany');
  return errorText(error);
}

function Form({ next }: { next: string }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [otp, setOtp] = useState('');
  const [second, setSecond] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const complaints: Complaints = new Map();
  if (name.trim() === '') complaints.set('name', { key: 'check.required' });
  if (password === '') complaints.set('password', { key: 'check.required' });
  if (second && otp.trim() === '') complaints.set('otp', { key: 'check.required' });
  const errors = useFormErrors(complaints);
  useEffect(() => document.getElementById(second ? 'f-otp' : 'f-name')?.focus(), [second]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!errors.attempt()) return;
    setBusy(true);
    setProblem(null);
    try {
      const code = otp.replace(/\s/g, '');
      const who = await access.signIn({ name: name.trim(), password, ...(second && { otp: code }) });
      session.take(who);
      if (parsePath() === '/login') go(...split(next));
    } catch (error) {
      const why = refusal(error, second);
      setSecond(second || (error instanceof ApiError && error.errors.some((e) => e.field === 'otp')));
      setProblem(why);
      errors.clear();
      setBusy(false);
    }
  };
  return (
    <form class="gate-form" onSubmit={(e) => void submit(e)} noValidate>
      {problem && (
        <p class="gate-problem" role="alert">
          <Mark state="down" />
          {problem}
        </p>
      )}
      <TextField path="name" label={t('login.name')} value={name} autocomplete="username" error={errors.errorAt('name')} onInput={setName} disabled={second} />
      <TextField path="password" label={t('login.password')} value={password} secret autocomplete="current-password" error={errors.errorAt('password')} onInput={setPassword} disabled={second} />
      {second && (
        <TextField path="otp" label={t('login.code')} value={otp} autocomplete="one-time-code" help={t('login.code.help')} error={errors.errorAt('otp')} onInput={setOtp} />
      )}
      <Button id="sign-in" type="submit" kind="primary" busy={busy}>
        {t(busy ? 'login.busy' : 'access.signIn')}
      </Button>
    </form>
  );
}

function parsePath(): string {
  return location.hash.replace(/^#/, '').split('?')[0] ?? '/';
}

/** "/alerts?x=y" → what go() takes. */
function split(path: string): [string, Record<string, string>] {
  const cut = path.indexOf('?');
  return cut < 0 ? [path, {}] : [path.slice(0, cut), Object.fromEntries(new URLSearchParams(path.slice(cut + 1)))];
}

export default function LoginView({ route }: { route: Route }) {
  const { who, expired } = session;
  const next = nextOf(route);
  const failed = route.path === '/login' ? route.query.get('error') : null;
  useEffect(() => {
    if (signedIn() && route.path === '/login') go(...split(next));
  }, [who]);
  return (
    <div class="gate">
      <Logo />
      <h1 tabIndex={-1}>{t('login.title')}</h1>
      {expired && <p class="gate-note">{t('login.expired')}</p>}
      {failed && (
        <p class="gate-problem" role="alert">
          <Mark state="down" />
          {t('login.failed', { why: failed })}
        </p>
      )}
      {who.oidc && <Provider name={who.oidc.name} next={next} />}
      {who.oidc && who.password_login !== false && <p class="gate-or muted small">{t('login.or')}</p>}
      {who.password_login !== false && <Form next={next} />}
      {who.password_login === false && !who.oidc && <p class="muted">{t('login.none')}</p>}
      {session.state === 'in' && !signedIn() && <a href={href('/')}>{t('login.without')}</a>}
    </div>
  );
}
