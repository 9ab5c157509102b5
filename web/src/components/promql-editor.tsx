// PromQL in an editor: CodeMirror with Prometheus' own mode, completion from the live server. It stands in a shadow root, where its
// styles are constructed sheets; the page's policy allows no inline ones.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useRef } from 'preact/hooks';
import { prometheusRoot } from '../api/prometheus';

interface Props {
  /** What the page put in, as often as `revision` changes; what is typed comes out by onChange alone. Were the text to go both ways,
   * a key pressed while an older text is on its way back would be answered by it, for ever. */
  value: string;
  revision: number;
  label: string;
  placeholder: string;
  failed: boolean;
  autofocus?: boolean;
  onChange: (text: string) => void;
  onRun: () => void;
}

// Custom properties reach into the shadow root, so both themes come by themselves.
const look = EditorView.theme({
  '&': { borderRadius: '5px', fontSize: '13px', backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'var(--mono)', padding: '7px 0', caretColor: 'var(--text)', minHeight: '18px' },
  '.cm-line': { padding: '0 10px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--text-2)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-wash)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-wash)', outline: '1px solid var(--line-2)' },
  '.cm-tooltip': { border: '1px solid var(--line-2)', borderRadius: '5px', backgroundColor: 'var(--raised)', boxShadow: 'var(--shadow)', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '300px', maxWidth: 'min(640px, 80vw)' },
  '.cm-tooltip-autocomplete ul li': { padding: '3px 8px', lineHeight: '18px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { color: 'inherit', opacity: '0.7', fontStyle: 'normal' },
  '.cm-completionInfo': { padding: '6px 10px', maxWidth: '320px', fontFamily: 'var(--font)' },
  '.cm-diagnostic': { fontFamily: 'var(--font)', padding: '4px 10px' },
});

const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, color: 'var(--maintenance)' },
    { tag: tags.operatorKeyword, color: 'var(--maintenance)' },
    { tag: tags.modifier, color: 'var(--maintenance)' },
    { tag: tags.function(tags.variableName), color: 'var(--accent)' },
    { tag: tags.labelName, color: 'var(--degraded)' },
    { tag: tags.string, color: 'var(--up)' },
    { tag: tags.number, color: 'var(--down)' },
    { tag: tags.comment, color: 'var(--text-2)', fontStyle: 'italic' },
    { tag: tags.invalid, color: 'var(--down)', textDecoration: 'underline wavy' },
  ]),
);

function extensions(latest: { current: Props }, words: Compartment, attributes: Compartment) {
  const promql = new PromQLExtension().setComplete({ remote: { url: prometheusRoot, httpMethod: 'GET' } });
  const run = () => {
    latest.current.onRun();
    return true;
  };
  return [
    look,
    colours,
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion(),
    EditorView.lineWrapping,
    promql.asExtension(),
    words.of(placeholder(latest.current.placeholder)),
    attributes.of(EditorView.contentAttributes.of({ 'aria-label': latest.current.label })),
    Prec.high(keymap.of([{ key: 'Shift-Enter', run: insertNewlineAndIndent }, { key: 'Mod-Enter', run }])),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, { key: 'Enter', run }, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
    EditorView.updateListener.of((u) => {
      if (u.docChanged) latest.current.onChange(u.state.doc.toString());
    }),
  ];
}

export default function PromqlEditor(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const words = useRef(new Compartment());
  const attributes = useRef(new Compartment());

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' });
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({ doc: latest.current.value, extensions: extensions(latest, words.current, attributes.current) }),
    });
    view.current = editor;
    if (latest.current.autofocus) editor.focus();
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== props.value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: props.value } });
    }
  }, [props.revision]);

  useEffect(() => {
    view.current?.dispatch({
      effects: [
        words.current.reconfigure(placeholder(props.placeholder)),
        attributes.current.reconfigure(EditorView.contentAttributes.of({ 'aria-label': props.label, 'aria-invalid': String(props.failed) })),
      ],
    });
  }, [props.placeholder, props.label, props.failed]);

  return <div ref={host} class={`promql${props.failed ? ' failed' : ''}`} />;
}
