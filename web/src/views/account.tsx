// One's own account: password, second factor, where one is signed in, tokens.
import { useState } from 'preact/hooks';
import { access, type SessionInfo } from '../api/access';
import { ApiError } from '../api/client';
import { Button, Card, Empty, Failure, Loading, PageHead, StateLabel } from '../components/basics';
import { TextField } from '../components/fields';
import { FormSummary, useSubmit } from '../components/edit-form';
import { useFormErrors } from '../components/form-errors';
import { complain, toast } from '../components/overlay';
import { SecondFactor } from '../components/second-factor';
import { TokenForm, TokenTable } from '../components/token-list';
import { signOut } from '../components/user-menu';
import { t, type FirstKey } from '../i18n';
import '../i18n/more';
import { leastPassword, type Complaints } from '../lib/form-model';
import { when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { browserName } from '../lib/user-agent';
import { useStores } from '../store/observable';
import { session, signedIn } from '../store/session';

function Password() {
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const complaints: Complaints = new Map();
  if (old === '') complaints.set('old', { key: 'check.required' });
  if (next.length < leastPassword) complaints.set('new', { key: 'check.password', args: { n: leastPassword } });
  if (again !== next) complaints.set('again', { key: 'check.again' });
  const errors = useFormErrors(complaints);
  const change = async () => {
    await access.changePassword({ old, new: next });
    toast(t('account.password.done'));
    for (const set of [setOld, setNext, setAgain]) set('');
    errors.clear();
  };
  const mend = (error: unknown) => {
    const wrong = error instanceof ApiError && [401, 403].includes(error.status) && error.errors.length === 0;
    return wrong ? new ApiError(403, '', '', [{ field: 'old', message: t('account.wrong') }]) : error;
  };
  const { busy, submit } = useSubmit(errors, change, { mend, stays: true });
  return (
    <Card title={t('account.password')}>
      <form class="card-form" onSubmit={submit} noValidate>
        <input type="text" hidden autocomplete="username" value={session.who.name} readOnly />
        <div class="fields">
          <TextField wide path="old" label={t('account.password.old')} secret autocomplete="current-password" value={old} error={errors.errorAt('old')} onInput={(v) => (setOld(v), errors.touch('old'))} />
          <TextField path="new" label={t('account.password.new')} secret value={next} help={t('check.password', { n: leastPassword })} error={errors.errorAt('new') ?? errors.errorAt('password')} onInput={setNext} />
          <TextField path="again" label={t('setup.again')} secret value={again} error={errors.errorAt('again')} onInput={setAgain} />
        </div>
        <div class="card-form-bar">
          <FormSummary errors={errors} />
          <Button id="change-password" type="submit" kind="primary" busy={busy}>
            {t('account.password.change')}
          </Button>
        </div>
      </form>
    </Card>
  );
}

function SessionRow({ item, onGone }: { item: SessionInfo; onGone: () => void }) {
  const [busy, setBusy] = useState(false);
  const end = async () => {
    setBusy(true);
    try {
      await access.endSession(item.id);
      onGone();
    } catch (error) {
      complain(error);
      setBusy(false);
    }
  };
  return (
    <tr>
      <th scope="row">
        <span title={item.user_agent}>{browserName(item.user_agent)}</span>
        {item.current && <span class="chip">{t('account.sessions.this')}</span>}
      </th>
      <td class="num">{item.address}</td>
      <td class="nowrap">{when(item.created_at)}</td>
      <td class="nowrap">{when(item.seen_at)}</td>
      <td class="right">
        {!item.current && (
          <Button kind="quiet" busy={busy} onClick={() => void end()}>
            {t('account.sessions.end')}
          </Button>
        )}
      </td>
    </tr>
  );
}

function Sessions() {
  const list = useLoad(() => access.sessions(), []);
  const items = list.data?.items ?? [];
  const others = items.some((s) => !s.current);
  const endAll = async () => {
    try {
      await access.endSessions();
      toast(t('account.sessions.ended'));
      list.reload();
    } catch (error) {
      complain(error);
    }
  };
  return (
    <Card
      title={t('account.sessions')}
      aside={
        others && (
          <Button id="end-others" kind="quiet" icon="out" onClick={() => void endAll()}>
            {t('account.sessions.endOthers')}
          </Button>
        )
      }
    >
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {items.length > 0 && (
        <div class="scroll-x" tabIndex={0}>
          <table class="sessions">
            <thead>
              <tr>
                <th>{t('account.sessions.browser')}</th>
                <th>{t('account.sessions.address')}</th>
                <th>{t('account.sessions.since')}</th>
                <th>{t('account.sessions.seen')}</th>
                <th class="right"><span class="hidden">{t('account.sessions.end')}</span></th>
              </tr>
            </thead>
            <tbody>
              {items.map((s) => <SessionRow key={s.id} item={s} onGone={list.reload} />)}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Tokens() {
  const list = useLoad(() => access.tokens(), []);
  const [adding, setAdding] = useState(false);
  const own = (list.data?.items ?? []).filter((x) => x.user_id === undefined || x.user_id === session.who.user_id);
  if (adding) {
    return (
      <TokenForm
        onCancel={() => setAdding(false)}
        onMade={() => {
          setAdding(false);
          list.reload();
        }}
      />
    );
  }
  return (
    <Card
      title={t('account.tokens')}
      aside={
        <Button id="add-token" icon="plus" kind="quiet" onClick={() => setAdding(true)}>
          {t('tokens.add')}
        </Button>
      }
    >
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.data && <TokenTable items={own} owners={false} onChange={list.reload} />}
    </Card>
  );
}

export default function AccountView() {
  useStores(session);
  const { who } = session;
  if (!signedIn()) return <Empty whole icon="user" title={t('account.none')} hint={t('account.none.hint')} />;
  const groups = Object.entries(who.groups ?? {});
  return (
    <div class="account narrow">
      <PageHead title={t('access.account')}>
        <Button icon="out" onClick={() => void signOut()}>
          {t('access.signOut')}
        </Button>
      </PageHead>
      <Card>
        <dl class="facts">
          <div class="fact">
            <dt>{t('login.name')}</dt>
            <dd>{who.name}</dd>
          </div>
          <div class="fact">
            <dt>{t('users.col.role')}</dt>
            <dd>
              {t(`role.${who.role}` as FirstKey)}
              {groups.map(([g, r]) => (
                <span class="chip" key={g}>
                  {g}: {t(`role.${r}` as FirstKey)}
                </span>
              ))}
            </dd>
          </div>
          <div class="fact">
            <dt>{t('account.totp')}</dt>
            <dd>
              <StateLabel state={who.totp ? 'up' : 'paused'} word={t(who.totp ? 'account.totp.on' : 'account.totp.off')} />
            </dd>
          </div>
        </dl>
      </Card>
      {who.can_change_password !== false && <Password />}
      {who.can_change_password !== false && <SecondFactor />}
      <Sessions />
      <Tokens />
    </div>
  );
}
