// The parts of a target's form that are the same for every type: when to check, when to ring, whom to tell.
import { Card, LinkButton } from '../components/basics';
import { CheckField, PairsField, TextField } from '../components/fields';
import type { FormErrors } from '../components/form-errors';
import { TargetPicker } from '../components/target-picker';
import { t, type Key } from '../i18n';
import type { TargetForm } from '../lib/target-form';
import { href } from '../router';
import { channels } from '../store';

interface Props {
  form: TargetForm;
  set: (change: Partial<TargetForm>, touched?: string) => void;
  errors: FormErrors;
}

type TextKey = 'interval' | 'timeout' | 'threshold' | 'attempts' | 'resend' | 'connect';

const plain: { key: TextKey; path: string; placeholder: string; advanced: boolean }[] = [
  { key: 'interval', path: 'interval_seconds', placeholder: '30s', advanced: false },
  { key: 'timeout', path: 'timeout_seconds', placeholder: '5s', advanced: false },
  { key: 'threshold', path: 'threshold', placeholder: '3', advanced: false },
  { key: 'connect', path: 'connect_timeout_seconds', placeholder: '3s', advanced: true },
  { key: 'attempts', path: 'attempts', placeholder: '1', advanced: true },
  { key: 'resend', path: 'resend_interval_seconds', placeholder: '0', advanced: true },
];

const burstKeys = ['times', 'delta_seconds', 'min_success', 'max_mean_seconds'] as const;
const burstHints: Record<(typeof burstKeys)[number], string> = {
  times: '10',
  delta_seconds: '1s',
  min_success: '0.7',
  max_mean_seconds: '5s',
};

export function TargetCommon({ form, set, errors }: Props) {
  const draw = (field: (typeof plain)[number]) => (
    <TextField
      key={field.key}
      path={field.path}
      numeric
      label={t(`form.${field.key}` as Key)}
      value={form[field.key]}
      help={t(`form.${field.key}.help` as Key)}
      placeholder={t('form.default', { v: field.placeholder })}
      error={errors.errorAt(field.path)}
      onInput={(v) => set({ [field.key]: v }, field.path)}
    />
  );
  const folded = ['attempts', 'connect_timeout_seconds', 'resend_interval_seconds', 'labels', 'burst'];
  const wrong = folded.some((p) => errors.hasErrorUnder(p));
  return (
    <Card title={t('form.section.when')}>
      <div class="fields">
        {plain.filter((f) => !f.advanced).map(draw)}
        <CheckField path="enabled" label={t('form.enabled')} value={form.enabled} onChange={(enabled) => set({ enabled })} />
      </div>
      <details class="advanced" open={wrong || form.labels.length > 0 || form.burst.times !== '' || undefined}>
        <summary>{t('form.advanced', { n: 5 })}</summary>
        <div class="fields">
          {plain.filter((f) => f.advanced).map(draw)}
          <PairsField
            path="labels"
            label={t('form.labels')}
            help={t('form.labels.help')}
            value={form.labels}
            error={errors.errorAt('labels')}
            onChange={(labels) => set({ labels }, 'labels')}
          />
          <fieldset class="subform wide">
            <legend>{t('form.burst')}</legend>
            <p class="field-help">{t('form.burst.help')}</p>
            <div class="fields">
              {burstKeys.map((k) => (
                <TextField
                  key={k}
                  path={`burst.${k}`}
                  numeric
                  label={t(`form.burst.${k}` as Key)}
                  help={k === 'min_success' ? t('form.burst.min_success.help') : undefined}
                  value={form.burst[k]}
                  placeholder={burstHints[k]}
                  error={errors.errorAt(`burst.${k}`)}
                  onInput={(v) => set({ burst: { ...form.burst, [k]: v } }, `burst.${k}`)}
                />
              ))}
            </div>
          </fieldset>
        </div>
      </details>
    </Card>
  );
}

function ChannelPicker({ form, set }: Omit<Props, 'errors'>) {
  if (channels.items.length === 0) {
    return (
      <p class="muted">
        {t('form.channels.none')}{' '}
        <LinkButton kind="quiet" icon="plus" href={href('/channels/new')}>
          {t('form.channels.add')}
        </LinkButton>
      </p>
    );
  }
  const toggle = (id: number) =>
    set({ channels: form.channels.includes(id) ? form.channels.filter((c) => c !== id) : [...form.channels, id] });
  return (
    <div class="picks">
      {channels.items.map((c) => (
        <label key={c.id} class="pick">
          <input type="checkbox" checked={form.channels.includes(c.id)} onChange={() => toggle(c.id)} />
          <span>{c.name}</span>
          <span class="muted small">{c.type}</span>
        </label>
      ))}
    </div>
  );
}

export function WhoFields({ form, set, self }: Omit<Props, 'errors'> & { self: number }) {
  return (
    <Card title={t('form.section.who')}>
      <fieldset class="field wide" data-field="notify_channel_ids">
        <legend>{t('form.channels')}</legend>
        <ChannelPicker form={form} set={set} />
        <p class="field-help">{t('form.channels.help')}</p>
      </fieldset>
      <TargetPicker
        path="depends_on"
        label={t('form.depends')}
        help={t('form.depends.help')}
        value={form.depends}
        onChange={(depends) => set({ depends: depends.filter((id) => id !== self) })}
      />
    </Card>
  );
}
