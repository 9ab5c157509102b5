// API tokens: the table, and the form that makes one. Shown under the settings (all that one may see) and in one's account.
import { useState } from 'preact/hooks';
import { access, type Scope, type Token } from '../api/access';
import type { JsonObject } from '../api/types';
import { lang, t, type Key } from '../i18n';
import '../i18n/more';
import { fullTime, span, when } from '../lib/format';
import { useGroups } from '../lib/groups';
import type { Complaints } from '../lib/form-model';
import { localPlace } from '../lib/places';
import { groupsFor, may, session } from '../store/session';
import { Button, Card, CopyButton, Empty } from './basics';
import { SelectField, TextField } from './fields';
import { FormSummary, useSubmit } from './edit-form';
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
      {owners && <td class="far">{token.owner || '–'}</td>}
      <td>
        {t(`scope.${token.scope}`)}
        {token.group && <span class="chip">{token.group}</span>}
      </td>
      <td class="nowrap"><Expiry at={token.expires_at} /></td>
      <td class="nowrap far">{token.last_used_at ? when(token.last_used_at) : t('common.never')}</td>
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
            {owners && <th class="far">{t('tokens.col.owner')}</th>}
            <th>{t('tokens.col.scope')}</th>
            <th>{t('tokens.col.expires')}</th>
            <th class="far">{t('tokens.col.used')}</th>
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

/** Starts an agent that checks from where it runs. */
export function AgentCommand({ token }: { token: string }) {
  const server = new URL('.', location.href.replace(/#.*/, '')).href.replace(/\/$/, '');
  const command = `belfry agent --server ${server} --token ${token}`;
  return (
    <p class="command">
      <code>{command}</code>
      <CopyButton kind="quiet" text={command} />
    </p>
  );
}

const spans = ['30d', '90d', '365d', 'never', 'date'] as const;

function scopes(): Scope[] {
  return may('admin') ? ['read', 'write', 'admin', 'agent'] : groupsFor('editor') === null || Object.values(session.who.groups ?? {}).includes('editor') ? ['read', 'write'] : ['read'];
}

interface FormProps {
  /** It is a location's: the token of an agent, whose name is where it stands. */
  location?: boolean;
  /** Names that there are. */
  taken?: readonly string[];
  onMade: () => void;
  onCancel: () => void;
}

function nameComplaint(name: string, { agent, taken }: { agent: boolean; taken: readonly string[] }): Key | null {
  if (name === '') return 'check.required';
  if (agent && name === localPlace) return 'locations.local';
  return taken.includes(name) ? 'locations.taken' : null;
}

/** How what was made is used. */
function Use({ token }: { token: Token }) {
  if (token.scope !== 'agent') return <code class="once-use">curl -H "Authorization: Bearer …" {new URL('api/v1/targets', location.href).href}</code>;
  return <AgentCommand token={token.token ?? ''} />;
}

export function TokenForm({ location: ofLocation = false, taken = [], onMade, onCancel }: FormProps) {
  const groups = useGroups();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>(ofLocation ? 'agent' : 'read');
  const [group, setGroup] = useState('');
  const [expiry, setExpiry] = useState<(typeof spans)[number]>(ofLocation ? 'never' : '90d');
  const agent = scope === 'agent';
  const [date, setDate] = useState('');
  const [made, setMade] = useState<Token | null>(null);
  const complaints: Complaints = new Map();
  const complaint = nameComplaint(name.trim(), { agent, taken });
  if (complaint) complaints.set('name', { key: complaint });
  if (expiry === 'date' && !fromLocal(date)) complaints.set('expires_at', { key: 'check.required' });
  const errors = useFormErrors(complaints);
  const create = async () => {
    const body: JsonObject = { name: name.trim(), scope };
    if (group && !agent) body['group'] = group;
    if (expiry === 'date') body['expires_at'] = fromLocal(date);
    else if (expiry !== 'never') body['expires_in'] = expiry;
    setMade(await access.createToken(body));
  };
  const { busy, submit } = useSubmit(errors, create);
  if (made?.token) {
    return (
      <Card>
        <Once title={t('tokens.made', { name: made.name })} hint={t('tokens.once')} text={made.token} onDone={onMade}>
          <Use token={made} />
        </Once>
      </Card>
    );
  }
  return (
    <Card title={t(ofLocation ? 'locations.add' : 'tokens.add')}>
      <form class="card-form" onSubmit={submit} noValidate lang={lang()}>
        <div class="fields">
          <TextField path="name" label={t('tokens.col.name')} required value={name} help={t(agent ? 'locations.name.help' : 'tokens.name.help')} error={errors.errorAt('name')} onInput={(v) => (setName(v), errors.touch('name'))} />
          {!ofLocation && <SelectField path="scope" label={t('tokens.col.scope')} value={scope} error={errors.errorAt('scope')} help={t(`scope.${scope}.help`)} choices={scopes().map((s) => ({ value: s, text: t(`scope.${s}`) }))} onChange={(v) => setScope(v as Scope)} />}
          {!agent && <SelectField path="group" label={t('tokens.group')} value={group} error={errors.errorAt('group')} choices={[{ value: '', text: t('tokens.group.all') }, ...groups.map((g) => ({ value: g, text: g }))]} onChange={setGroup} />}
          <SelectField path="expires_in" label={t('tokens.col.expires')} value={expiry} error={errors.errorAt('expires_in')} choices={spans.map((s) => ({ value: s, text: t(`tokens.for.${s}`) }))} onChange={(v) => setExpiry(v as typeof expiry)} />
          {expiry === 'date' && <MomentField path="expires_at" label={t('tokens.date')} value={date} error={errors.errorAt('expires_at')} onInput={setDate} />}
        </div>
        <div class="card-form-bar">
          <FormSummary errors={errors} />
          <Button onClick={onCancel}>{t('common.cancel')}</Button>
          <Button id="make-token" type="submit" kind="primary" icon="key" busy={busy}>
            {t('tokens.create')}
          </Button>
        </div>
      </form>
    </Card>
  );
}
