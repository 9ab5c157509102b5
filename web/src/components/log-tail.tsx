// What a program prints, as it prints it. Lines come by cursor, so none is missed or shown twice. The page asks again and
// again instead of letting the server wait: a waiting call would hold up the others of its thread there. At most `held` lines
// stay in memory, and only those in sight are in the document. When lines come faster than they can be read, the log jumps to
// the end and says so.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api/client';
import type { LogLine } from '../api/process-types';
import { t } from '../i18n';
import { clock, fullTime, number } from '../lib/format';
import { piecesOf, stripAnsi } from '../lib/ansi';
import { appendLog, emptyLog, rowsOf, type HeldLine, type LogBuffer } from '../lib/log-buffer';
import { readPreference, writePreference } from '../lib/prefs';
import { heightsPlan, visibleSpan } from '../lib/virtual';
import { onEvent } from '../store';
import { Button, Card, CopyButton, Empty, errorText, Loading, SearchBox, Segmented } from './basics';
import { Icon } from './icons';

const held = 10_000;
const firstLines = 1000;
const perTurn = 1000;
const rowHeight = 19; // as .log-line in programs.css

type Stream = 'both' | 'stdout' | 'stderr';

interface View {
  wrap: boolean;
  times: boolean;
}

function readView(): View {
  try {
    return { wrap: true, times: true, ...(JSON.parse(readPreference('log') ?? '{}') as Partial<View>) };
  } catch {
    return { wrap: true, times: true };
  }
}

interface Feed {
  buffer: LogBuffer;
  error: Error | null;
  loaded: boolean;
  more: boolean;
  loadMore: () => void;
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });

/** Between two questions: short while lines come, a second when it is quiet, long when nobody looks. */
function paceMs(quietTurns: number): number {
  if (document.hidden) return 5000;
  return quietTurns < 10 ? 400 : 1000;
}

/** Loads the end of the log and, while `running`, what comes after it. */
function useFeed(id: string, stream: Stream, contains: string, running: boolean): Feed {
  const [buffer, setBuffer] = useState<LogBuffer>(emptyLog);
  const [error, setError] = useState<Error | null>(null);
  const [loaded, setLoaded] = useState(false);
  const [lines, setLines] = useState(firstLines);
  const [full, setFull] = useState(false);
  const cursor = useRef<string | null>(null);
  const nudge = useRef<() => void>(() => undefined);
  const filter = { stream: stream === 'both' ? null : stream, contains: contains || null };

  useEffect(() => {
    const abort = new AbortController();
    setLoaded(false);
    void api.processLog(id, { ...filter, lines }, abort.signal).then(
      (page) => {
        cursor.current = page.next ?? null;
        setBuffer(appendLog(emptyLog, page.items, held));
        setFull(page.items.length >= lines);
        setError(null);
        setLoaded(true);
      },
      (problem: Error) => {
        if (abort.signal.aborted) return;
        setError(problem);
        setLoaded(true);
      },
    );
    return () => abort.abort();
  }, [id, stream, contains, lines]);

  // Before it is painted: a page that says "paused" takes no line more.
  useLayoutEffect(() => {
    if (!running || !loaded) return undefined;
    const abort = new AbortController();
    void follow(abort.signal);
    return () => abort.abort();

    async function follow(signal: AbortSignal): Promise<void> {
      let fullTurns = 0;
      let quietTurns = 0;
      while (!signal.aborted) {
        await Promise.race([pause(paceMs(quietTurns), signal), new Promise<void>((done) => (nudge.current = done))]);
        if (signal.aborted) return;
        try {
          const page = await api.processLog(id, { ...filter, lines: perTurn, cursor: cursor.current }, signal);
          if (signal.aborted) return;
          setError(null);
          quietTurns = page.items.length > 0 ? 0 : quietTurns + 1;
          fullTurns = page.items.length >= perTurn ? fullTurns + 1 : 0;
          await take(page.items, page.next ?? cursor.current, fullTurns > 3, signal);
        } catch (problem) {
          if (signal.aborted) return;
          setError(problem as Error);
          quietTurns = 10;
        }
      }
    }

    async function take(items: LogLine[], next: string | null, flood: boolean, signal: AbortSignal): Promise<void> {
      if (!flood) {
        cursor.current = next;
        if (items.length) setBuffer((old) => appendLog(old, items, held));
        return;
      }
      const end = await api.processLog(id, { ...filter, lines: firstLines }, signal);
      cursor.current = end.next ?? null;
      setBuffer((old) => appendLog(old, end.items, held, true));
    }
  }, [id, stream, contains, running, loaded]);

  useEffect(
    () =>
      onEvent((name, data) => {
        if (name === 'process_output' && (data as { id?: string } | null)?.id === id) nudge.current();
      }),
    [id],
  );
  return { buffer, error, loaded, more: full && lines < held && buffer.lines.length < held, loadMore: () => setLines(held) };
}

function Marked({ text, find }: { text: string; find: string }) {
  if (!find) return <>{text}</>;
  const parts = [];
  const low = text.toLowerCase();
  const want = find.toLowerCase();
  let from = 0;
  for (let at = low.indexOf(want); at >= 0 && parts.length < 200; at = low.indexOf(want, from)) {
    if (at > from) parts.push(text.slice(from, at));
    parts.push(<mark key={at}>{text.slice(at, at + find.length)}</mark>);
    from = at + want.length;
  }
  parts.push(text.slice(from));
  return <>{parts}</>;
}

function Row({ item, times, find }: { item: HeldLine; times: boolean; find: string }) {
  const { line } = item;
  if (item.gap) return <div class="log-gap">{t('log.gap')}</div>;
  const at = line.at ? Date.parse(line.at) : 0;
  return (
    <div class={`log-line${line.stream === 'stderr' ? ' err' : ''}`}>
      {times && (
        <time class="log-time" title={at ? fullTime(at) : ''}>
          {at ? clock(at) : ''}
        </time>
      )}
      <span class="log-stream">{line.stream === 'stderr' ? 'err' : ''}</span>
      <span class="log-text">
        {piecesOf(line.text).map((piece, i) =>
          piece.style ? (
            <span key={i} class={piece.style}>
              <Marked text={piece.text} find={find} />
            </span>
          ) : (
            <Marked key={i} text={piece.text} find={find} />
          ),
        )}
        {line.whole === false && <span class="muted"> ↵</span>}
      </span>
    </div>
  );
}

/** Columns of text that fit beside the times, measured with the font itself. 0 before the first measure. */
function useColumns(box: { current: HTMLDivElement | null }, times: boolean): number {
  const [columns, setColumns] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => {
      const ruler = element.querySelector<HTMLElement>('.log-ruler');
      const one = ruler ? ruler.getBoundingClientRect().width / 20 : 0;
      if (one <= 0) return;
      const narrow = element.clientWidth < 560;
      const beside = (times ? 9.5 * one : 0) + (narrow ? 0 : 4 * one) + 28;
      setColumns(Math.max(10, Math.floor((element.clientWidth - beside) / one)));
    };
    measure();
    const sizes = new ResizeObserver(measure);
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [times]);
  return columns;
}

interface LinesProps {
  buffer: LogBuffer;
  view: View;
  find: string;
  running: boolean;
}

function Lines({ buffer, view, find, running }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [stuck, setStuck] = useState(true);
  const [seen, setSeen] = useState(buffer.next);
  const columns = useColumns(box, view.times);
  const width = view.wrap ? columns : 0;
  const plan = useMemo(() => heightsPlan(buffer.lines.map((l) => rowsOf(l, width) * rowHeight)), [buffer, width]);
  const height = box.current?.clientHeight ?? 420;
  const span = visibleSpan(plan, top, height, 400);
  const total = plan.height;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (stuck) element.scrollTop = element.scrollHeight;
    else if (buffer.dropped.length) element.scrollTop -= buffer.dropped.reduce((sum, l) => sum + rowsOf(l, width) * rowHeight, 0);
  }, [buffer, width, stuck, span.last]);
  useEffect(() => {
    if (stuck) setSeen(buffer.next);
  }, [buffer, stuck]);

  const onScroll = (event: { currentTarget: HTMLDivElement }) => {
    const element = event.currentTarget;
    setTop(element.scrollTop);
    setStuck(element.scrollHeight - element.scrollTop - element.clientHeight < rowHeight);
  };
  const toEnd = () => {
    setStuck(true);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  const fresh = buffer.next - seen;
  return (
    <div class="log-frame">
      <div
        class={`log${view.wrap ? ' wrap' : ''}`}
        ref={box}
        role="log"
        aria-live="off"
        aria-label={t('log.title')}
        tabIndex={0}
        onScroll={onScroll}
      >
        <span class="log-ruler" aria-hidden="true">
          00000000000000000000
        </span>
        <div class="log-body">
          <div style={{ height: `${plan.top(span.first)}px` }} />
          {buffer.lines.slice(span.first, span.last).map((item) => (
            <Row key={item.key} item={item} times={view.times} find={find} />
          ))}
          <div style={{ height: `${Math.max(0, total - plan.top(span.last))}px` }} />
        </div>
      </div>
      {!stuck && (
        <button type="button" class="log-end button" onClick={toEnd}>
          <Icon name="end" />
          <span>{fresh > 0 ? t('log.toEnd.new', { n: fresh }) : t('log.toEnd')}</span>
        </button>
      )}
      {!running && <span class="log-paused chip">{t('log.paused')}</span>}
    </div>
  );
}

interface BarProps {
  stream: Stream;
  setStream: (s: Stream) => void;
  query: string;
  setQuery: (q: string) => void;
  view: View;
  setView: (v: View) => void;
  running: boolean;
  setRunning: (on: boolean) => void;
  text: () => string;
}

function Toggle({ on, label, onChange }: { on: boolean; label: string; onChange: (on: boolean) => void }) {
  return (
    <label class="inline-check">
      <input type="checkbox" checked={on} onChange={(e) => onChange(e.currentTarget.checked)} />
      {label}
    </label>
  );
}

function Bar(props: BarProps) {
  const { view, setView } = props;
  return (
    <div class="log-bar">
      <SearchBox id="log-search" label={t('log.search')} value={props.query} onInput={props.setQuery} />
      <Segmented<Stream>
        label={t('log.stream')}
        value={props.stream}
        choices={[
          { value: 'both', text: t('log.both') },
          { value: 'stdout', text: 'stdout' },
          { value: 'stderr', text: 'stderr' },
        ]}
        onChange={props.setStream}
      />
      <Toggle on={view.wrap} label={t('log.wrap')} onChange={(wrap) => setView({ ...view, wrap })} />
      <Toggle on={view.times} label={t('log.times')} onChange={(times) => setView({ ...view, times })} />
      <span class="log-bar-end">
        <Button id="log-follow" icon={props.running ? 'pause' : 'play'} onClick={() => props.setRunning(!props.running)}>
          {t(props.running ? 'log.pause' : 'log.follow')}
        </Button>
        <CopyButton kind="quiet" text={props.text} />
      </span>
    </div>
  );
}

/** Waits until typing has come to rest. */
function useSettled(text: string, ms: number): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), ms);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

export function LogTail({ id }: { id: string }) {
  const [stream, setStream] = useState<Stream>('both');
  const [query, setQuery] = useState('');
  const [running, setRunning] = useState(true);
  const [view, setViewState] = useState(readView);
  const find = useSettled(query, 250);
  const feed = useFeed(id, stream, find, running);
  const setView = (next: View) => {
    setViewState(next);
    writePreference('log', JSON.stringify(next));
  };
  const { lines } = feed.buffer;
  const text = () => lines.map((l) => `${view.times && l.line.at ? `${l.line.at} ` : ''}${stripAnsi(l.line.text)}`).join('\n');
  const none = feed.loaded && lines.length === 0;
  const filtered = find !== '' || stream !== 'both';
  return (
    <Card title={t('log.title')} class="log-card" aside={lines.length > 0 && <span class="muted small num">{t('log.lines', { n: lines.length })}</span>}>
      <Bar {...{ stream, setStream, query, setQuery, view, setView, running, setRunning, text }} />
      {feed.error && (
        <p class="log-error is-down" role="alert">
          {errorText(feed.error)}
        </p>
      )}
      {!feed.loaded && lines.length === 0 && <Loading />}
      {none && !feed.error && (
        <Empty small title={t(filtered ? 'log.none' : 'log.empty')} hint={t(filtered ? 'log.none.hint' : 'log.empty.hint')} />
      )}
      {feed.more && lines.length > 0 && (
        <button type="button" class="log-more" onClick={feed.loadMore}>
          {t('log.more', { n: number(held) })}
        </button>
      )}
      {lines.length > 0 && <Lines buffer={feed.buffer} view={view} find={find} running={running} />}
    </Card>
  );
}
