// The parts of a target's form that are the same for every type: when to check, when to ring, whom to tell.
import { system } from '../api/system';
import { Card, LinkButton } from '../components/basics';
import { CheckField, PairsField, TextField } from '../components/fields';
import type { FormErrors } from '../components/form-errors';
import { Picks } from '../components/group-picks';
import { TargetPicker } from '../components/target-picker';
import { placeName } from '../components/target-places';
import { t, type Key } from '../i18n';
import { useLoad } from '../lib/hooks';
import { localPlace, majority } from '../lib/places';
import type { TargetForm } from '../lib/target-form';
import { href } from '../router';
import { channels } from '../store';

interface Props {
  form: TargetForm;
  set: (change: Partial<TargetForm>, touched?: string) => void;
  errors: FormErrors;
}

type TextKey = 'interval' | 'timeout' | 'threshold' | 'successes' | 'attempts' | 'resend' | 'connect';

interface PlainField {
  key: TextKey;
  path: string;
  placeholder: string;
  advanced: boolean;
  /** Of what is probed only. */
  probing: boolean;
}

const plain: PlainField[] = [
  { key: 'interval', path: 'interval_seconds', placeholder: '30s', advanced: false, probing: true },
  { key: 'timeout', path: 'timeout_seconds', placeholder: '5s', advanced: false, probing: true },
  { key: 'threshold', path: 'threshold', placeholder: '3', advanced: false, probing: true },
  { key: 'connect', path: 'connect_timeout_seconds', placeholder: '3s', advanced: true, probing: true },
  { key: 'attempts', path: 'attempts', placeholder: '1', advanced: true, probing: true },
  { key: 'successes', path: 'success_threshold', placeholder: '1', advanced: true, probing: true },
  { key: 'resend', path: 'resend_interval_seconds', placeholder: '0', advanced: true, probing: false },
];

const burstKeys = ['times', 'delta_seconds', 'min_success', 'max_mean_seconds'] as const;
const burstHints: Record<(typeof burstKeys)[number], string> = {
  times: '10',
  delta_seconds: '1s',
  min_success: '0.7',
  max_mean_seconds: '5s',
};

function BurstFields({ form, set, errors }: Props) {
  return (
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
  );
}

/** probed: by somebody; what Belfry itself knows of has no interval, timeout or threshold. */
export function TargetCommon({ form, set, errors, probed }: Props & { probed: boolean }) {
  const fields = plain.filter((f) => probed || !f.probing);
  const folds = fields.filter((f) => f.advanced).length + (probed ? 3 : 2);
  const draw = (field: PlainField) => (
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
  const folded = ['attempts', 'connect_timeout_seconds', 'success_threshold', 'resend_interval_seconds', 'labels', 'burst'];
  const wrong = folded.some((p) => errors.hasErrorUnder(p));
  return (
    <Card title={t(probed ? 'form.section.when' : 'form.section.ring')}>
      <div class="fields">
        {fields.filter((f) => !f.advanced).map(draw)}
        <CheckField path="enabled" label={t('form.enabled')} value={form.enabled} onChange={(enabled) => set({ enabled })} />
      </div>
      <details class="advanced" open={wrong || form.invert || form.labels.length > 0 || form.burst.times !== '' || undefined}>
        <summary>{t('form.advanced', { n: folds })}</summary>
        <div class="fields">
          {fields.filter((f) => f.advanced).map(draw)}
          <CheckField path="invert" label={t('form.invert')} help={t('form.invert.help')} value={form.invert} onChange={(invert) => set({ invert }, 'invert')} />
          <PairsField
            path="labels"
            label={t('form.labels')}
            help={t('form.labels.help')}
            value={form.labels}
            error={errors.errorAt('labels')}
            onChange={(labels) => set({ labels }, 'labels')}
          />
          {probed && <BurstFields form={form} set={set} errors={errors} />}
        </div>
      </details>
    </Card>
  );
}

/** From where it is checked, and at how many of the places it must be down. */
export function WhereFields({ form, set, errors }: Props) {
  const known = useLoad(() => system.locations(), []);
  const names = [...new Set([localPlace, ...(known.data?.items ?? []).map((x) => x.name), ...form.locations])];
  const chosen = form.locations.length > 0 ? form.locations : [localPlace];
  const n = chosen.length;
  return (
    <Card title={t('form.section.where')}>
      <div class="fields">
        <Picks
          path="locations"
          label={t('form.locations')}
          help={t('form.locations.help')}
          names={names}
          show={placeName}
          value={chosen}
          error={errors.errorAt('locations')}
          onChange={(locations) => set({ locations }, 'locations')}
        />
        {names.length === 1 && known.data && (
          <p class="field wide muted">
            {t('form.locations.none')}{' '}
            <LinkButton kind="quiet" icon="globe" href={href('/system')}>
              {t('locations.add')}
            </LinkButton>
          </p>
        )}
        {n > 1 && (
          <TextField
            path="location_quorum"
            numeric
            label={t('form.quorum')}
            value={form.quorum}
            help={t('form.quorum.help', { n: majority(n), of: n })}
            placeholder={t('form.quorum.default', { n: majority(n), of: n })}
            error={errors.errorAt('location_quorum')}
            onInput={(quorum) => set({ quorum }, 'location_quorum')}
          />
        )}
      </div>
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
