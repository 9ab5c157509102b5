// One incident: what it is, where it is told, and the updates that tell how it goes.
import { useState } from 'preact/hooks';
import { impacts, stages, status, type Impact, type Incident, type IncidentDraft, type Stage, type StatusPage, type Update } from '../api/status';
import { Button, Card, Failure, LinkButton, Loading, PageHead } from '../components/basics';
import { CheckField, SelectField, TextField } from '../components/fields';
import { fieldShown, useFormErrors, useLeaveGuard } from '../components/form-errors';
import { Markdown, MarkdownField } from '../components/markdown-field';
import { ask, complain, toast } from '../components/overlay';
import { TargetPicker } from '../components/target-picker';
import { t } from '../i18n';
import '../i18n/more';
import type { Complaints } from '../lib/form-model';
import { fullTime, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { go, href, type Route } from '../router';

function UpdateItem({ update, onDelete }: { update: Update; onDelete: () => void }) {
  return (
    <li class="update">
      <p class="update-head">
        <strong>{t(`incident.status.${update.status}`)}</strong>
        <time class="muted small" dateTime={update.at} title={fullTime(update.at)}>{when(update.at)}</time>
        {update.by && <span class="muted small">{update.by}</span>}
        <Button icon="trash" kind="quiet" title={t('incidents.update.delete')} onClick={onDelete} />
      </p>
      <Markdown html={update.html} />
    </li>
  );
}

function Updates({ incident, onChange }: { incident: Incident; onChange: (next: Incident) => void }) {
  const [stage, setStage] = useState<Stage>(incident.status);
  const [markdown, setMarkdown] = useState('');
  const [notify, setNotify] = useState(true);
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    try {
      onChange(await status.addUpdate(incident.id, { status: stage, markdown: markdown.trim(), notify }));
      setMarkdown('');
      toast(t('incidents.update.added'));
    } catch (error) {
      complain(error);
    }
    setBusy(false);
  };
  const remove = async (update: Update) => {
    if (!(await ask({ title: t('incidents.update.delete'), text: t('incidents.update.delete.text'), yes: t('common.delete'), danger: true }))) return;
    try {
      onChange(await status.deleteUpdate(incident.id, update.id));
    } catch (error) {
      complain(error);
    }
  };
  return (
    <Card title={t('incidents.updates.title')}>
      <div class="fields update-form">
        <SelectField path="update_status" label={t('incidents.stage')} value={stage} choices={stages.map((s) => ({ value: s, text: t(`incident.status.${s}`) }))} onChange={(v) => setStage(v as Stage)} />
        <CheckField path="notify" label={t('incidents.notify')} value={notify} onChange={setNotify} />
        <MarkdownField path="update" label={t('incidents.update')} value={markdown} onInput={setMarkdown} />
      </div>
      <div class="card-form-bar update-bar">
        <Button id="add-update" kind="primary" icon="send" busy={busy} disabled={markdown.trim() === ''} onClick={() => void add()}>{t('incidents.update.add')}</Button>
      </div>
      <ol class="updates">
        {[...incident.updates].reverse().map((u) => <UpdateItem key={u.id} update={u} onDelete={() => void remove(u)} />)}
      </ol>
    </Card>
  );
}

function PagePicks({ pages, value, onChange, error }: { pages: StatusPage[]; value: string[]; onChange: (v: string[]) => void; error: string | undefined }) {
  return (
    <fieldset class={`field wide${error ? ' bad' : ''}`} data-field="status_pages">
      <legend>{t('incidents.pages')}</legend>
      <div class="picks">
        {pages.map((p) => (
          <label class="pick" key={p.slug}>
            <input type="checkbox" checked={value.includes(p.slug)} onChange={(e) => onChange(e.currentTarget.checked ? [...value, p.slug] : value.filter((x) => x !== p.slug))} />
            {p.title}
          </label>
        ))}
      </div>
      {error && <p class="field-error">{error}</p>}
    </fieldset>
  );
}

function Form({ first, pages, route }: { first: Incident | null; pages: StatusPage[]; route: Route }) {
  const [incident, setIncident] = useState(first);
  const target = Number(route.query.get('target'));
  const [title, setTitle] = useState(first?.title ?? '');
  const [impact, setImpact] = useState<Impact>(first?.impact ?? 'minor');
  const [stage, setStage] = useState<Stage>('investigating');
  const [chosen, setChosen] = useState(first?.status_pages ?? (pages.length === 1 ? pages.map((p) => p.slug) : []));
  const [targets, setTargets] = useState(first?.targets ?? (target ? [target] : []));
  const [markdown, setMarkdown] = useState('');
  const [notify, setNotify] = useState(true);
  const [dirty, setDirty] = useState(false);
  const [busy, setBusy] = useState(false);
  const complaints: Complaints = new Map();
  if (title.trim() === '') complaints.set('title', { key: 'check.required' });
  if (chosen.length === 0) complaints.set('status_pages', { key: 'check.page' });
  const errors = useFormErrors(complaints);
  const release = useLeaveGuard(dirty && !busy);
  const change = (path: string, work: () => void) => {
    work();
    setDirty(true);
    errors.touch(path);
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if (!errors.attempt()) return;
    setBusy(true);
    const draft: IncidentDraft = { title: title.trim(), impact, status_pages: chosen, targets };
    try {
      const saved = incident ? await status.updateIncident(incident.id, draft) : await status.createIncident({ ...draft, status: stage, markdown: markdown.trim(), notify });
      toast(t('form.saved', { name: saved.title }));
      release();
      go('/status-pages');
    } catch (error) {
      errors.fail(error);
      setBusy(false);
    }
  };
  const remove = async () => {
    if (!incident || !(await ask({ title: t('users.deletePage', { name: incident.title }), text: t('incidents.delete.text'), yes: t('common.delete'), danger: true }))) return;
    try {
      await status.deleteIncident(incident.id);
      release();
      go('/status-pages');
    } catch (error) {
      complain(error);
    }
  };
  return (
    <form class="form" onSubmit={(e) => void save(e)} noValidate>
      <PageHead title={incident ? t('users.edit', { name: incident.title }) : t('incidents.add')} back={{ href: href('/status-pages'), text: t('nav.statusPages') }}>
        {incident && <Button id="delete-incident" icon="trash" onClick={() => void remove()}>{t('common.delete')}</Button>}
      </PageHead>
      <Card title={t('incidents.what')}>
        <div class="fields">
          <TextField wide path="title" label={t('maintenance.title')} required value={title} error={errors.errorAt('title')} onInput={(v) => change('title', () => setTitle(v))} />
          <SelectField path="impact" label={t('incidents.impact')} value={impact} error={errors.errorAt('impact')} choices={impacts.map((x) => ({ value: x, text: t(`incident.impact.${x}`) }))} onChange={(v) => change('impact', () => setImpact(v as Impact))} />
          {!incident && <SelectField path="status" label={t('incidents.stage')} value={stage} error={errors.errorAt('status')} choices={stages.map((s) => ({ value: s, text: t(`incident.status.${s}`) }))} onChange={(v) => change('status', () => setStage(v as Stage))} />}
          <PagePicks pages={pages} value={chosen} error={errors.errorAt('status_pages')} onChange={(v) => change('status_pages', () => setChosen(v))} />
          <TargetPicker path="targets" label={t('incidents.targets')} value={targets} error={errors.errorAt('targets')} onChange={(v) => change('targets', () => setTargets(v))} />
          {!incident && <MarkdownField path="markdown" label={t('incidents.first')} value={markdown} error={errors.errorAt('markdown')} onInput={(v) => change('markdown', () => setMarkdown(v))} />}
          {!incident && <CheckField path="notify" label={t('incidents.notify')} value={notify} onChange={setNotify} />}
        </div>
      </Card>
      {incident && <Updates incident={incident} onChange={setIncident} />}
      <div class="form-bar">
        {errors.summary && (
          <p class="form-summary" role="alert">
            {errors.summary}
            {errors.rest(fieldShown).map((s) => <span key={s}>{s}</span>)}
          </p>
        )}
        <LinkButton href={href('/status-pages')}>{t('common.cancel')}</LinkButton>
        <Button id="save" type="submit" kind="primary" icon="check" busy={busy}>{t(busy ? 'common.saving' : incident ? 'common.save' : 'incidents.open')}</Button>
      </div>
    </form>
  );
}

export default function IncidentEdit({ id, route }: { id: number; route: Route }) {
  const source = useLoad(() => Promise.all([id ? status.incident(id) : Promise.resolve(null), status.pages()]), [id]);
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (source.data === undefined) return <Loading />;
  return <Form key={id} first={source.data[0]} pages={source.data[1].items} route={route} />;
}
