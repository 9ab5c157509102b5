// Parts of a channel: the vendor's answer to a test, what was sent lately and what waits, a message as it will look.
import { call, withQuery } from '../api/client';
import type { Channel, ChannelTest, Delivery, Page } from '../api/types';
import { pick, t, type Key } from '../i18n';
import '../i18n/more';
import { latency, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { channelTypes } from '../store';
import { Empty, Failure, Loading } from './basics';
import { Mark } from './icons';

export function typeTitle(type: string): string {
  return pick(channelTypes.find(type)?.title) || type;
}

export function TestAnswer({ answer }: { answer: ChannelTest }) {
  return (
    <p class={`test-answer ${answer.success ? 'is-up' : 'is-down'}`} role="status">
      <Mark state={answer.success ? 'up' : 'down'} />
      <span>{answer.success ? t('channels.test.ok', { ms: latency(answer.duration_ms) }) : t('channels.test.failed')}</span>
      {answer.answer && <code>{answer.answer}</code>}
    </p>
  );
}

type Sent = Pick<Delivery, 'status' | 'attempts' | 'answer' | 'at' | 'created_at' | 'kind'> & { id: number; alert_id: number; target_name?: string };

const marks = { sent: 'up', failed: 'down', pending: 'unknown' } as const;

export function Deliveries({ channel }: { channel: Channel }) {
  const list = useLoad((signal) => call<Page<Sent>>('GET', withQuery(`api/v1/channels/${channel.id}/deliveries`, { limit: 20 }), undefined, signal), [channel.id, channel.pending, channel.last_error]);
  if (list.error) return <Failure error={list.error} onRetry={list.reload} />;
  if (!list.data) return <Loading />;
  if (list.data.items.length === 0) return <div class="channel-more"><Empty small title={t('channels.sent.empty')} hint={t('channels.sent.empty.hint')} /></div>;
  return (
    <div class="channel-more scroll-x" tabIndex={0}>
      <table class="sent">
        <thead>
          <tr>
            <th>{t('channels.sent.state')}</th>
            <th>{t('channels.sent.alert')}</th>
            <th class="less">{t('channels.sent.made')}</th>
            <th>{t('channels.sent.done')}</th>
            <th class="less right">{t('channels.sent.attempts')}</th>
            <th>{t('channels.sent.answer')}</th>
          </tr>
        </thead>
        <tbody>
          {list.data.items.map((d) => (
            <tr key={d.id}>
              <td class="nowrap">
                <span class={`state is-${marks[d.status] ?? 'unknown'}`}>
                  <Mark state={marks[d.status] ?? 'unknown'} />
                  {t(`delivery.${d.status}` as Key)}
                </span>
              </td>
              <td class="num">{d.target_name ?? `#${d.alert_id}`}</td>
              <td class="less nowrap">{when(d.created_at)}</td>
              <td class="nowrap">{d.at ? when(d.at) : '–'}</td>
              <td class="less num right">{d.attempts ?? 0}</td>
              <td><code class="breakable">{d.answer || '–'}</code></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Shown {
  title?: string;
  text: string;
  raw: string;
}

/** Where the kinds of payloads keep their words: the first of these that is a text. */
const places: readonly string[][] = [
  ['markdown', 'text'], ['markdown', 'content'], ['text', 'content'], ['text'], ['content', 'text'],
  ['card', 'elements', '0', 'text', 'content'], ['content'], ['body'], ['message'], ['html'], ['description'],
];

function find(value: unknown, path: readonly string[]): string | null {
  let at: unknown = value;
  for (const key of path) {
    if (at === null || typeof at !== 'object') return null;
    at = (at as Record<string, unknown>)[key];
  }
  return typeof at === 'string' && at !== '' ? at : null;
}

/** A payload as people read it: JSON's words, a mail's text, else as it is. */
export function readPayload(raw: string): Shown {
  try {
    const json: unknown = JSON.parse(raw);
    const text = places.map((p) => find(json, p)).find((x) => x !== null);
    const title = find(json, ['markdown', 'title']) ?? find(json, ['title']) ?? find(json, ['card', 'header', 'title', 'content']);
    const pretty = JSON.stringify(json, null, 2);
    return { ...(title && { title }), text: text ?? '', raw: pretty };
  } catch {
    const subject = /^Subject: (.*)$/m.exec(raw)?.[1];
    return { ...(subject && { title: subject }), text: '', raw };
  }
}

export function Preview({ channel }: { channel: Channel }) {
  const load = useLoad((signal) => call<{ payload: string }>('GET', `api/v1/channels/${channel.id}/preview`, undefined, signal), [channel.id]);
  if (load.error) return <Failure error={load.error} onRetry={load.reload} />;
  if (!load.data) return <Loading />;
  const shown = readPayload(load.data.payload);
  return (
    <div class="channel-more message-preview">
      {(shown.text || shown.title) && (
        <div class="sample" aria-label={t('channels.preview.looks')}>
          {shown.title && <p class="sample-title">{shown.title}</p>}
          {shown.text && <p class="sample-text">{shown.text.replace(/<br\s*\/?>/g, '\n').replace(/<[^>]+>/g, '').replace(/\*\*(.+?)\*\*/g, '$1').replace(/^#+ /gm, '').replace(/^> ?/gm, '')}</p>}
        </div>
      )}
      <details open={!shown.text}>
        <summary>{t('channels.preview.raw')}</summary>
        <pre class="payload" tabIndex={0}>{shown.raw}</pre>
      </details>
    </div>
  );
}
