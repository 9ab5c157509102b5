// API tokens: the table, and the form that makes one. Shown under the settings (all that one may see) and in one's account.
import { useState } from 'preact/hooks';
import { access, type Scope, type Token } from '../api/access';
import type { JsonObject } from '../api/types';
import { lang, t } from '../i18n';
import '../i18n/more';
import { fullTime, span, when } from '../lib/format';
import { useGroups } from '../lib/groups';
import type { Complaints } from '../lib/form-model';
import { groupsFor, may, session } from '../store/session';
import { Button, Card, Empty } from './basics';
import { SelectField, TextField } from './fields';
import { useFormErrors } from './form-errors';
import { ask, complain, toast } from './overlay';
import { Once } from './once';
import { fromLocal, MomentField } from './time-fields';

function Expiry({ at }: { at: string | null | undefined }) {
  if (!at) return <>{t('tokens.never')}</>;
  const left = Date.parse(at) - Date.now();
  if (left < 0) return <span class="is-down stateful">{t('tokens.expired')}</span>;
  return (
    <span class={left < 7 * 86_400_000 ? 'is-degraded stateful' : ''} title={fullTime(at)}>
      {t('tokens.in', { span: span(left) })}
    </span>
  );
}

function Row({ token, owners, onGone }: { token: Token; owners: boolean; onGone: () => void }) {
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    if (!(await ask({ title: t('tokens.delete.title', { name: token.name }), text: t('tokens.delete.text'), yes: t('tokens.delete.yes'), danger: true }))) return;
    setBusy(true);
    try {
      await access.deleteToken(token.id);
      toast(t('tokens.deleted', { name: token.name }));
      onGone();
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return (
    <tr>
      <th scope="row" class="breakable">{token.name}</th>
      {owners && <td>{token.owner || '–'}</td>}
      <td>
        {t(`scope.${token.scope}`)}
        {token.group && <span class="chip">{token.group}</span>}
      </td>
      <td><Expiry at={token.expires_at} /></td>
      <td class="nowrap">{token.last_used_at ? when(token.last_used_at) : t('common.never')}</td>
      <td class="right">
        <Button icon="trash" kind="quiet" title={t('tokens.delete.named', { name: token.name })} busy={busy} onClick={() => void remove()} />
      </td>
    </tr>
  );
}

export function TokenTable({ items, owners, onChange }: { items: Token[]; owners: boolean; onChange: () => void }) {
  if (items.length === 0) return <Empty small icon="key" title={t('tokens.empty')} hint={t('tokens.empty.hint')} />;
  return (
    <div class="scroll-x" tabIndex={0}>
      <table class="tokens">
        <thead>
          <tr>
            <th>{t('tokens.col.name')}</th>
            {owners && <th>{t('tokens.col.owner')}</th>}
            <th>{t('tokens.col.scope')}</th>
            <th>{t('tokens.col.expires')}</th>
            <th>{t('tokens.col.used')}</th>
            <th class="right"><span class="hidden">{t('common.delete')}</span></th>
          </tr>
        </thead>
        <tbody>
          {items.map((x) => <Row key={x.id} token={x} owners={owners} onGone={onChange} />)}
        </tbody>
      </table>
    </div>
  );
}

const spans = ['30d', '90d', '365d', 'never', 'date'] as const;

function scopes(): Scope[] {
  return may('admin') ? ['read', 'write', 'admin'] : groupsFor('editor') === null || Object.values(session.who.groups ?? {}).includes('editor') ? ['read', 'write'] : ['read'];
}

export function TokenForm({ onMade, onCancel }: { onMade: () => void; onCancel: () => void }) {
  const groups = useGroups();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('read');
  const [group, setGroup] = useState('');
  const [expiry, setExpiry] = useState<(typeof spans)[number]>('90d');
  const [date, setDate] = useState('');
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<Token | null>(null);
  const complaints: Complaints = new Map();
  if (name.trim() === '') complaints.set('name', { key: 'check.required' });
  if (expiry === 'date' && !fromLocal(date)) complaints.set('expires_at', { key: 'check.required' });
  const errors = useFormErrors(complaints);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!errors.attempt()) return;
    setBusy(true);
    const body: JsonObject = { name: name.trim(), scope };
    if (group) body['group'] = group;
    if (expiry === 'date') body['expires_at'] = fromLocal(date);
    else if (expiry !== 'never') body['expires_in'] = expiry;
    try {
      setMade(await access.createToken(body));
    } catch (error) {
      errors.fail(error);
    }
    setBusy(false);
  };
  if (made?.token) {
    return (
      <Card>
        <Once title={t('tokens.made', { name: made.name })} hint={t('tokens.once')} text={made.token} onDone={onMade}>
          <code class="once-use">curl -H "Authorization: Bearer …" {new URL('api/v1/targets', location.href).href}</code>
        </Once>
      </Card>
    );
  }
  return (
    <Card title={t('tokens.add')}>
      <form class="card-form" onSubmit={(e) => void submit(e)} noValidate lang={lang()}>
        <div class="fields">
          <TextField path="name" label={t('tokens.col.name')} required value={name} help={t('tokens.name.help')} error={errors.errorAt('name')} onInput={(v) => (setName(v), errors.touch('name'))} />
          <SelectField path="scope" label={t('tokens.col.scope')} value={scope} error={errors.errorAt('scope')} help={t(`scope.${scope}.help`)} choices={scopes().map((s) => ({ value: s, text: t(`scope.${s}`) }))} onChange={(v) => setScope(v as Scope)} />
          <SelectField path="group" label={t('tokens.group')} value={group} error={errors.errorAt('group')} choices={[{ value: '', text: t('tokens.group.all') }, ...groups.map((g) => ({ value: g, text: g }))]} onChange={setGroup} />
          <SelectField path="expires_in" label={t('tokens.col.expires')} value={expiry} error={errors.errorAt('expires_in')} choices={spans.map((s) => ({ value: s, text: t(`tokens.for.${s}`) }))} onChange={(v) => setExpiry(v as typeof expiry)} />
          {expiry === 'date' && <MomentField path="expires_at" label={t('tokens.date')} value={date} error={errors.errorAt('expires_at')} onInput={setDate} />}
        </div>
        <div class="card-form-bar">
          {errors.summary && <p class="form-summary" role="alert">{errors.summary}</p>}
          <Button onClick={onCancel}>{t('common.cancel')}</Button>
          <Button id="make-token" type="submit" kind="primary" icon="key" busy={busy}>
            {t('tokens.create')}
          </Button>
        </div>
      </form>
    </Card>
  );
}
