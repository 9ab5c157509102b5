// Add or change a target: a form made from the prober's option table.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { JsonObject, Prober, Result, Target } from '../api/types';
import { Button, Card, Failure, LinkButton, Loading } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { TextField } from '../components/fields';
import type { FormErrors } from '../components/form-errors';
import { OptionFields } from '../components/option-fields';
import { ResultView } from '../components/result-view';
import { TypePicker, proberTitle } from '../components/type-picker';
import { TargetCommon, WhereFields, WhoFields } from './target-common';
import { TargetMany } from './target-many';
import { t } from '../i18n';
import '../i18n/more';
import { secretMask, toForm, type FormObject } from '../lib/form-model';
import { configFromUrl, guessProber, nameFromUrl, schemeOf } from '../lib/guess';
import { useGroups } from '../lib/groups';
import { useLoad } from '../lib/hooks';
import { complaintsOf, configOf, draftOf, emptyForm, formOf, type TargetForm } from '../lib/target-form';
import { parseDuration } from '../lib/duration';
import { href, type Route } from '../router';
import { channels, probers, targets } from '../store';
import { useStores } from '../store/observable';

interface PartProps {
  form: TargetForm;
  set: (change: Partial<TargetForm>, touched?: string) => void;
  errors: FormErrors;
}

function applyUrl(form: TargetForm, url: string, named: boolean): Partial<TargetForm> {
  const prober = guessProber(url, probers.items);
  if (!prober) return {};
  const filled: JsonObject = configFromUrl(url, prober.options) ?? { url: url.trim() };
  const base = form.type === prober.type ? form.config : toForm(prober.options, {});
  const config: FormObject = { ...base };
  delete config['url'];
  for (const option of prober.options) {
    if (option.name in filled) config[option.name] = toForm([option], filled)[option.name] as FormObject;
  }
  if ('url' in filled) config['url'] = String(filled['url']);
  return { type: prober.type, config, ...(named ? {} : { name: nameFromUrl(url) }) };
}

function UrlField({ form, set }: Omit<PartProps, 'errors'>) {
  const [url, setUrl] = useState('');
  const [named, setNamed] = useState(form.name !== '');
  const guessed = url ? guessProber(url, probers.items) : undefined;
  const unknown = url !== '' && !guessed && schemeOf(url) !== null && url.includes('://');
  const held = guessed && configFromUrl(url, guessed.options) !== null;
  const say = guessed
    ? `${t('form.url.guessed', { type: proberTitle(guessed) })}${held ? '' : `. ${t('form.url.kept')}`}`
    : unknown
      ? t('form.url.unknown')
      : t('form.url.help');
  return (
    <TextField
      path="url"
      wide
      label={t('form.url')}
      value={url}
      help={<span class={guessed ? 'good' : ''}>{say}</span>}
      placeholder="https://"
      onInput={(text) => {
        setUrl(text);
        const ownName = named || (form.name !== '' && form.name !== nameFromUrl(url));
        setNamed(ownName);
        set(applyUrl(form, text, ownName));
      }}
    />
  );
}

function WhatCard({ form, set, errors, isNew }: PartProps & { isNew: boolean }) {
  const groups = useGroups();
  const choose = (type: string) => {
    const prober = probers.find(type);
    set({ type, config: toForm(prober?.options ?? [], {}) }, 'type');
  };
  return (
    <Card title={t('form.section.what')}>
      <div class="fields">
        {isNew && <UrlField form={form} set={set} />}
        <TypePicker
          path="type"
          label={t('form.type')}
          value={form.type}
          probers={probers.items}
          disabled={!isNew}
          error={errors.errorAt('type')}
          onChange={choose}
        />
        <TextField
          path="name"
          label={t('form.name')}
          required
          value={form.name}
          help={t('form.name.help')}
          error={errors.errorAt('name')}
          onInput={(name) => set({ name }, 'name')}
        />
        <TextField
          path="group"
          label={t('form.group')}
          value={form.group}
          list={groups}
          help={t('form.group.help')}
          placeholder="default"
          error={errors.errorAt('group')}
          onInput={(group) => set({ group }, 'group')}
        />
      </div>
    </Card>
  );
}

function TryCard({ form, prober, before }: { form: TargetForm; prober: Prober | undefined; before: Target | null }) {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Result | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const run = async () => {
    setBusy(true);
    setError(null);
    setResult(null);
    abort.current = new AbortController();
    const config = configOf(form, prober, before?.config ?? {});
    const timeout = parseDuration(form.timeout);
    const request = { type: form.type, config, ...(timeout ? { timeout_seconds: timeout } : {}), ...(form.invert ? { invert: true } : {}) };
    try {
      setResult(await api.tryTarget(before && hasMask(config) ? { ...request, target_id: before.id } : request, abort.current.signal));
    } catch (problem) {
      if ((problem as Error).name !== 'AbortError') setError(problem as Error);
    }
    setBusy(false);
  };
  return (
    <Card class="try" title={t('form.try')}>
      <div class="try-bar">
        <Button id="try" icon="play" busy={busy} disabled={!form.type} onClick={() => void run()}>
          {t(busy ? 'form.trying' : 'form.try')}
        </Button>
        {busy && (
          <Button kind="quiet" onClick={() => abort.current?.abort()}>
            {t('common.cancel')}
          </Button>
        )}
        <span class="muted small">{t('form.try.help')}</span>
      </div>
      {error && <Failure error={error} />}
      {result && <ResultView result={result} />}
    </Card>
  );
}

function hasMask(config: JsonObject): boolean {
  return JSON.stringify(config).includes(secretMask);
}

function Form({ start, before }: { start: TargetForm; before: Target | null }) {
  const [form, setForm] = useState(start);
  const prober = probers.find(form.type);
  const edit = useEditing(complaintsOf(form, prober), async () => {
    const draft = draftOf(form, prober, before);
    const saved = before ? await api.replaceTarget(before.id, draft) : await api.createTarget(draft);
    targets.merge(saved);
    return { say: t(before ? 'form.saved' : 'form.created', { name: saved.name }), to: `/targets/${saved.id}` };
  });
  const { errors } = edit;
  const set = (change: Partial<TargetForm>, touched?: string) => {
    setForm((old) => ({ ...old, ...change }));
    edit.change(touched);
  };
  const probed = !prober?.in_core;
  const back = before ? href(`/targets/${before.id}`) : href('/');
  return (
    <EditForm
      edit={edit}
      title={before ? t('form.edit', { name: before.name }) : t('form.add')}
      back={{ href: back, text: before ? before.name : t('nav.overview') }}
      actions={
        !before && (
          <LinkButton kind="quiet" icon="list" href={href('/targets/new', { many: '1' })}>
            {t('many.open')}
          </LinkButton>
        )
      }
    >
      <WhatCard form={form} set={set} errors={errors} isNew={before === null} />
      {prober && (
        <Card title={t('form.section.how', { type: proberTitle(prober) })}>
          <OptionFields
            options={prober.options}
            value={form.config}
            path="config"
            errorAt={errors.errorAt}
            hasErrorUnder={errors.hasErrorUnder}
            onChange={(config) => {
              const changed = Object.keys(config).find((k) => config[k] !== form.config[k]);
              set({ config }, changed && `config.${changed}`);
            }}
          />
        </Card>
      )}
      <TargetCommon form={form} set={set} errors={errors} probed={probed} />
      {probed && <WhereFields form={form} set={set} errors={errors} />}
      <WhoFields form={form} set={set} self={before?.id ?? 0} />
      {(probed || form.type === 'group') && <TryCard form={form} prober={prober} before={before} />}
    </EditForm>
  );
}

/** `id` 0: a new one, perhaps a copy of ?from=ID. */
export function TargetEdit({ id, route }: { id: number; route: Route }) {
  useStores(probers, channels, targets);
  const from = id || Number(route.query.get('from') ?? 0);
  const source = useLoad(() => (from ? api.target(from) : Promise.resolve(null)), [from]);
  useEffect(() => {
    probers.want();
    channels.want();
  }, []);
  if (probers.error) return <Failure error={probers.error} onRetry={() => void probers.load()} />;
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (probers.state !== 'ready' || source.data === undefined) return <Loading />;
  if (!id && route.query.get('many') !== null) return <TargetMany />;
  const target = source.data;
  let start = emptyForm();
  if (target) start = formOf(target, probers.find(target.type));
  if (target && !id) start.name = t('form.copyOf', { name: target.name });
  return <Form key={`${id}-${from}`} start={start} before={id ? target : null} />;
}
