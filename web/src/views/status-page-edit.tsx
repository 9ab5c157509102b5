// The form of one public status page: what it shows, how it looks, who may read it, badges to copy, who subscribed.
import { useState } from 'preact/hooks';
import { status, type PageDraft, type Section, type StatusPage } from '../api/status';
import { Button, Card, Empty, Failure, Loading, Snippets } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { CheckField, Field, SelectField, TextField } from '../components/fields';
import { GroupPicks } from '../components/group-picks';
import { MarkdownField } from '../components/markdown-field';
import { complain } from '../components/overlay';
import { TargetPicker } from '../components/target-picker';
import { t } from '../i18n';
import '../i18n/more';
import { secretMask, type Complaints } from '../lib/form-model';
import { when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { timeZones } from '../lib/schedule-words';
import { useTargetNames } from '../lib/target-names';
import { href } from '../router';
import { channels } from '../store';
import { useStores } from '../store/observable';
import { publicAddress } from './status-pages';

type Values = Required<Omit<StatusPage, 'id' | 'names' | 'logo_url' | 'path' | 'url' | 'private' | 'target_count' | 'missing' | 'subscribers'>>;

const blank: Values = {
  slug: '', title: '', description: '', enabled: true, targets: [], groups: [], sections: [], language: 'auto', theme: 'auto', colour: '', time_zone: '',
  logo: null, public_url: '', show_latency: false, show_uptime: true, history_days: 90, footer: '', refresh_seconds: 60, password: null, allow: [],
  auto_incidents: false, subscribe_webhook: false, mail_channel_id: 0,
};

function valuesOf(page: StatusPage | null): Values {
  const out: Record<string, unknown> = { ...blank };
  if (page) for (const key of Object.keys(blank)) if (page[key as keyof StatusPage] !== undefined) out[key] = page[key as keyof StatusPage];
  return out as Values;
}

/** "Our Shop" → "our-shop". */
export function slugOf(title: string): string {
  return title.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
}

interface PartProps {
  v: Values;
  set: (path: string, part: Partial<Values>) => void;
  errorAt: (path: string) => string | undefined;
}

const logoMost = 64 * 1024;

function Logo({ v, set, errorAt }: PartProps) {
  const [problem, setProblem] = useState('');
  const choose = (file: File | undefined) => {
    setProblem('');
    if (!file) return;
    if (file.size > logoMost) {
      setProblem(t('pages.logo.tooLarge'));
      return;
    }
    const reader = new FileReader();
    reader.onload = () => set('logo', { logo: String(reader.result) });
    reader.readAsDataURL(file);
  };
  return (
    <Field path="logo" label={t('pages.logo')} help={t('pages.logo.help')} error={problem || errorAt('logo')}>
      {(aria) => (
        <span class="file-field">
          <input {...aria} type="file" accept="image/png,image/jpeg,image/gif,image/webp,image/svg+xml" onChange={(e) => choose(e.currentTarget.files?.[0])} />
          {v.logo && <Button icon="trash" kind="quiet" title={t('pages.logo.remove')} onClick={() => set('logo', { logo: null })} />}
        </span>
      )}
    </Field>
  );
}

function What(props: PartProps) {
  const { v, set, errorAt } = props;
  const setSection = (i: number, part: Partial<Section>) => set(`sections[${i}]`, { sections: v.sections.map((s, at) => (at === i ? { ...s, ...part } : s)) });
  const move = (i: number, by: number) => {
    const next = [...v.sections];
    const [moved] = next.splice(i, 1);
    if (moved) next.splice(i + by, 0, moved);
    set('sections', { sections: next });
  };
  return (
    <Card title={t('pages.what')}>
      <div class="fields">
        <TargetPicker path="targets" label={t('pages.first')} help={t('pages.first.help')} value={v.targets} error={errorAt('targets')} onChange={(targets) => set('targets', { targets })} />
        <GroupPicks path="groups" label={t('maintenance.groups')} help={t('pages.groups.help')} value={v.groups} error={errorAt('groups')} onChange={(groups) => set('groups', { groups })} />
        <fieldset class="subform wide" data-field="sections">
          <legend>{t('pages.sections')}</legend>
          {v.sections.map((s, i) => (
            <div class="subform-item" key={i}>
              <div class="subform-item-head">
                <span class="muted small">{t('form.item', { n: i + 1 })}</span>
                <span>
                  {i > 0 && <Button icon="undo" kind="quiet" title={t('pages.section.up')} onClick={() => move(i, -1)} />}
                  <Button icon="trash" kind="quiet" title={t('common.remove')} onClick={() => set('sections', { sections: v.sections.filter((_, at) => at !== i) })} />
                </span>
              </div>
              <div class="fields">
                <TextField wide path={`sections[${i}].title`} label={t('pages.section.title')} value={s.title} error={errorAt(`sections[${i}].title`)} onInput={(title) => setSection(i, { title })} />
                <TargetPicker path={`sections[${i}].targets`} label={t('maintenance.targets')} value={s.targets} error={errorAt(`sections[${i}].targets`)} onChange={(targets) => setSection(i, { targets })} />
              </div>
            </div>
          ))}
          <Button id="add-section" icon="plus" kind="quiet" onClick={() => set('sections', { sections: [...v.sections, { title: '', targets: [], groups: [] }] })}>
            {t('pages.section.add')}
          </Button>
        </fieldset>
      </div>
    </Card>
  );
}

function Looks(props: PartProps) {
  const { v, set, errorAt } = props;
  return (
    <Card title={t('pages.looks')}>
      <div class="fields">
        <SelectField path="language" label={t('pages.language')} value={v.language} error={errorAt('language')} choices={(['auto', 'en', 'zh'] as const).map((x) => ({ value: x, text: t(`pages.language.${x}`) }))} onChange={(x) => set('language', { language: x as Values['language'] })} />
        <SelectField path="theme" label={t('prefs.theme')} value={v.theme} error={errorAt('theme')} choices={(['auto', 'light', 'dark'] as const).map((x) => ({ value: x, text: t(x === 'auto' ? 'theme.system' : `theme.${x}`) }))} onChange={(x) => set('theme', { theme: x as Values['theme'] })} />
        <TextField path="time_zone" label={t('maintenance.zone')} value={v.time_zone} list={timeZones()} placeholder={t('maintenance.zone.server')} error={errorAt('time_zone')} onInput={(time_zone) => set('time_zone', { time_zone })} />
        <TextField path="history_days" label={t('pages.days')} numeric value={String(v.history_days)} error={errorAt('history_days')} onInput={(x) => set('history_days', { history_days: Number(x) || 0 })} />
        <TextField path="colour" label={t('pages.colour')} value={v.colour} placeholder="#1f6a8c" error={errorAt('colour')} onInput={(colour) => set('colour', { colour })} />
        <Logo {...props} />
        <CheckField path="show_uptime" label={t('pages.uptime')} value={v.show_uptime} onChange={(show_uptime) => set('show_uptime', { show_uptime })} />
        <CheckField path="show_latency" label={t('pages.latency')} value={v.show_latency} onChange={(show_latency) => set('show_latency', { show_latency })} />
        <MarkdownField path="footer" label={t('pages.footer')} rows={2} value={v.footer} error={errorAt('footer')} onInput={(footer) => set('footer', { footer })} />
      </div>
    </Card>
  );
}

function Readers(props: PartProps) {
  const { v, set, errorAt } = props;
  useStores(channels);
  const mails = channels.items.filter((c) => c.type === 'email' || c.type === 'mail' || c.type === 'smtp');
  const kept = v.password === secretMask;
  return (
    <Card title={t('pages.readers')}>
      <div class="fields">
        <TextField path="password" label={t('pages.password')} secret value={kept ? '' : (v.password ?? '')} placeholder={kept ? t('form.secret.kept') : t('pages.password.none')} error={errorAt('password')} onInput={(x) => set('password', { password: x === '' ? (kept ? secretMask : null) : x })} />
        {kept && (
          <div class="field beside">
            <Button onClick={() => set('password', { password: null })}>{t('pages.password.remove')}</Button>
          </div>
        )}
        <TextField path="allow" label={t('pages.allow')} rows={2} value={v.allow.join('\n')} help={t('pages.allow.help')} error={errorAt('allow')} onInput={(x) => set('allow', { allow: x.split(/\n/).map((a) => a.trim()).filter(Boolean) })} />
        <TextField wide path="public_url" label={t('pages.publicUrl')} value={v.public_url} placeholder="https://status.example.com" help={t('pages.publicUrl.help')} error={errorAt('public_url')} onInput={(public_url) => set('public_url', { public_url })} />
        <SelectField path="mail_channel_id" label={t('pages.mail')} value={String(v.mail_channel_id)} help={t('pages.mail.help')} error={errorAt('mail_channel_id')} choices={[{ value: '0', text: t('pages.mail.off') }, ...mails.map((c) => ({ value: String(c.id), text: c.name }))]} onChange={(x) => set('mail_channel_id', { mail_channel_id: Number(x) })} />
        <CheckField path="subscribe_webhook" label={t('pages.webhook')} value={v.subscribe_webhook} onChange={(subscribe_webhook) => set('subscribe_webhook', { subscribe_webhook })} />
        <CheckField path="auto_incidents" label={t('pages.auto')} help={t('pages.auto.help')} value={v.auto_incidents} onChange={(auto_incidents) => set('auto_incidents', { auto_incidents })} />
      </div>
    </Card>
  );
}

const badgeTypes = ['state', 'uptime', 'latency'] as const;

/** Badges of the page's targets, to put into a README or a wiki. */
function Badges({ page }: { page: StatusPage }) {
  const ids = [...new Set([...page.targets, ...page.sections.flatMap((s) => s.targets)])].slice(0, 20);
  const name = useTargetNames(ids);
  const [id, setId] = useState(ids[0] ?? 0);
  const [type, setType] = useState<(typeof badgeTypes)[number]>('state');
  if (ids.length === 0) return null;
  const address = new URL(`badge/${id}.svg?type=${type}`, location.href.replace(/#.*/, '')).href;
  const snippets: [string, string][] = [
    ['Markdown', `[![${name(id)}](${address})](${publicAddress(page)})`],
    ['HTML', `<a href="${publicAddress(page)}"><img src="${address}" alt="${name(id)}"></a>`],
    ['URL', address],
  ];
  return (
    <Card title={t('badges.title')}>
      <div class="card-body">
        <div class="button-row">
          <select aria-label={t('maintenance.targets')} value={String(id)} onChange={(e) => setId(Number(e.currentTarget.value))}>
            {ids.map((x) => <option key={x} value={x}>{name(x)}</option>)}
          </select>
          <select aria-label={t('badges.type')} value={type} onChange={(e) => setType(e.currentTarget.value as typeof type)}>
            {badgeTypes.map((x) => <option key={x} value={x}>{t(`badges.${x}`)}</option>)}
          </select>
          <img src={`badge/${id}.svg?type=${type}`} alt={t('badges.looks')} height={20} />
        </div>
        <Snippets rows={snippets} />
      </div>
    </Card>
  );
}

function Subscribers({ page }: { page: StatusPage }) {
  const list = useLoad(() => status.subscribers(page.id), [page.id]);
  const drop = async (id: number) => {
    try {
      await status.dropSubscriber(page.id, id);
      list.reload();
    } catch (error) {
      complain(error);
    }
  };
  const items = list.data?.items ?? [];
  return (
    <Card title={t('subscribers.title')}>
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.data && items.length === 0 && <Empty small icon="send" title={t('subscribers.empty')} hint={t('subscribers.empty.hint')} />}
      {items.length > 0 && (
        <div class="scroll-x" tabIndex={0}>
          <table class="subscribers">
            <tbody>
              {items.map((s) => (
                <tr key={s.id}>
                  <th scope="row" class="breakable">{s.to}</th>
                  <td>{t(`subscribers.${s.state}`)}</td>
                  <td class="nowrap">{when(s.created_at)}</td>
                  <td class="breakable">{s.last_error && <span class="is-down stateful">{s.last_error}</span>}</td>
                  <td class="right"><Button icon="trash" kind="quiet" title={t('subscribers.remove', { to: s.to })} onClick={() => void drop(s.id)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function complaintsOf(v: Values): Complaints {
  const out: Complaints = new Map();
  if (v.title.trim() === '') out.set('title', { key: 'check.required' });
  if (!/^[a-z0-9-]{1,64}$/.test(v.slug) || /^\d+$/.test(v.slug)) out.set('slug', { key: 'check.slug' });
  if (v.history_days < 7 || v.history_days > 180) out.set('history_days', { key: 'check.days' });
  return out;
}

function draftOf(v: Values, before: StatusPage | null): PageDraft {
  const { logo, ...rest } = v;
  const changed = logo !== (before?.logo ?? null);
  return { ...rest, title: v.title.trim(), sections: v.sections.filter((s) => s.title.trim() !== '' || s.targets.length > 0), ...(changed && { logo }) };
}

function Form({ before }: { before: StatusPage | null }) {
  const [v, setValues] = useState(() => valuesOf(before));
  const [ownSlug, setOwnSlug] = useState(before !== null);
  const edit = useEditing(complaintsOf(v), async () => {
    const saved = before ? await status.updatePage(before.id, draftOf(v, before)) : await status.createPage(draftOf(v, before));
    return { say: t('form.saved', { name: saved.title }), to: '/status-pages' };
  });
  const { errors } = edit;
  channels.want();
  const set = (path: string, part: Partial<Values>) => {
    setValues({ ...v, ...part });
    edit.change(path);
  };
  const remove = (page: StatusPage) => edit.remove({ title: t('users.deletePage', { name: page.title }), text: t('pages.delete.text') }, () => status.deletePage(page.id), '/status-pages');
  const parts: PartProps = { v, set, errorAt: errors.errorAt };
  return (
    <EditForm
      edit={edit}
      title={before ? t('users.edit', { name: before.title }) : t('pages.add')}
      back={{ href: href('/status-pages'), text: t('nav.statusPages') }}
      actions={
        before && (
          <>
            <a class="button" href={publicAddress(before)} target="_blank" rel="noreferrer">{t('pages.open')}</a>
            <Button id="delete-page" icon="trash" onClick={() => void remove(before)}>{t('common.delete')}</Button>
          </>
        )
      }
    >
      <Card title={t('maintenance.why')}>
        <div class="fields">
          <TextField path="title" label={t('maintenance.title')} required value={v.title} error={errors.errorAt('title')} onInput={(title) => set('title', ownSlug ? { title } : { title, slug: slugOf(title) })} />
          <TextField path="slug" label={t('pages.slug')} required value={v.slug} help={t('pages.slug.help', { path: `status/${v.slug || '…'}` })} error={errors.errorAt('slug')} onInput={(slug) => (setOwnSlug(true), set('slug', { slug }))} />
          <MarkdownField path="description" label={t('pages.description')} rows={3} value={v.description} error={errors.errorAt('description')} onInput={(description) => set('description', { description })} />
          <CheckField path="enabled" label={t('pages.enabled')} value={v.enabled} onChange={(enabled) => set('enabled', { enabled })} />
        </div>
      </Card>
      <What {...parts} />
      <Looks {...parts} />
      <Readers {...parts} />
      {before && <Badges page={before} />}
      {before && <Subscribers page={before} />}
    </EditForm>
  );
}

export default function StatusPageEdit({ id }: { id: number }) {
  const source = useLoad(() => (id ? status.page(id) : Promise.resolve(null)), [id]);
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (source.data === undefined) return <Loading />;
  return <Form key={id} before={source.data} />;
}
