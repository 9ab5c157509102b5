// The form of one channel, made from its type's option table.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Channel, ChannelDraft, ChannelTest, JsonObject, Prober } from '../api/types';
import { Button, Card, Failure, Loading } from '../components/basics';
import { TestAnswer, typeTitle } from '../components/channel-parts';
import { EditForm, useEditing } from '../components/edit-form';
import { CheckField, SelectField, TextField } from '../components/fields';
import { optionShown } from '../components/form-errors';
import { OptionFields } from '../components/option-fields';
import { complain } from '../components/overlay';
import { pick, t } from '../i18n';
import { fromForm, toForm, validate, type FormObject } from '../lib/form-model';
import { useLoad } from '../lib/hooks';
import { href } from '../router';
import { channels, channelTypes } from '../store';
import { useStores } from '../store/observable';

/** In the API two options stand beside `config`; in the form they are options like any other. */
const outside = ['webhook_url', 'mention_all'] as const;

function optionsDocument(channel: Channel | null): JsonObject {
  if (!channel) return {};
  const out: JsonObject = { ...(channel.config ?? {}) };
  if (channel.webhook_url) out['webhook_url'] = channel.webhook_url;
  if (channel.mention_all !== undefined) out['mention_all'] = channel.mention_all;
  return out;
}

function draft(name: string, type: string, enabled: boolean, all: JsonObject): ChannelDraft {
  const config: JsonObject = { ...all };
  const out: ChannelDraft = { name: name.trim(), type, enabled };
  if (typeof config['webhook_url'] === 'string') out.webhook_url = config['webhook_url'];
  if (typeof config['mention_all'] === 'boolean') out.mention_all = config['mention_all'];
  for (const key of outside) delete config[key];
  out.config = config;
  return out;
}

function ChannelForm({ before }: { before: Channel | null }) {
  const document = optionsDocument(before);
  const [type, setType] = useState(before?.type ?? channelTypes.items[0]?.type ?? '');
  const kind: Prober | undefined = channelTypes.find(type);
  const options = kind?.options ?? [];
  const [name, setName] = useState(before?.name ?? '');
  const [enabled, setEnabled] = useState(before?.enabled ?? true);
  const [values, setValues] = useState<FormObject>(() => toForm(options, document));
  const complaints = validate(options, values, '');
  if (name.trim() === '') complaints.set('name', { key: 'check.required' });
  const body = () => draft(name, type, enabled, fromForm(options, values, document));
  const edit = useEditing(complaints, async () => {
    const saved = before ? await api.updateChannel(before.id, body()) : await api.createChannel(body());
    channels.merge(saved);
    return { say: t('channels.saved', { name: saved.name }), to: '/channels' };
  });
  const { errors } = edit;
  // The server may name an option with or without the "config." before it.
  const errorAt = (path: string) => errors.errorAt(path) ?? errors.errorAt(`config.${path}`);
  const change = (work: () => void) => {
    work();
    edit.change();
  };
  return (
    <EditForm
      edit={edit}
      title={before ? t('channels.edit', { name: before.name }) : t('channels.add')}
      back={{ href: href('/channels'), text: t('channels.title') }}
      shown={optionShown}
    >
      <Card title={t('channels.section.what')}>
        <div class="fields">
          <SelectField
            path="type"
            label={t('form.type')}
            value={type}
            disabled={before !== null}
            help={pick(kind?.help)}
            error={errors.errorAt('type')}
            choices={channelTypes.items.map((c) => ({ value: c.type, text: typeTitle(c.type) }))}
            onChange={(next) =>
              change(() => {
                setType(next);
                setValues(toForm(channelTypes.find(next)?.options ?? [], {}));
                errors.clear();
              })
            }
          />
          <TextField
            path="name"
            label={t('form.name')}
            required
            value={name}
            error={errors.errorAt('name')}
            onInput={(v) =>
              change(() => {
                setName(v);
                errors.touch('name');
              })
            }
          />
          <CheckField path="enabled" label={t('channels.on')} value={enabled} onChange={(v) => change(() => setEnabled(v))} />
        </div>
      </Card>
      <Card title={t('channels.section.how')}>
        <OptionFields
          options={options}
          value={values}
          path=""
          errorAt={errorAt}
          hasErrorUnder={(p) => errors.hasErrorUnder(p) || errors.hasErrorUnder(`config.${p}`)}
          onChange={(next) =>
            change(() => {
              const changed = Object.keys(next).find((k) => next[k] !== values[k]);
              setValues(next);
              if (changed) errors.touch(changed);
            })
          }
        />
      </Card>
      {before === null && <TestCard ready={errors.attempt} body={body} />}
    </EditForm>
  );
}

/** Sends a real message with what the form says, before it is saved. */
function TestCard({ ready, body }: { ready: () => boolean; body: () => ChannelDraft }) {
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<ChannelTest | null>(null);
  const run = async () => {
    if (!ready()) return;
    setBusy(true);
    setAnswer(null);
    try {
      setAnswer(await api.testDraft(body()));
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  return (
    <Card class="try" title={t('form.try')}>
      <div class="try-bar">
        <Button id="try" icon="send" busy={busy} onClick={() => void run()}>
          {t(busy ? 'channels.testing' : 'channels.test')}
        </Button>
        <span class="muted small">{t('channels.test.hint')}</span>
      </div>
      {answer && <TestAnswer answer={answer} />}
    </Card>
  );
}

export default function ChannelEdit({ id }: { id: number }) {
  useStores(channelTypes);
  const source = useLoad(() => (id ? api.channel(id) : Promise.resolve(null)), [id]);
  useEffect(() => channelTypes.want(), []);
  if (channelTypes.error) return <Failure error={channelTypes.error} onRetry={() => void channelTypes.load()} />;
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (channelTypes.state !== 'ready' || source.data === undefined) return <Loading />;
  return <ChannelForm key={id} before={source.data} />;
}
