// What the page of a job's heartbeat and of a group has beside the rest: the address that the job calls and its runs; the
// members and their state.
import type { Json, JsonObject, Member, PushRun, Target } from '../api/types';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { parseDuration } from '../lib/duration';
import { fullTime, span, spanSeconds, when } from '../lib/format';
import { stateOf, type State } from '../lib/state';
import { href } from '../router';
import { Card, Empty, Snippets, StateLabel } from './basics';
import { Fact } from './fact';
import { Mark } from './icons';

type Push = NonNullable<Target['push']>;

function Address({ push }: { push: Push }) {
  if (!push.path) return <p class="muted form-text">{t('push.hidden')}</p>;
  const url = push.url ?? new URL(push.path.slice(1), location.href.replace(/#.*/, '')).href;
  const curl = 'curl -fsS -m 10 --retry 3';
  const rows: [Key, string][] = [
    ['push.address', url],
    ['push.ran', `${curl} ${url}`],
    ['push.failed', `${curl} ${url}/fail`],
    ['push.wrap', `curl -fsS -m 10 ${url}/start; JOB >out 2>&1; ${curl} --data-binary @out ${url}/$?`],
  ];
  return (
    <div class="card-body">
      <p class="muted">{t('push.help')}</p>
      <Snippets rows={rows.map(([name, text]) => [t(name), text])} />
    </div>
  );
}

/** "every 1 h, 5 min grace", or the schedule; empty for who may not see the configuration. */
function expected(config: JsonObject): string {
  const long = (value: Json | undefined) => spanSeconds(parseDuration(String(value ?? '')) ?? 0);
  const grace = t('push.grace', { span: long(config['grace'] ?? '5m') });
  if (config['period']) return `${t('target.every', { span: long(config['period']) })}, ${grace}`;
  return config['schedule'] ? `${config['schedule']} ${config['timezone'] ?? ''}`.trim() + `, ${grace}` : '';
}

function Times({ push, config, now }: { push: Push; config: JsonObject; now: number }) {
  const rule = expected(config);
  const rows: [Key, string | null | undefined][] = [
    ['push.due', push.due_at],
    ['push.late', push.late_at],
    ['push.last', push.last_at],
    ['push.good', push.last_success_at],
  ];
  return (
    <dl class="facts">
      {rule && <Fact name={t('push.rule')}>{rule}</Fact>}
      {rows.map(([name, at]) => (
        <Fact key={name} name={t(name)} title={at ? fullTime(at) : ''}>
          <span class="num">{when(at)}</span>
        </Fact>
      ))}
      {push.running.map((r) => (
        <Fact key={r.rid} name={r.rid ? `${t('push.running')} (${r.rid})` : t('push.running')} title={fullTime(r.started_at)}>
          <span class="num">{span(now - Date.parse(r.started_at))}</span>
        </Fact>
      ))}
    </dl>
  );
}

const runStates: Record<PushRun['kind'], State> = { success: 'up', fail: 'down', log: 'unknown' };

function Run({ run }: { run: PushRun }) {
  return (
    <li class="push-run">
      <p class="push-run-head">
        <StateLabel state={runStates[run.kind]} word={t(`push.kind.${run.kind}`)} />
        <time class="num" dateTime={run.ended_at} title={fullTime(run.ended_at)}>{when(run.ended_at)}</time>
        {run.duration_ms !== null && <span class="num">{span(run.duration_ms)}</span>}
        {run.exit_code !== null && <span>{t('push.exit', { n: run.exit_code })}</span>}
        {run.rid && <span class="chip">{run.rid}</span>}
        <span class="muted small">{run.from}</span>
      </p>
      {run.message && <p class="breakable">{run.message}</p>}
      {run.output && (
        <details>
          <summary>{t('push.output')}</summary>
          <pre class="payload" tabIndex={0}>{run.output}</pre>
        </details>
      )}
    </li>
  );
}

export function PushCards({ push, config, now }: { push: Push; config: JsonObject; now: number }) {
  return (
    <>
      <Card title={t('push.title')}>
        <Address push={push} />
        <Times push={push} config={config} now={now} />
      </Card>
      <Card title={t('push.runs')}>
        {push.runs.length === 0 && <Empty small icon="terminal" title={t('push.runs.empty')} hint={t('push.runs.hint')} />}
        <ul class="push-runs">
          {push.runs.map((r) => <Run key={`${r.ended_at}${r.rid}${r.kind}`} run={r} />)}
        </ul>
      </Card>
    </>
  );
}

export function MembersCard({ members, missing }: { members: Member[]; missing: string[] }) {
  return (
    <Card title={t('members.title')} aside={<span class="muted small num">{members.length}</span>}>
      {members.length === 0 && missing.length === 0 && <Empty small icon="list" title={t('members.empty')} />}
      <ul class="members">
        {members.map((m) => {
          const state = stateOf({ enabled: true, fail_count: 0, ...m } as Target);
          return (
            <li key={m.id} class={`is-${state}`}>
              <StateLabel state={state} word={t(`state.${state}` as Key)} />
              <a href={href(`/targets/${m.id}`)}>{m.name}</a>
              <span class="chip">{m.group}</span>
              <span class="muted small">{m.last_message}</span>
            </li>
          );
        })}
        {missing.map((text) => (
          <li key={text} class="is-degraded">
            <Mark state="degraded" />
            <span>{t('members.missing', { text })}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
