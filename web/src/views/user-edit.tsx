// One account: its role, its roles in groups, a new password, its second factor, its sessions.
import { useState } from 'preact/hooks';
import { access, type User, type UserDraft } from '../api/access';
import { Button, Card, CopyButton, Failure, Loading } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { CheckField, SelectField, TextField } from '../components/fields';
import { ask, complain, toast } from '../components/overlay';
import { t, type FirstKey } from '../i18n';
import '../i18n/more';
import { useGroups } from '../lib/groups';
import { leastPassword, type Complaints } from '../lib/form-model';
import { useLoad } from '../lib/hooks';
import { go, href } from '../router';
import { session, type Role } from '../store/session';

const roles: Role[] = ['none', 'viewer', 'editor', 'admin'];

/** 20 letters and digits that are not mistaken for one another. */
function randomPassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const bytes = crypto.getRandomValues(new Uint8Array(20));
  return [...bytes].map((b) => letters[b % letters.length]).join('');
}

function GroupRoles({ value, onChange }: { value: [string, Role][]; onChange: (next: [string, Role][]) => void }) {
  const groups = useGroups();
  const set = (i: number, pair: [string, Role]) => onChange(value.map((p, at) => (at === i ? pair : p)));
  return (
    <fieldset class="field wide pairs" data-field="groups">
      <legend>{t('users.groups')}</legend>
      {value.map(([group, role], i) => (
        <div class="pair" key={i}>
          <input type="text" list="group-names" aria-label={t('form.group')} placeholder={t('form.group')} value={group} spellcheck={false} onInput={(e) => set(i, [e.currentTarget.value, role])} />
          <select aria-label={t('users.col.role')} value={role} onChange={(e) => set(i, [group, e.currentTarget.value as Role])}>
            {roles.map((r) => <option key={r} value={r}>{t(`role.${r}` as FirstKey)}</option>)}
          </select>
          <Button icon="cross" kind="quiet" title={t('common.remove')} onClick={() => onChange(value.filter((_, at) => at !== i))} />
        </div>
      ))}
      <datalist id="group-names">{groups.map((g) => <option key={g} value={g} />)}</datalist>
      <Button id="add-group-role" icon="plus" kind="quiet" onClick={() => onChange([...value, ['', 'editor']])}>
        {t('users.groups.add')}
      </Button>
      <p class="field-help">{t('users.groups.help')}</p>
    </fieldset>
  );
}

function PasswordFields({ isNew, value, error, onInput }: { isNew: boolean; value: string; error: string | undefined; onInput: (v: string) => void }) {
  const [shown, setShown] = useState(false);
  const make = () => {
    setShown(true);
    onInput(randomPassword());
  };
  return (
    <>
      <TextField
        path="password"
        label={t(isNew ? 'login.password' : 'users.password.new')}
        required={isNew}
        secret={!shown}
        value={value}
        error={error}
        placeholder={isNew ? undefined : t('users.password.keep')}
        help={t('check.password', { n: leastPassword })}
        onInput={onInput}
      />
      <div class="field beside">
        <Button id="random-password" onClick={make}>{t('users.password.make')}</Button>
        {shown && value !== '' && <CopyButton text={value}>{t('common.copy')}</CopyButton>}
      </div>
    </>
  );
}

/** What is done at once, without "Save". */
function Dangers({ user, onChange }: { user: User; onChange: () => void }) {
  const run = async (question: { title: string; text: string; yes: string }, work: () => Promise<unknown>, done: string) => {
    if (!(await ask({ ...question, danger: true }))) return false;
    try {
      await work();
      toast(done);
      onChange();
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  };
  const { id, name } = user;
  const noTotp = () => run({ title: t('users.totp.title', { name }), text: t('users.totp.text'), yes: t('users.totp.remove') }, () => access.updateUser(id, { totp: false }), t('form.saved', { name }));
  const signOut = () => run({ title: t('users.signOut.title', { name }), text: t('users.signOut.text'), yes: t('users.signOut') }, () => access.endSessions(id), t('users.signOut.done', { name }));
  const remove = async () => {
    if (await run({ title: t('users.delete.title', { name }), text: t('users.delete.text'), yes: t('common.delete') }, () => access.deleteUser(id), t('users.deleted', { name }))) go('/users');
  };
  return (
    <Card title={t('users.more')}>
      <div class="card-body button-row">
        {user.totp && <Button id="remove-totp" icon="lock" onClick={() => void noTotp()}>{t('users.totp.remove')}</Button>}
        <Button id="end-sessions" icon="out" onClick={() => void signOut()}>
          {t('users.signOut')}{user.sessions ? ` (${user.sessions})` : ''}
        </Button>
        {id !== session.who.user_id && <Button id="delete-user" icon="trash" kind="danger" onClick={() => void remove()}>{t('users.delete')}</Button>}
      </div>
    </Card>
  );
}

function Form({ before, onChange }: { before: User | null; onChange: () => void }) {
  const [name, setName] = useState(before?.name ?? '');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>(before?.role ?? 'viewer');
  const [groups, setGroups] = useState<[string, Role][]>(Object.entries(before?.groups ?? {}));
  const [enabled, setEnabled] = useState(before?.enabled ?? true);
  const complaints: Complaints = new Map();
  if (name.trim() === '') complaints.set('name', { key: 'check.required' });
  if ((before === null || password !== '') && password.length < leastPassword) complaints.set('password', { key: 'check.password', args: { n: leastPassword } });
  const edit = useEditing(complaints, async () => {
    const draft: UserDraft = { name: name.trim(), role, groups: Object.fromEntries(groups.filter(([g]) => g.trim() !== '')), enabled };
    if (password !== '') draft.password = password;
    const saved = before ? await access.updateUser(before.id, draft) : await access.createUser(draft);
    return { say: t('form.saved', { name: saved.name }), to: '/users' };
  });
  const { errors } = edit;
  const change = (path: string, work: () => void) => {
    work();
    edit.change(path === 'password' ? undefined : path);
  };
  const local = before === null || before.source !== 'oidc';
  return (
    <EditForm edit={edit} title={before ? t('users.edit', { name: before.name }) : t('users.add')} back={{ href: href('/users'), text: t('nav.users') }}>
      <Card title={t('users.who')}>
        <div class="fields">
          <TextField wide path="name" label={t('login.name')} required value={name} error={errors.errorAt('name')} onInput={(v) => change('name', () => setName(v))} />
          {local && <PasswordFields isNew={before === null} value={password} error={errors.errorAt('password')} onInput={(v) => change('password', () => setPassword(v))} />}
          <CheckField path="enabled" label={t('users.enabled')} value={enabled} error={errors.errorAt('enabled')} onChange={(v) => change('enabled', () => setEnabled(v))} />
        </div>
      </Card>
      <Card title={t('users.may')}>
        <div class="fields">
          <SelectField path="role" label={t('users.role')} value={role} error={errors.errorAt('role')} help={t(`role.${role}.help`)} choices={roles.map((r) => ({ value: r, text: t(`role.${r}` as FirstKey) }))} onChange={(v) => change('role', () => setRole(v as Role))} />
          <GroupRoles value={groups} onChange={(v) => change('groups', () => setGroups(v))} />
        </div>
      </Card>
      {before && <Dangers user={before} onChange={onChange} />}
    </EditForm>
  );
}

export default function UserEdit({ id }: { id: number }) {
  const source = useLoad(() => (id ? access.user(id) : Promise.resolve(null)), [id]);
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (source.data === undefined) return <Loading />;
  return <Form key={id} before={source.data} onChange={source.reload} />;
}
