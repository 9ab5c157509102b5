// The first start: who can read Belfry's log knows the code, and becomes the administrator.
import { useState } from 'preact/hooks';
import { access } from '../api/access';
import { ApiError } from '../api/client';
import { Button } from '../components/basics';
import { TextField } from '../components/fields';
import { FormSummary, useSubmit } from '../components/edit-form';
import { useFormErrors } from '../components/form-errors';
import { Logo } from '../components/icons';
import { toast } from '../components/overlay';
import { t } from '../i18n';
import '../i18n/more';
import { leastPassword, type Complaints } from '../lib/form-model';
import { go } from '../router';
import { session } from '../store/session';

export default function SetupView() {
  const [code, setCode] = useState('');
  const [name, setName] = useState('admin');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const complaints: Complaints = new Map();
  if (code.trim() === '') complaints.set('code', { key: 'check.required' });
  if (name.trim() === '') complaints.set('name', { key: 'check.required' });
  if (password.length < leastPassword) complaints.set('password', { key: 'check.password', args: { n: leastPassword } });
  if (again !== password) complaints.set('again', { key: 'check.again' });
  const errors = useFormErrors(complaints);
  const create = async () => {
    session.take(await access.setup({ code: code.trim(), name: name.trim(), password }));
    toast(t('setup.done', { name: name.trim() }));
    if (location.hash.startsWith('#/setup')) go('/');
  };
  const mend = (error: unknown) => {
    if (error instanceof ApiError && error.status === 409) void session.ask(); // someone else was quicker
    const wrongCode = error instanceof ApiError && error.status === 403;
    return wrongCode ? new ApiError(403, '', '', [{ field: 'code', message: t('setup.wrongCode') }]) : error;
  };
  const { busy, submit } = useSubmit(errors, create, { mend });
  return (
    <div class="gate">
      <Logo />
      <h1 tabIndex={-1}>{t('setup.title')}</h1>
      <p class="gate-note">{t('setup.hint')}</p>
      <form class="gate-form" onSubmit={submit} noValidate>
        <TextField path="code" label={t('setup.code')} value={code} required help={t('setup.code.help')} error={errors.errorAt('code')} onInput={(v) => (setCode(v), errors.touch('code'))} />
        <TextField path="name" label={t('login.name')} value={name} required autocomplete="username" error={errors.errorAt('name')} onInput={(v) => (setName(v), errors.touch('name'))} />
        <TextField path="password" label={t('login.password')} value={password} required secret help={t('check.password', { n: leastPassword })} error={errors.errorAt('password')} onInput={setPassword} />
        <TextField path="again" label={t('setup.again')} value={again} required secret error={errors.errorAt('again')} onInput={setAgain} />
        <FormSummary errors={errors} />
        <Button id="set-up" type="submit" kind="primary" busy={busy}>
          {t('setup.create')}
        </Button>
      </form>
      <p class="muted small">{t('setup.otherWay')} <code>belfry user add admin --role admin</code></p>
    </div>
  );
}
