// The second factor: switching it on (password → picture and code → recovery codes), new codes, switching it off.
import { useState } from 'preact/hooks';
import { access } from '../api/access';
import { ApiError } from '../api/client';
import { t, type Key } from '../i18n';
import '../i18n/more';
import type { Complaints } from '../lib/form-model';
import { session } from '../store/session';
import { Button, Card, CopyButton } from './basics';
import { TextField } from './fields';
import { FormSummary, useSubmit } from './edit-form';
import { useFormErrors } from './form-errors';
import { Once } from './once';
import { toast } from './overlay';
import { QrCode } from './qr';

/** A form of one field; `work` throws what the server says of it. */
function OneField(props: {
  path: string;
  label: string;
  secret?: boolean;
  help?: string;
  yes: Key;
  danger?: boolean;
  wrong: string;
  work: (value: string) => Promise<void>;
  onCancel: () => void;
}) {
  const [value, setValue] = useState('');
  const complaints: Complaints = new Map();
  if (value.trim() === '') complaints.set(props.path, { key: 'check.required' });
  const errors = useFormErrors(complaints);
  const mend = (error: unknown) => {
    const refused = error instanceof ApiError && [401, 403, 422].includes(error.status);
    return refused ? new ApiError(422, '', '', [{ field: props.path, message: props.wrong }]) : error;
  };
  const { busy, submit } = useSubmit(errors, () => props.work(value), { mend });
  return (
    <form class="card-form one-field" onSubmit={submit} noValidate>
      <TextField
        path={props.path}
        label={props.label}
        secret={props.secret ?? false}
        autocomplete={props.secret ? 'current-password' : 'one-time-code'}
        value={value}
        help={props.help}
        error={errors.errorAt(props.path)}
        onInput={(v) => (setValue(v), errors.touch(props.path))}
      />
      <div class="card-form-bar">
        <FormSummary errors={errors} />
        <Button onClick={props.onCancel}>{t('common.cancel')}</Button>
        <Button id="totp-next" type="submit" kind={props.danger ? 'danger' : 'primary'} busy={busy}>
          {t(props.yes)}
        </Button>
      </div>
    </form>
  );
}

type Step =
  | { name: 'rest' }
  | { name: 'start' | 'renew' | 'off' }
  | { name: 'scan'; secret: string; uri: string }
  | { name: 'codes'; codes: string[] };

function download(codes: string[]): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${codes.join('\n')}\n`], { type: 'text/plain' }));
  link.download = 'belfry-recovery-codes.txt';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function Scan({ step, go }: { step: { secret: string; uri: string }; go: (next: Step) => void }) {
  const confirm = async (code: string) => {
    const answer = await access.totpConfirm(code.replace(/\s/g, ''));
    session.take({ ...session.who, totp: true });
    go({ name: 'codes', codes: answer.recovery_codes });
  };
  return (
    <>
      <div class="scan">
        <QrCode text={step.uri} label={t('account.totp.qr')} />
        <div>
          <p>{t('account.totp.scan')}</p>
          <p class="muted small">{t('account.totp.type')}</p>
          <p class="scan-secret">
            <code>{step.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
            <CopyButton kind="quiet" text={step.secret} />
          </p>
        </div>
      </div>
      <OneField path="code" label={t('login.code')} help={t('account.totp.code.help')} yes="account.totp.turnOn" wrong={t('login.wrongCode')} work={confirm} onCancel={() => go({ name: 'rest' })} />
    </>
  );
}

function WithPassword({ step, go }: { step: { name: 'start' | 'renew' | 'off' }; go: (next: Step) => void }) {
  const work = async (password: string) => {
    if (step.name === 'start') go({ name: 'scan', ...(await access.totpStart(password)) });
    else if (step.name === 'renew') go({ name: 'codes', codes: (await access.totpRecovery(password)).recovery_codes });
    else {
      await access.totpDisable(password);
      session.take({ ...session.who, totp: false });
      toast(t('account.totp.isOff'));
      go({ name: 'rest' });
    }
  };
  return (
    <OneField
      key={step.name}
      path="password"
      label={t('account.password.old')}
      secret
      yes={step.name === 'off' ? 'account.totp.turnOff' : 'account.next'}
      danger={step.name === 'off'}
      wrong={t('account.wrong')}
      work={work}
      onCancel={() => go({ name: 'rest' })}
    />
  );
}

export function SecondFactor() {
  const [step, go] = useState<Step>({ name: 'rest' });
  const on = session.who.totp === true;
  return (
    <Card title={t('account.totp')}>
      <div class="card-body">
        <p class="muted">{t(on ? 'account.totp.on.hint' : 'account.totp.off.hint')}</p>
        {step.name === 'rest' && (
          <div class="button-row">
            {!on && <Button id="totp-on" kind="primary" icon="lock" onClick={() => go({ name: 'start' })}>{t('account.totp.turnOn')}</Button>}
            {on && <Button id="totp-renew" onClick={() => go({ name: 'renew' })}>{t('account.totp.renew')}</Button>}
            {on && <Button id="totp-off" onClick={() => go({ name: 'off' })}>{t('account.totp.turnOff')}</Button>}
          </div>
        )}
      </div>
      {(step.name === 'start' || step.name === 'renew' || step.name === 'off') && <WithPassword step={step} go={go} />}
      {step.name === 'scan' && <Scan step={step} go={go} />}
      {step.name === 'codes' && (
        <Once
          title={t('account.codes')}
          hint={t('account.codes.hint')}
          text={step.codes.join('\n')}
          onDone={() => {
            toast(t('account.totp.isOn'));
            go({ name: 'rest' });
          }}
        >
          <Button icon="download" onClick={() => download(step.codes)}>{t('account.codes.file')}</Button>
        </Once>
      )}
    </Card>
  );
}
