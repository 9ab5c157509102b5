// Channels: whom Belfry tells. The list with switches, tests, what was sent lately and how a message looks.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Channel, ChannelTest } from '../api/types';
import { Button, Card, Empty, Failure, LinkButton, Loading, PageHead, Segmented, Switch } from '../components/basics';
import { Deliveries, Preview, TestAnswer, typeTitle } from '../components/channel-parts';
import { Icon } from '../components/icons';
import { ask, complain, toast } from '../components/overlay';
import { SettingsNav } from '../components/sections';
import { t } from '../i18n';
import { href } from '../router';
import { channels, channelTypes } from '../store';
import { useStores } from '../store/observable';
import { may } from '../store/session';

type Part = '' | 'sent' | 'preview';

function ChannelRow({ channel }: { channel: Channel }) {
  const [busy, setBusy] = useState('');
  const [answer, setAnswer] = useState<ChannelTest | null>(null);
  const [part, setPart] = useState<Part>('');
  const run = async (name: string, work: () => Promise<void>) => {
    setBusy(name);
    try {
      await work();
    } catch (error) {
      complain(error);
    }
    setBusy('');
  };
  const toggle = (enabled: boolean) =>
    run('toggle', async () => channels.merge((await api.updateChannel(channel.id, { enabled })) ?? { ...channel, enabled }));
  const test = () =>
    run('test', async () => {
      setAnswer(null);
      setAnswer(await api.testChannel(channel.id));
    });
  const remove = () =>
    run('delete', async () => {
      const sure = await ask({
        title: t('channels.delete.title', { name: channel.name }),
        text: t('channels.delete.text'),
        yes: t('common.delete'),
        danger: true,
      });
      if (!sure) return;
      await api.deleteChannel(channel.id);
      channels.remove(channel.id);
      toast(t('channels.deleted', { name: channel.name }));
    });
  const file = channel.source === 'file';
  const change = may('editor');
  return (
    <li class={`channel${channel.enabled ? '' : ' off'}`}>
      <Switch on={channel.enabled} busy={busy === 'toggle'} disabled={!change} label={t('channels.toggle', { name: channel.name })} onChange={toggle} />
      <div class="channel-text">
        {file || !change ? <span class="name">{channel.name}</span> : <a class="name" href={href(`/channels/${channel.id}`)}>{channel.name}</a>}
        <span class="chip">{typeTitle(channel.type)}</span>
        {!channel.enabled && <span class="muted small">{t('channels.off')}</span>}
        {channel.mention_all && <span class="muted small">{t('channels.mention')}</span>}
        {file && (
          <span class="muted small with-icon">
            <Icon name="file" />
            {t('channels.fromFile')}
          </span>
        )}
        {(channel.pending ?? 0) > 0 && <span class="muted small">{t('channels.pending', { n: channel.pending ?? 0 })}</span>}
        {channel.last_error && <span class="small is-down">{channel.last_error}</span>}
      </div>
      <div class="channel-actions">
        <Segmented<Part>
          label={t('channels.parts', { name: channel.name })}
          value={part}
          choices={[
            { value: 'sent', text: t('channels.sent') },
            { value: 'preview', text: t('channels.preview') },
          ]}
          onChange={(v) => setPart(v === part ? '' : v)}
        />
        {change && (
          <Button icon="send" busy={busy === 'test'} onClick={() => void test()}>
            {t(busy === 'test' ? 'channels.testing' : 'channels.test')}
          </Button>
        )}
        {change && !file && <LinkButton icon="edit" kind="quiet" title={t('common.edit')} href={href(`/channels/${channel.id}`)} />}
        {change && !file && <Button icon="trash" kind="quiet" title={t('common.delete')} busy={busy === 'delete'} onClick={() => void remove()} />}
      </div>
      {answer && <TestAnswer answer={answer} />}
      {part === 'sent' && <Deliveries channel={channel} />}
      {part === 'preview' && <Preview channel={channel} />}
    </li>
  );
}

export default function ChannelsView() {
  useStores(channels, channelTypes);
  useEffect(() => {
    channels.want();
    channelTypes.want();
  }, []);
  const add = may('editor') && (
    <LinkButton kind="primary" icon="plus" href={href('/channels/new')}>
      {t('channels.add')}
    </LinkButton>
  );
  const ready = channels.state === 'ready' || channels.items.length > 0;
  return (
    <div class="channels">
      <SettingsNav current="/channels" />
      <PageHead title={t('channels.title')}>{channels.items.length > 0 && add}</PageHead>
      {channels.error && <Failure error={channels.error} onRetry={() => void channels.load()} />}
      {!ready && <Loading />}
      {ready && !channels.error && channels.items.length === 0 && (
        <Empty icon="send" title={t('channels.empty')} hint={t('channels.empty.hint')}>
          {add}
        </Empty>
      )}
      {channels.items.length > 0 && (
        <Card>
          <ul class="channel-list">
            {channels.items.map((c) => (
              <ChannelRow key={c.id} channel={c} />
            ))}
          </ul>
        </Card>
      )}
    </div>
  );
}
