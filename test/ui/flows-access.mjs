// Who may enter: set-up, signing in with and without the second factor, what a viewer sees, the account, users, tokens, the
// audit log. Against the mock each flow has a Belfry of its own in the state that it needs; against a real one they are
// skipped but for what an open Belfry shows (test/integration/test_page_access.py drives the others).
import assert from 'node:assert/strict';
import { Skip } from './report.mjs';
import { confirm, exact, open, say } from './steps.mjs';

/** A mock of its own, with accounts as `auth` says. */
async function apart(f, auth, work) {
  if (!f.mock) throw new Skip('needs the mock: a Belfry in this state');
  const running = await f.start({ auth });
  try {
    await work({ ...f, url: running.url, mock: running.mock });
  } finally {
    running.close();
  }
}

async function signIn(f, name, password = 'correct-horse') {
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#f-password').fill(password);
  await f.page.locator('#sign-in').click();
}

const heading = (f, key, args) => f.page.getByRole('heading', exact(f.t(key, args))).waitFor();

const setUp = (f0) =>
  apart(f0, 'setup', async (f) => {
    await f.page.goto(`${f.url}#/alerts`);
    await heading(f, 'setup.title');
    await f.page.locator('#f-code').fill('wrong');
    await f.page.locator('#f-password').fill('short');
    await f.page.locator('#set-up').click();
    await f.page.locator('#f-password-error').waitFor();
    await f.page.locator('#f-password').fill('a long enough one');
    await f.page.locator('#f-again').fill('a long enough one');
    await f.page.locator('#set-up').click();
    await f.page.getByText(f.t('setup.wrongCode'), { exact: true }).waitFor();
    await f.page.locator('#f-code').fill('BELL-TOWER-7');
    await f.page.locator('#set-up').click();
    await heading(f, 'alerts.title');
  });

const signingIn = (f0) =>
  apart(f0, 'closed', async (f) => {
    await f.page.goto(`${f.url}#/reports?by=group`);
    await heading(f, 'login.title');
    assert.equal(await f.page.locator('nav.nav').count(), 0, 'there is nowhere to go yet');
    await signIn(f, 'alice', 'wrong');
    await f.page.getByText(f.t('login.wrong'), { exact: true }).waitFor();
    await signIn(f, 'alice');
    await f.page.locator('.report').waitFor();
    assert.match(f.page.url(), /reports\?by=group/);
    // The session ends elsewhere: the next question answers 401, and signing in leads back.
    f.mock.access.sessions.clear();
    await f.page.locator('nav.nav a[href="#/alerts"]').click();
    await f.page.locator('nav.nav a[href="#/reports"]').click().catch(() => undefined);
    await f.page.getByText(f.t('login.expired'), { exact: true }).waitFor();
    await signIn(f, 'alice');
    await f.page.locator('nav.nav').waitFor();
    await f.page.locator('#user-menu').click();
    await f.page.locator('#sign-out').click();
    await heading(f, 'login.title');
    await f.page.locator('#f-name').waitFor();
    assert.equal(await f.page.getByText(f.t('login.expired')).count(), 0, 'leaving is no accident');
  });

const secondFactor = (f0) =>
  apart(f0, 'closed', async (f) => {
    await f.page.goto(f.url);
    await signIn(f, '王小明');
    await f.page.locator('#f-otp').fill('000000');
    await f.page.locator('#sign-in').click();
    await f.page.getByText(f.t('login.wrongCode'), { exact: true }).waitFor();
    await f.page.locator('#f-otp').fill('123 456');
    await f.page.locator('#sign-in').click();
    await f.page.locator('nav.nav').waitFor();
  });

const enrol = (f0) =>
  apart(f0, 'closed', async (f) => {
    await f.page.goto(`${f.url}#/account`);
    await signIn(f, 'alice');
    await f.page.locator('#totp-on').click();
    await f.page.locator('.one-field #f-password').fill('wrong');
    await f.page.locator('#totp-next').click();
    await f.page.getByText(f.t('account.wrong'), { exact: true }).waitFor();
    await f.page.locator('.one-field #f-password').fill('correct-horse');
    await f.page.locator('#totp-next').click();
    await f.page.locator('.qr').waitFor();
    await f.page.locator('#f-code').fill('123456');
    await f.page.locator('#totp-next').click();
    assert.equal((await f.page.locator('.once-text').innerText()).trim().split('\n').length, 10);
    await f.page.locator('#once-done').click();
    await say(f, f.t('account.totp.isOn'));
    await f.page.locator('#totp-off').click();
    await f.page.locator('.one-field #f-password').fill('correct-horse');
    await f.page.locator('#totp-next').click();
    await say(f, f.t('account.totp.isOff'));
  });

const account = (f0) =>
  apart(f0, 'closed', async (f) => {
    await f.page.goto(`${f.url}#/account`);
    await signIn(f, 'alice');
    await f.page.locator('#f-old').fill('wrong');
    await f.page.locator('#f-new').fill('battery staple');
    await f.page.locator('#f-again').fill('battery staple');
    await f.page.locator('#change-password').click();
    await f.page.locator('#f-old-error').waitFor();
    await f.page.locator('#f-old').fill('correct-horse');
    await f.page.locator('#change-password').click();
    await say(f, f.t('account.password.done'));
    const rows = f.page.locator('.sessions tbody tr');
    await rows.nth(1).waitFor();
    await f.page.locator('#end-others').click();
    await say(f, f.t('account.sessions.ended'));
    await f.page.waitForFunction(() => document.querySelectorAll('.sessions tbody tr').length === 1);
  });

const viewerSees = (f0) =>
  apart(f0, 'closed', async (f) => {
    f.mock.access.users.get(2).groups = {};
    await f.page.goto(f.url);
    await signIn(f, 'bob');
    await f.page.locator('nav.nav').waitFor();
    assert.equal(await f.page.locator('a.add').count(), 0, 'no target to add');
    await open(f, '/alerts');
    await f.page.locator('.alert').first().waitFor();
    assert.equal(await f.page.locator('.alert-actions').count(), 0);
    await open(f, '/channels');
    await f.page.locator('.channel').first().waitFor();
    assert.equal(await f.page.getByRole('button', exact(f.t('channels.test'))).count(), 0);
    assert.equal(await f.page.locator('.subnav a[href="#/users"]').count(), 0);
    await f.page.goto(`${f.url}#/users`);
    await f.page.getByText(f.t('access.notAllowed'), { exact: true }).waitFor();
  });

async function tokens(f) {
  if (!f.mock) throw new Skip('needs the mock: an account');
  const name = `${f.unique}-script`;
  await open(f, '/tokens');
  await f.page.locator('#add-token').click();
  await f.page.locator('#make-token').click();
  await f.page.locator('#f-name-error').waitFor();
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#f-scope').selectOption('write');
  await f.page.locator('#make-token').click();
  assert.match(await f.page.locator('.once-text').innerText(), /^blf_/);
  await f.page.locator('#once-done').click();
  const row = f.page.locator('.tokens tr', { hasText: name });
  await row.getByRole('button', exact(f.t('tokens.delete.named', { name }))).click();
  await confirm(f);
  await say(f, f.t('tokens.deleted', { name }));
  await row.waitFor({ state: 'detached' });
}

async function users(f) {
  if (!f.mock) throw new Skip('needs the mock: an account');
  const name = `${f.unique}-erin`;
  await open(f, '/users/new');
  await f.page.locator('#f-name').fill('bob');
  await f.page.locator('#random-password').click();
  await f.page.locator('#save').click();
  await f.page.locator('#f-name-error').waitFor();
  await f.page.locator('#f-name').fill(name);
  await f.page.locator('#f-role').selectOption('editor');
  await f.page.locator('#add-group-role').click();
  await f.page.locator('.pair input').fill('payments');
  await f.page.locator('.pair select').selectOption('admin');
  await f.page.locator('#save').click();
  await say(f, f.t('form.saved', { name }));
  const row = f.page.locator('.user-table tr', { hasText: name });
  await row.getByText(`payments: ${f.t('role.admin')}`).waitFor();
  await row.getByRole('link', exact(name)).click();
  await f.page.locator('#delete-user').click();
  await confirm(f);
  await say(f, f.t('users.deleted', { name }));
  await open(f, '/audit');
  await f.page.locator('.entry', { hasText: name }).first().waitFor();
}

async function auditLog(f) {
  if (!f.mock) throw new Skip('needs the mock: a log with entries');
  await open(f, '/audit');
  await f.page.locator('select[name="kind"]').selectOption('target');
  await f.page.waitForFunction(() => location.hash.includes('kind=target'));
  await f.page.locator('.entry', { hasText: 'checkout-12' }).first().locator('.entry-head').click();
  const diff = f.page.locator('.diff').first();
  await diff.locator('del', { hasText: '60' }).waitFor();
  await diff.locator('ins', { hasText: '15' }).waitFor();
  await f.page.reload();
  await f.page.locator('.entry').first().waitFor();
  assert.equal(await f.page.locator('select[name="kind"]').inputValue(), 'target');
  assert.match(await f.page.getByRole('link', exact('CSV')).getAttribute('href'), /kind=target&format=csv/);
}

export const accessFlows = [
  ['access: the first start asks for the code of the log', setUp],
  ['access: sign in, back to where one was after the session ended, sign out', signingIn],
  ['access: sign in with the second factor', secondFactor],
  ['access: switch the second factor on and off', enrol],
  ['access: change the password, sign out the other sessions', account],
  ['access: a viewer sees nothing to change', viewerSees],
  ['access: a token is shown once and revoked', tokens],
  ['access: add a user with a role in a group, remove it', users],
  ['access: the audit log, filtered, with what changed', auditLog],
];
