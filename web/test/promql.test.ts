// The editor's pure parts: tokens, what may stand at the caret (| in these texts), what is put in, brackets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsAt, placeAt, quoted, rank, type Option, type Place, type Sources } from '../src/lib/promql-complete';
import { onBackspace, onType } from '../src/lib/promql-edit';
import { bracketPair, offsetOf, tokenize } from '../src/lib/promql-tokens';

const kinds = (text: string) => tokenize(text).filter((t) => t.kind !== 'space').map((t) => `${t.kind}:${text.slice(t.from, t.to)}`).join(' ');

test('tokens are what the language takes them for', () => {
  const cases: [string, string][] = [
    ['up', 'metric:up'],
    ['rate (x[5m])', 'function:rate bracket:( metric:x bracket:[ number:5m bracket:] bracket:)'],
    ['sum by (job, by) (x)', 'aggregate:sum keyword:by bracket:( label:job operator:, label:by bracket:) bracket:( metric:x bracket:)'],
    ['SUM(x) BY (sum)', 'aggregate:SUM bracket:( metric:x bracket:) keyword:BY bracket:( label:sum bracket:)'],
    ['sum + count', 'metric:sum operator:+ metric:count'],
    ['a:b:c{on=~"x|y", z!=\'\'}', 'metric:a:b:c bracket:{ label:on operator:=~ string:"x|y" operator:, label:z operator:!= string:\'\' bracket:}'],
    ['x[1h30m:5m] offset -5m', 'metric:x bracket:[ number:1h30m operator:: number:5m bracket:] keyword:offset operator:- number:5m'],
    ['x @ end() and on (a) group_left () y', 'metric:x operator:@ function:end bracket:( bracket:) keyword:and keyword:on bracket:( label:a bracket:) keyword:group_left bracket:( bracket:) metric:y'],
    ['1e3 + 0x1F - .5 > bool Inf', 'number:1e3 operator:+ number:0x1F operator:- number:.5 operator:> keyword:bool number:Inf'],
    ['info # a "comment"\n+ `raw\\`', 'metric:info comment:# a "comment" operator:+ string:`raw\\`'],
    ['x) 😀 $', 'metric:x bad:) bad:😀 bad:$'],
    ['"a\\"b" "c', 'string:"a\\"b" string:"c'],
  ];
  for (const [text, wanted] of cases) assert.equal(kinds(text), wanted, text);
});

test('tokens cover any text without gaps', () => {
  for (const text of ['', ' ', '{', '"', '\\', "a{b='", 'x[5m', '([{)]}', '中文 名称{标签="值"}', '1.2.3', '..', '0x', '\u0000\n#']) {
    let at = 0;
    for (const token of tokenize(text)) {
      assert.equal(token.from, at, text);
      assert.ok(token.to > at, text);
      at = token.to;
    }
    assert.equal(at, text.length, text);
  }
  const long = 'sum(rate(x{a="b"}[5m])) + '.repeat(2000);
  const before = process.cpuUsage(); // of this process alone: the machine may be busy
  tokenize(long);
  assert.ok(process.cpuUsage(before).user < 2e6);
});

const at = (marked: string) => {
  const caret = marked.indexOf('|');
  return placeAt(marked.slice(0, caret) + marked.slice(caret + 1), caret);
};

test('what may stand where', () => {
  const cases: [string, Record<string, unknown> | null][] = [
    ['|', { kind: 'operand', prefix: '', after: '' }],
    ['pro|', { kind: 'operand', prefix: 'pro', from: 0, to: 3 }],
    ['sum(pr|obe)', { kind: 'operand', prefix: 'pr', from: 4, to: 9 }],
    ['x + |', { kind: 'operand', after: 'operator' }],
    ['x == b|', { kind: 'operand', after: 'comparison', prefix: 'b' }],
    ['x / on (a) |', { kind: 'operand', after: 'matching' }],
    ['x a|', { kind: 'operator', aggregate: false, prefix: 'a' }],
    ['sum(x) |', { kind: 'operator', aggregate: true }],
    ['sum b|', { kind: 'operator', aggregate: true, prefix: 'b' }],
    ['rate(x[5m]) o|', { kind: 'operator', aggregate: false }],
    ['up{|', { kind: 'label', selectors: ['up'], list: false, followed: false }],
    ['up{job="a", in|', { kind: 'label', selectors: ['up{job="a"}'], prefix: 'in' }],
    ['up{in|="x"}', { kind: 'label', selectors: ['up'], followed: true }],
    ['up{job="a" |}', null],
    ['up{job="|"}', { kind: 'value', label: 'job', selector: 'up', prefix: '', quote: '"', closed: true }],
    ['{job="pay|', { kind: 'value', label: 'job', selector: '', prefix: 'pay', closed: false }],
    ['up{job=|}', { kind: 'value', label: 'job', quote: '' }],
    ['sum by (|) (a + b)', { kind: 'label', selectors: ['a', 'b'], list: true, followed: true }],
    ['sum(a) without (job, i|)', { kind: 'label', prefix: 'i', selectors: ['a'] }],
    ['rate(x[|])', { kind: 'duration', prefix: '' }],
    ['rate(x[5|])', { kind: 'duration', prefix: '5' }],
    ['x[1h:|]', { kind: 'duration' }],
    ['x offset 1|', { kind: 'duration', prefix: '1' }],
    ['5|', null],
    ['x # comm|', null],
    ['label_replace(x, "a|")', null],
  ];
  for (const [marked, wanted] of cases) {
    const place = at(marked) as Record<string, unknown> | null;
    if (wanted === null) assert.equal(place, null, marked);
    else for (const [key, value] of Object.entries(wanted)) assert.deepEqual(place?.[key], value, `${marked}: ${key}`);
  }
  const text = 'up{x="1",job=~"a|b"}';
  assert.deepEqual(placeAt(text, 18), { kind: 'value', from: 17, to: 18, prefix: 'b', label: 'job', operator: '=~', selector: 'up{x="1"}', quote: '"', closed: true });
});

const sources: Sources = {
  metrics: async () => [{ name: 'probe_success', type: 'gauge', help: 'Whether' }, { name: 'probe_duration_seconds', type: 'gauge', help: '' }],
  functions: async () => [{ name: 'rate', args: ['range vector'], help: 'per second' }],
  labels: async () => ['__name__', 'group', 'job'],
  values: async () => ['', 'a"b', 'x.y'],
  word: () => 'help',
};

/** The text after the first candidate with this name was taken, with | for the caret. */
async function taken(marked: string, name: string): Promise<string> {
  const caret = marked.indexOf('|');
  const text = marked.slice(0, caret) + marked.slice(caret + 1);
  const place = placeAt(text, caret) as Place;
  assert.ok(place, marked);
  const option = (await optionsAt(place, sources)).find((o) => o.text === name) as Option;
  assert.ok(option, `${marked}: ${name}`);
  const after = place.from + option.insert.length - option.back;
  const next = text.slice(0, place.from) + option.insert + text.slice(place.to);
  return `${next.slice(0, after)}|${next.slice(after)}`;
}

test('what a candidate puts in', async () => {
  assert.equal(await taken('ra|', 'rate'), 'rate(|)');
  assert.equal(await taken('su|', 'sum by'), 'sum by (|)');
  assert.equal(await taken('sum(pro|)', 'probe_success'), 'sum(probe_success|)');
  assert.equal(await taken('x / o|', 'on'), 'x / on (|)');
  assert.equal(await taken('x a|', 'and'), 'x and |');
  assert.equal(await taken('up{j|}', 'job'), 'up{job="|"}');
  assert.equal(await taken('sum by (j|) (x)', 'job'), 'sum by (job|) (x)');
  assert.equal(await taken('up{job="|"}', 'a"b'), 'up{job="a\\"b"|}');
  assert.equal(await taken('up{job=~"|"}', 'x.y'), 'up{job=~"x\\\\.y"|}');
  assert.equal(await taken('up{job=|}', 'x.y'), 'up{job="x.y"|}');
  assert.equal(await taken('rate(x[5|])', '5m'), 'rate(x[5m|])');
  assert.equal(quoted('a`b\n', '`', false), 'a`b\n');
});

test('the best fit first', async () => {
  const place = at('pr|') as Place;
  const options = await optionsAt(place, sources);
  const names = (typed: string) => rank(options, typed, 5).map((r) => r.option.text);
  assert.deepEqual(names('pr').slice(0, 2), ['probe_success', 'probe_duration_seconds']);
  assert.equal(names('succ')[0], 'probe_success');
  assert.equal(names('pds')[0], 'probe_duration_seconds');
  assert.deepEqual(names('zzz'), []);
  assert.deepEqual(rank(options, 'succ', 1)[0]?.marks, [6, 7, 8, 9]);
  assert.deepEqual(names('a.b*('), []);
});

test('brackets and quotes close themselves', () => {
  const typed = (marked: string, c: string) => {
    const from = marked.indexOf('|');
    const text = marked.replace('|', '');
    const edit = c === '\b' ? onBackspace(text, from) : onType(text, from, from, c);
    if (!edit) return null;
    const next = text.slice(0, edit.from) + edit.insert + text.slice(edit.to);
    return `${next.slice(0, edit.start)}|${next.slice(edit.end)}`;
  };
  assert.equal(typed('rate|', '('), 'rate(|)');
  assert.equal(typed('rate(|)', ')'), 'rate()|');
  assert.equal(typed('sum(rate(|)', ')'), null);
  assert.equal(typed('x|', ')'), null);
  assert.equal(typed('|x', '('), null);
  assert.equal(typed('x{a=|}', '"'), 'x{a="|"}');
  assert.equal(typed('x{a="b|"}', '"'), 'x{a="b"|}');
  assert.equal(typed('x{a="b| c"}', '('), null);
  assert.equal(typed('x{a="|"}', '\b'), 'x{a=|}');
  assert.equal(typed('x(a|)', '\b'), null);
  assert.deepEqual(onType('a + b', 0, 5, '('), { from: 0, to: 5, insert: '(a + b)', start: 1, end: 6 });
});

test('pairs and places', () => {
  const text = 'sum(rate(x[5m]))';
  const pair = (caret: number) => bracketPair(text, tokenize(text), caret)?.map((i) => tokenize(text)[i]?.from);
  assert.deepEqual(pair(4), [3, 15]);
  assert.deepEqual(pair(15), [8, 14]);
  assert.deepEqual(pair(1), undefined);
  assert.equal(offsetOf('ab\ncd', 2, 2), 4);
  assert.equal(offsetOf('ab', 9, 9), 2);
});
