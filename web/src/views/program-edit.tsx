// Add or change a supervised program: a form made from the unit's option table. A chunk of its own.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { JsonObject, Option } from '../api/types';
import { Card, Failure, Loading } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { TextField } from '../components/fields';
import { optionShown, type FormErrors } from '../components/form-errors';
import { OptionFields } from '../components/option-fields';
import { t, type Key } from '../i18n';
import type { FormObject } from '../lib/form-model';
import { useLoad } from '../lib/hooks';
import { cardsOf, commandWords, formOptions, processComplaints, processDoc, processForm, type ProcessCard } from '../lib/process-form';
import { href, programPath, type Route } from '../router';
import { channels, processes } from '../store';
import { useStores } from '../store/observable';

interface PartProps {
  form: FormObject;
  set: (change: FormObject, touched?: string) => void;
  errors: FormErrors;
}

/** The server may name a field with or without "config." before it. */
function errorIn(errors: FormErrors): (path: string) => string | undefined {
  return (path) => errors.errorAt(path) ?? errors.errorAt(`config.${path}`);
}

function text(form: FormObject, name: string): string {
  const value = form[name];
  return typeof value === 'string' ? value : '';
}

function CommandField({ form, set, errors }: PartProps) {
  const words = commandWords(form);
  const value = text(form, 'command');
  let help = <>{t(form['shell'] === true ? 'program.form.command.shell' : 'program.form.command.help')}</>;
  if (words.length > 1) {
    help = (
      <span class="words">
        {t('program.form.command.words', { n: words.length })}
        {words.map((w, i) => (
          <code key={i}>{w === '' ? "''" : w}</code>
        ))}
      </span>
    );
  }
  return (
    <TextField
      path="command"
      wide
      required
      rows={value.length > 180 ? 4 : 2}
      label={t('program.command')}
      value={value}
      placeholder="/usr/bin/ss-server -c /etc/ss.json"
      help={help}
      error={errorIn(errors)('command')}
      onInput={(command) => set({ command }, 'command')}
    />
  );
}

/** Id, name and command: what every program has. */
function LeadFields({ isNew, ...props }: PartProps & { isNew: boolean }) {
  const { form, set, errors } = props;
  return (
    <div class="fields lead-fields">
      <TextField
        path="id"
        label={t('program.form.id')}
        required
        value={text(form, 'id')}
        disabled={!isNew}
        placeholder="ss-001"
        help={t('program.form.id.help')}
        error={errorIn(errors)('id')}
        onInput={(id) => set({ id }, 'id')}
      />
      <TextField
        path="name"
        label={t('form.name')}
        value={text(form, 'name')}
        help={t('program.form.name.help')}
        error={errorIn(errors)('name')}
        onInput={(name) => set({ name }, 'name')}
      />
      <CommandField {...props} />
    </div>
  );
}

function HealthField({ form, set, errors }: PartProps) {
  const value = text(form, 'health');
  const json = value.trimStart().startsWith('{');
  return (
    <TextField
      path="health"
      wide
      {...(json ? { rows: Math.min(12, value.split('\n').length + 1) } : {})}
      label={t('program.form.health')}
      value={value}
      placeholder="tcp://127.0.0.1:8388"
      help={t('program.form.health.help')}
      error={errorIn(errors)('health') ?? errorIn(errors)('health.url')}
      onInput={(health) => set({ health }, 'health')}
    />
  );
}

/** Channels by name: those that there are as boxes, others (of the file, renamed) stay as they are. */
function ChannelsField({ form, set }: Omit<PartProps, 'errors'>) {
  const chosen = text(form, 'channels').split('\n').map((v) => v.trim()).filter(Boolean);
  const names = [...new Set([...channels.items.map((c) => c.name), ...chosen])];
  const toggle = (name: string) =>
    set({ channels: (chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name]).join('\n') }, 'channels');
  return (
    <fieldset class="field wide" data-field="channels">
      <legend>{t('form.channels')}</legend>
      {names.length === 0 && <p class="muted">{t('form.channels.none')}</p>}
      <div class="picks">
        {names.map((name) => (
          <label key={name} class="pick">
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
            <span>{name}</span>
          </label>
        ))}
      </div>
      <p class="field-help">{t('program.form.channels.help')}</p>
    </fieldset>
  );
}

function PartCard({ card, isNew, ...props }: PartProps & { card: ProcessCard; isNew: boolean }) {
  const { form, set, errors } = props;
  if (card.options.length === 0 && card.part !== 'ready' && card.part !== 'what') return null;
  return (
    <Card title={t(`program.form.${card.part}` as Key)}>
      {card.part === 'what' && <LeadFields isNew={isNew} {...props} />}
      {card.part === 'ready' && (
        <div class="fields lead-fields">
          <HealthField {...props} />
        </div>
      )}
      <OptionFields
        options={card.options}
        value={form}
        path=""
        errorAt={errorIn(errors)}
        hasErrorUnder={(p) => errors.hasErrorUnder(p) || errors.hasErrorUnder(`config.${p}`)}
        onChange={(next) => {
          const changed = Object.keys(next).find((k) => next[k] !== form[k]);
          set(next, changed);
        }}
      />
    </Card>
  );
}

interface FormProps {
  table: Option[];
  /** The document that it replaces, or null for a new one. */
  before: JsonObject | null;
  start: JsonObject;
  back: string;
}

function ProgramForm({ table, before, start, back }: FormProps) {
  const [options] = useState(() => formOptions(table));
  const [form, setForm] = useState<FormObject>(() => processForm(options, start));
  const complaints = processComplaints(options, form);
  if (commandWords(form).length === 0 && !hasAdopt(form)) complaints.set('command', { key: 'check.required' });
  const id = String(before?.['id'] ?? '');
  const edit = useEditing(complaints, async () => {
    const doc = processDoc(table, options, form, before ?? start);
    const saved = before ? await api.replaceProcess(id, doc) : await api.createProcess(doc);
    processes.merge(saved);
    processes.stale();
    return { say: t(before ? 'form.saved' : 'program.form.added', { name: saved.id }), to: programPath(saved.id) };
  });
  const { errors } = edit;
  const set = (change: FormObject, touched?: string) => {
    setForm((old) => ({ ...old, ...change }));
    edit.change(touched);
  };
  const props = { form, set, errors };
  return (
    <EditForm
      edit={edit}
      title={before ? t('form.edit', { name: id }) : t('programs.add')}
      back={{ href: back, text: before ? id : t('nav.programs') }}
      yes={before ? undefined : t('program.form.save')}
      shown={optionShown}
    >
      {cardsOf(options).map((card) => (
        <PartCard key={card.part} card={card} isNew={before === null} {...props} />
      ))}
      <Card title={t('form.section.who')}>
        <ChannelsField form={form} set={set} />
      </Card>
      {before && <p class="note">{t('program.form.restarts')}</p>}
    </EditForm>
  );
}

function hasAdopt(form: FormObject): boolean {
  const adopt = form['adopt'];
  return typeof adopt === 'object' && !Array.isArray(adopt) && Object.values(adopt).some((v) => v !== '' && v !== false);
}

/** `id` '': a new one, perhaps a copy of ?from=ID. */
export default function ProgramEdit({ id, route }: { id: string; route: Route }) {
  useStores(channels);
  const from = id || (route.query.get('from') ?? '');
  const source = useLoad(() => (from ? api.process(from) : Promise.resolve(null)), [from]);
  const catalogue = useLoad(() => api.processOptions(), []);
  useEffect(() => channels.want(), []);
  if (catalogue.error) return <Failure error={catalogue.error} onRetry={catalogue.reload} />;
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (!catalogue.data || source.data === undefined) return <Loading />;
  const config = source.data?.config ?? {};
  const { id: _id, ...copy } = config;
  return (
    <ProgramForm
      key={`${id}-${from}`}
      table={catalogue.data.options}
      before={id ? config : null}
      start={id ? config : copy}
      back={id ? href(programPath(id)) : href('/programs')}
    />
  );
}
