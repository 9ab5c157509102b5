// Accounts: who may enter, and what they may do.
import { access, type User } from '../api/access';
import { Card, Failure, LinkButton, Loading, PageHead, StateLabel } from '../components/basics';
import { SettingsNav } from '../components/sections';
import { t, type FirstKey } from '../i18n';
import { fullTime, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { href } from '../router';
import { session } from '../store/session';

function Row({ user }: { user: User }) {
  const groups = Object.entries(user.groups ?? {});
  return (
    <tr class={user.enabled ? '' : 'off'}>
      <th scope="row">
        <a href={href(`/users/${user.id}`)}>{user.name}</a>
        {user.id === session.who.user_id && <span class="chip">{t('users.you')}</span>}
        {!user.enabled && <span class="chip">{t('users.off')}</span>}
      </th>
      <td>
        {t(`role.${user.role}` as FirstKey)}
        {groups.map(([g, r]) => (
          <span class="chip" key={g}>
            {g}: {t(`role.${r}` as FirstKey)}
          </span>
        ))}
      </td>
      <td>{t(user.source === 'oidc' ? 'users.source.oidc' : 'users.source.password')}</td>
      <td>
        <StateLabel state={user.totp ? 'up' : 'paused'} word={t(user.totp ? 'account.totp.on' : 'account.totp.off')} />
      </td>
      <td class="nowrap" title={user.last_login_at ? fullTime(user.last_login_at) : undefined}>
        {user.last_login_at ? when(user.last_login_at) : t('common.never')}
      </td>
      <td class="num right">{user.sessions ?? 0}</td>
      <td class="right">
        <LinkButton icon="edit" kind="quiet" title={t('users.edit', { name: user.name })} href={href(`/users/${user.id}`)} />
      </td>
    </tr>
  );
}

export default function UsersView() {
  const list = useLoad(() => access.users(), []);
  const columns = ['name', 'role', 'source', 'totp', 'login', 'sessions'] as const;
  return (
    <div class="users">
      <SettingsNav current="/users" />
      <PageHead title={t('nav.users')}>
        <LinkButton kind="primary" icon="plus" href={href('/users/new')}>
          {t('users.add')}
        </LinkButton>
      </PageHead>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {!list.data && list.busy && <Loading />}
      {list.data && (
        <Card>
          <div class="scroll-x" tabIndex={0}>
            <table class="user-table">
              <thead>
                <tr>
                  {columns.map((c) => (
                    <th key={c} class={c === 'sessions' ? 'right' : ''}>
                      {t(`users.col.${c}`)}
                    </th>
                  ))}
                  <th class="right"><span class="hidden">{t('common.edit')}</span></th>
                </tr>
              </thead>
              <tbody>
                {list.data.items.map((u) => <Row key={u.id} user={u} />)}
              </tbody>
            </table>
          </div>
        </Card>
      )}
    </div>
  );
}
