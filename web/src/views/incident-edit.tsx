// One incident: what it is, where it is told, and the updates that tell how it goes.
import { useState } from 'preact/hooks';
import { impacts, stages, status, type Impact, type Incident, type IncidentDraft, type Stage, type StatusPage, type Update } from '../api/status';
import { Button, Card, Failure, Loading } from '../components/basics';
import { EditForm, useEditing } from '../components/edit-form';
import { CheckField, SelectField, TextField } from '../components/fields';
import { Markdown, MarkdownField } from '../components/markdown-field';
import { ask, complain, toast } from '../components/overlay';
import { TargetPicker } from '../components/target-picker';
import { t } from '../i18n';
import '../i18n/more';
import type { Complaints } from '../lib/form-model';
import { fullTime, when } from '../lib/format';
import { useLoad } from '../lib/hooks';
import { href, type Route } from '../router';

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
  const complaints: Complaints = new Map();
  if (title.trim() === '') complaints.set('title', { key: 'check.required' });
  if (chosen.length === 0) complaints.set('status_pages', { key: 'check.page' });
  const edit = useEditing(complaints, async () => {
    const draft: IncidentDraft = { title: title.trim(), impact, status_pages: chosen, targets };
    const saved = incident ? await status.updateIncident(incident.id, draft) : await status.createIncident({ ...draft, status: stage, markdown: markdown.trim(), notify });
    return { say: t('form.saved', { name: saved.title }), to: '/status-pages' };
  });
  const { errors } = edit;
  const change = (path: string, work: () => void) => {
    work();
    edit.change(path);
  };
  const remove = (it: Incident) => edit.remove({ title: t('users.deletePage', { name: it.title }), text: t('incidents.delete.text') }, () => status.deleteIncident(it.id), '/status-pages');
  return (
    <EditForm
      edit={edit}
      title={incident ? t('users.edit', { name: incident.title }) : t('incidents.add')}
      back={{ href: href('/status-pages'), text: t('nav.statusPages') }}
      actions={incident && <Button id="delete-incident" icon="trash" onClick={() => void remove(incident)}>{t('common.delete')}</Button>}
      yes={incident ? undefined : t('incidents.open')}
    >
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
    </EditForm>
  );
}

export default function IncidentEdit({ id, route }: { id: number; route: Route }) {
  const source = useLoad(() => Promise.all([id ? status.incident(id) : Promise.resolve(null), status.pages()]), [id]);
  if (source.error) return <Failure error={source.error} onRetry={source.reload} />;
  if (source.data === undefined) return <Loading />;
  return <Form key={id} first={source.data[0]} pages={source.data[1].items} route={route} />;
}
