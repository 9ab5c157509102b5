// Text in Markdown with the picture that the server makes of it beside it. The server sanitises (raw HTML is dropped), the
// content policy forbids whatever else could run.
import { useEffect, useState } from 'preact/hooks';
import { status } from '../api/status';
import { t } from '../i18n';
import '../i18n/more';
import { TextField } from './fields';

export function Markdown({ html }: { html: string }) {
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}

export function MarkdownField(props: { path: string; label: string; value: string; rows?: number; help?: string; error?: string | undefined; onInput: (v: string) => void }) {
  const [html, setHtml] = useState('');
  const { value } = props;
  useEffect(() => {
    if (value.trim() === '') {
      setHtml('');
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => status.markdown(value, abort.signal).then((x) => setHtml(x.html), () => undefined), 250);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [value]);
  return (
    <div class="markdown-field wide">
      <TextField path={props.path} label={props.label} value={value} rows={props.rows ?? 5} help={props.help ?? t('markdown.help')} error={props.error} onInput={props.onInput} />
      {html !== '' && (
        <div class="markdown-preview" aria-label={t('markdown.preview')} role="region">
          <span class="muted small">{t('markdown.preview')}</span>
          <Markdown html={html} />
        </div>
      )}
    </div>
  );
}
