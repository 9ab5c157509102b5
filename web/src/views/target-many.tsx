// Add many targets at once: lines are pasted, read as one types, and added one after the other. What the server refuses stays.
import { useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import { Button, Card, errorText, LinkButton, PageHead } from '../components/basics';
import { TextField } from '../components/fields';
import { useLeaveGuard } from '../components/form-errors';
import { toast } from '../components/overlay';
import { t } from '../i18n';
import '../i18n/more';
import { useGroups } from '../lib/groups';
import { readLines, type Line } from '../lib/many';
import { go, href } from '../router';
import { probers, targets } from '../store';

interface Refused {
  line: Line;
  why: string;
}

function LineRow({ line }: { line: Line }) {
  const bad = !line.draft ? t('many.unknown') : line.twice ? t('many.twice') : '';
  return (
    <li class={bad ? 'bad' : ''}>
      <span class="muted num">{line.number}</span>
      <span class="many-name">{line.name}</span>
      <span class="chip">{line.type || '?'}</span>
      <span class="many-text muted">{bad || line.text}</span>
    </li>
  );
}

export function TargetMany() {
  const [text, setText] = useState('');
  const [group, setGroup] = useState('');
  const [done, setDone] = useState(-1);
  const [refused, setRefused] = useState<Refused[]>([]);
  const stop = useRef(false);
  const groups = useGroups();
  const lines = useMemo(() => readLines(text, probers.items), [text, probers.items]);
  const good = lines.filter((l) => l.draft && !l.twice);
  const busy = done >= 0;
  const release = useLeaveGuard(text !== '' && !busy);
  const addOne = async (line: Line): Promise<Refused | null> => {
    try {
      targets.merge(await api.createTarget({ ...line.draft, ...(group ? { group } : {}) }));
      return null;
    } catch (error) {
      return { line, why: error instanceof Error ? errorText(error) : String(error) };
    }
  };
  const add = async (event: Event) => {
    event.preventDefault();
    stop.current = false;
    const failed: Refused[] = [];
    const rest = new Set(lines);
    let n = 0;
    for (const line of good) {
      if (stop.current) break;
      setDone(n);
      const no = await addOne(line);
      if (no) failed.push(no);
      else rest.delete(line);
      n++;
    }
    setDone(-1);
    setRefused(failed);
    toast(t('many.done', { n: n - failed.length }));
    setText([...rest].map((l) => l.text).join('\n'));
    if (rest.size > 0) return;
    release();
    go('/', group ? { group } : {});
  };
  return (
    <form class="form" onSubmit={(e) => void add(e)} noValidate>
      <PageHead title={t('many.title')} back={{ href: href('/targets/new'), text: t('form.add') }} />
      <Card>
        <p class="muted form-text">{t('many.text')}</p>
        <div class="fields">
          <TextField path="group" label={t('form.group')} value={group} list={groups} placeholder="default" onInput={setGroup} />
          <div class="field wide">
            <label for="f-lines">{t('many.lines')}</label>
            <textarea id="f-lines" rows={10} spellcheck={false} value={text} placeholder={'https://shop.example.com/health\ndb tcp://10.0.0.5:5432'} onInput={(e) => setText(e.currentTarget.value)} />
          </div>
        </div>
        {lines.length > 0 && (
          <>
            <p class="form-text" role="status">{t('many.found', { n: good.length })}</p>
            <ol class="many">
              {lines.slice(0, 200).map((l) => (
                <LineRow key={l.number} line={l} />
              ))}
            </ol>
          </>
        )}
        {refused.length > 0 && (
          <div class="form-summary form-text" role="alert">
            <p>{t('many.failed', { n: refused.length })}</p>
            {refused.slice(0, 20).map((r) => (
              <span key={r.line.number}>
                {r.line.text}: {r.why}
              </span>
            ))}
          </div>
        )}
      </Card>
      <div class="form-bar">
        {busy && (
          <>
            <progress max={good.length} value={done} aria-label={t('many.title')} />
            <span class="num">{t('many.progress', { n: done, of: good.length })}</span>
            <Button onClick={() => (stop.current = true)}>{t('many.stop')}</Button>
          </>
        )}
        {!busy && <LinkButton href={href('/')}>{t('common.cancel')}</LinkButton>}
        <Button id="save" type="submit" kind="primary" icon="plus" busy={busy} disabled={good.length === 0}>
          {t('many.add', { n: good.length })}
        </Button>
      </div>
    </form>
  );
}
