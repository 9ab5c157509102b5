// Supervised programs: states, the list, the form, YAML, terminal colours, the log's buffer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Process } from '../src/api/process-types';
import type { JsonObject, Option } from '../src/api/types';
import { piecesOf, stripAnsi } from '../src/lib/ansi';
import { joinCommand, splitCommand } from '../src/lib/argv';
import { appendLog, columnsOf, emptyLog, rowsOf } from '../src/lib/log-buffer';
import { cardsOf, formOptions, ownFields, processComplaints, processDoc, processForm } from '../src/lib/process-form';
import { buildPrograms, programFilterFromQuery, programFilterToQuery } from '../src/lib/program-filter';
import { countPrograms, markOf, mayStart, mayStop, programState, programStates, statusMark } from '../src/lib/program-state';
import { yamlOf } from '../src/lib/yaml';
import { addSample } from '../src/store/processes';

function program(id: string, more: Partial<Process> = {}): Process {
  return { id, status: 'running', enabled: true, ...more };
}

test('a state is more than the API word', () => {
  const cases: [Partial<Process>, string][] = [
    [{}, 'running'],
    [{ status: 'ready' }, 'running'],
    [{ health: { status: 'failing' } }, 'unhealthy'],
    [{ status: 'starting', health: { status: 'failing' } }, 'starting'],
    [{ status: 'stopped' }, 'stopped'],
    [{ status: 'stopped', kind: 'job', next_run_at: '2026-01-01T00:00:00Z' }, 'scheduled'],
    [{ status: 'stopped', kind: 'oneshot', exit: { status: 0, failure: false } }, 'finished'],
    [{ status: 'stopped', kind: 'oneshot', exit: { status: 1, failure: true } }, 'stopped'],
    [{ status: 'unknown', refused: 'no such user' }, 'refused'],
    [{ status: 'of-a-newer-server' as 'unknown' }, 'unknown'],
  ];
  for (const [more, want] of cases) assert.equal(programState(program('a', more)), want, JSON.stringify(more));
  assert.equal(statusMark('ready').mark, 'up');
  assert.equal(statusMark('hung').mark, 'down');
  assert.equal(statusMark('nonsense').mark, 'unknown');
});

test('every state has a mark, and something can be done in each', () => {
  for (const s of programStates) assert.ok(markOf(s));
  for (const status of ['unknown', 'starting', 'running', 'ready', 'stopped', 'crashed', 'restarting', 'backoff', 'fatal'] as const) {
    const p = program('a', { status });
    assert.ok(mayStart(p) || mayStop(p), status);
  }
  assert.ok(!mayStart(program('a', { status: 'fatal', refused: 'no' })));
});

test('the list: words, states, order', () => {
  const items = [
    program('worker-10', { type: 'queue' }),
    program('worker-9', { type: 'queue', cpu_percent: 5, labels: { env: 'prod' } }),
    program('db', { status: 'fatal', message: 'killed by SIGSEGV' }),
    program('web', { status: 'backoff', command: ['/usr/bin/python3', '-m', 'http.server'] }),
  ];
  const ids = (query: string) => buildPrograms(items, programFilterFromQuery(new URLSearchParams(query))).map((r) => r.process.id);
  assert.deepEqual(ids(''), ['db', 'web', 'worker-9', 'worker-10']);
  assert.deepEqual(ids('sort=name'), ['db', 'web', 'worker-9', 'worker-10']);
  assert.deepEqual(ids('sort=cpu')[0], 'worker-9');
  assert.deepEqual(ids('q=python+http'), ['web']);
  assert.deepEqual(ids('q=env%3Dprod'), ['worker-9']);
  assert.deepEqual(ids('q=sigsegv'), ['db']);
  assert.deepEqual(ids('state=fatal,backoff'), ['db', 'web']);
  assert.deepEqual(ids('type=queue'), ['worker-9', 'worker-10']);
  const totals = countPrograms(items);
  assert.deepEqual([totals.all, totals.running, totals.fatal, totals.backoff], [4, 2, 1, 1]);
  const query = 'q=a&state=fatal%2Crunning&type=t&sort=memory';
  assert.equal(programFilterToQuery(programFilterFromQuery(new URLSearchParams(query))).toString(), query);
});

test('command lines', () => {
  const cases: [string, string[]][] = [
    ['/bin/x -c /etc/x.json', ['/bin/x', '-c', '/etc/x.json']],
    ["  a  'b c' \"d e\" ", ['a', 'b c', 'd e']],
    [`a '' "" b\\ c`, ['a', '', '', 'b c']],
    [`'it'\\''s' "a\\"b" 'c\\d'`, ["it's", 'a"b', 'c\\d']],
    ['', []],
  ];
  for (const [line, want] of cases) assert.deepEqual(splitCommand(line), want, line);
  for (const words of [['/a', 'b c', "it's", '', '--x=1', '$HOME', 'a\\b', '"']]) assert.deepEqual(splitCommand(joinCommand(words)), words);
});

test('YAML', () => {
  const doc: JsonObject = {
    processes: {
      units: [
        {
          id: 'web',
          command: ['/usr/bin/python3', '-m', 'http.server', '8000'],
          autostart: true,
          note: 'yes',
          replicas: 3,
          schedule: '15 3 * * *',
          health: { url: 'http://127.0.0.1:8000/' },
          environment: { A: '1', EMPTY: '' },
          nested: { deep: { list: [{ a: 1 }, { b: 2 }] } },
          script: 'one\ntwo\n',
          none: null,
          empty: [],
        },
      ],
    },
  };
  assert.equal(
    yamlOf(doc),
    `processes:
  units:
    - id: web
      command: [/usr/bin/python3, -m, http.server, "8000"]
      autostart: true
      note: "yes"
      replicas: 3
      schedule: "15 3 * * *"
      health: {url: http://127.0.0.1:8000/}
      environment: {A: "1", EMPTY: ""}
      nested:
        deep:
          list:
            - a: 1
            - b: 2
      script: |
        one
        two
      none: null
      empty: []
`,
  );
  for (const text of ['-', '- a', 'a: b', 'a #b', '#a', '0x1f', '1e3', 'true', 'No', '~', 'a:', '*x', '&x', '!x', '[a', '{a', '%a', '@a', '`a', ' a', 'a ', '1.2.3.4', '2026-01-01', '--- ', '换', "it's"]) {
    const written = yamlOf({ k: text }).slice(3, -1);
    assert.equal(written, JSON.stringify(text), text);
  }
});

test('terminal colours', () => {
  assert.deepEqual(piecesOf('plain'), [{ text: 'plain', style: '' }]);
  assert.deepEqual(piecesOf('\x1b[1;31mbad\x1b[0m ok'), [
    { text: 'bad', style: 'ansi-1 ansi-bold' },
    { text: ' ok', style: '' },
  ]);
  assert.deepEqual(piecesOf('\x1b[38;5;196mx\x1b[39my'), [
    { text: 'x', style: '' },
    { text: 'y', style: '' },
  ]);
  assert.equal(stripAnsi('\x1b]0;title\x07a\x1b[2K\x1b[1Gb\x08\x1b'), 'ab');
  assert.deepEqual(piecesOf('\x1b[m'), [{ text: '', style: '' }]);
});

test('the log holds so many lines, and knows their rows', () => {
  const line = (text: string) => ({ stream: 'stdout' as const, text });
  let log = appendLog(emptyLog, [line('a'), line('b'), line('c')], 3);
  assert.deepEqual(log.lines.map((l) => l.key), [1, 2, 3]);
  log = appendLog(log, [line('d')], 3, true);
  assert.deepEqual(log.lines.map((l) => [l.line.text, l.gap === true]), [['c', false], ['', true], ['d', false]]);
  assert.deepEqual(log.dropped.map((l) => l.line.text), ['a', 'b']);
  const cases: [string, number][] = [['abc', 3], ['已处理', 6], ['\x1b[31mred\x1b[0m', 3], ['a😀', 3], ['', 0]];
  for (const [text, want] of cases) assert.equal(columnsOf(text), want, text);
  const wide = { key: 1, line: line(''), columns: 81 };
  assert.deepEqual([rowsOf(wide, 80), rowsOf(wide, 81), rowsOf(wide, 0), rowsOf({ ...wide, columns: 0 }, 80)], [2, 1, 1, 1]);
});

test('samples are kept apart and forgotten with the process', () => {
  const p = program('a', { pid: 1, rss_bytes: 100, cpu_percent: 2 });
  const one = addSample(undefined, p, 10_000);
  assert.deepEqual(one, { at: 10_000, cpu: [2], memory: [100] });
  assert.equal(addSample(one, p, 11_000), one);
  let many = one;
  for (let i = 1; i < 100; i++) many = addSample(many, { ...p, rss_bytes: i }, 10_000 + i * 5000);
  assert.equal(many?.memory.length, 60);
  assert.equal(many?.memory[59], 99);
  assert.equal(addSample(many, { ...p, pid: null }, 1e9), undefined);
});

const table: Option[] = [
  { name: 'id', type: 'string', required: true },
  { name: 'command', type: 'list' },
  { name: 'shell', type: 'bool', default: false },
  { name: 'environment', type: 'map', secret: true },
  { name: 'restart', type: 'enum', choices: ['always', 'never'], default: 'always' },
  { name: 'monitor', type: 'section', options: [{ name: 'enable', type: 'bool' }, { name: 'max_restarts', type: 'int', min: 0, max: 100 }] },
  { name: 'health', type: 'any' },
  { name: 'of_tomorrow', type: 'string' },
];
const options = formOptions(table);

test('a unit survives its form', () => {
  const docs: JsonObject[] = [
    { id: 'a', command: ['/bin/sleep', '10 s', ''] },
    { id: 'a', command: ['echo $HOME | cat'], shell: true },
    { id: 'a', command: ['/bin/x'], health: { url: 'tcp://h:1' }, monitor: { enable: false, max_restarts: 3 } },
    { id: 'a', command: ['/bin/x'], health: { type: 'exec', config: { command: ['a'] } }, monitor: { enable: true } },
    { id: 'a', command: ['/bin/x'], environment: { A: '********' }, unknown_key: { kept: [1] } },
  ];
  for (const doc of docs) assert.deepEqual(processDoc(table, options, processForm(options, doc), doc), doc);
  assert.deepEqual(processDoc(table, options, { ...processForm(options, {}), id: 'b', command: '/bin/x -y' }, {}), { id: 'b', command: ['/bin/x', '-y'] });
});

test('the form: what it can tell is wrong, and that it shows every option', () => {
  const form = { ...processForm(options, {}), id: 'a b', health: '{"url":' };
  assert.deepEqual([...processComplaints(options, form).keys()].sort(), ['health', 'id']);
  const shown = cardsOf(options).flatMap((c) => c.options.map((o) => o.name));
  const own: readonly string[] = ownFields;
  assert.deepEqual(shown.sort(), table.map((o) => o.name).filter((n) => !own.includes(n)).sort());
});
