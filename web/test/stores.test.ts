// What the page holds when events and the answers to earlier questions cross on their way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api } from '../src/api/client';
import { LiveStream } from '../src/api/events';
import type { Process } from '../src/api/process-types';
import type { Alert, Channel } from '../src/api/types';
import { AlertStore, ChannelStore } from '../src/store/lists';
import { ProcessStore } from '../src/store/processes';

/** Stands in for one question of the API: each waits until its answer is given. */
function held<K extends keyof typeof api>(name: K): (answer: unknown) => Promise<void> {
  const waiting: ((answer: unknown) => void)[] = [];
  (api as unknown as Record<string, unknown>)[name] = () => new Promise((done) => waiting.push(done));
  return async (answer) => {
    const done = waiting.shift();
    if (!done) throw new Error(`nobody asks for ${name}`);
    done(answer);
    await new Promise((turn) => setTimeout(turn, 0));
  };
}

const alert = (id: number, more: Partial<Alert> = {}) => ({ id, status: 'firing', fired_at: '2026-11-20T00:00:00Z', ...more }) as Alert;
const program = (id: string, status: string) => ({ id, status }) as unknown as Process;

test('an alert that fires while the list is under way is there', async () => {
  const answer = held('alerts');
  const store = new AlertStore();
  store.want();
  store.merge(alert(2));
  await answer({ items: [alert(1)] }); // asked before the second one fired
  await answer({ items: [alert(2), alert(1)] });
  assert.deepEqual(store.items.map((a) => a.id), [2, 1]);
});

test('a channel that is removed while the list is under way stays away', async () => {
  const answer = held('channels');
  const store = new ChannelStore();
  store.want();
  store.remove(7);
  await answer({ items: [{ id: 7 } as Channel] });
  await answer({ items: [] });
  assert.deepEqual(store.items, []);
});

test("a list's answer that nothing crossed is asked for once", async () => {
  const answer = held('channels');
  const store = new ChannelStore();
  store.want();
  await answer({ items: [{ id: 7 } as Channel] });
  const again = await answer({ items: [] }).catch(String);
  assert.equal(again, 'Error: nobody asks for channels');
});

test('what events told of a program is younger than a list that was asked for before', async () => {
  const answer = held('processes');
  const store = new ProcessStore();
  store.want();
  store.merge(program('web', 'running'));
  store.merge(program('new', 'starting'));
  store.merge({ id: 'old', deleted: true } as unknown as Process);
  await answer({ items: [program('web', 'stopped'), program('old', 'running'), program('db', 'running')], next: null });
  assert.equal(store.get('web')?.status, 'running');
  assert.equal(store.get('new')?.status, 'starting');
  assert.equal(store.get('old'), undefined);
  assert.equal(store.get('db')?.status, 'running');
});

class Source {
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static last: Source;
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    Source.last = this;
  }
  addEventListener(): void {}
  close(): void {
    this.readyState = Source.CLOSED;
  }
  opened(): void {
    this.readyState = Source.OPEN;
    this.onopen?.();
  }
  lost(): void {
    this.readyState = 0;
    this.onerror?.();
  }
}

test('whoever read before the stream was there is told when it is, and after each gap', () => {
  (globalThis as unknown as Record<string, unknown>).EventSource = Source;
  const opens: boolean[] = [];
  const stream = new LiveStream({ onEvent: () => {}, onState: () => {}, onOpen: (again) => opens.push(again) });
  stream.open();
  const first = Source.last;
  first.opened();
  assert.deepEqual(opens, [false]);
  first.lost();
  first.opened();
  assert.deepEqual(opens, [false, true]);
  stream.watch([3]);
  const next = Source.last;
  next.opened(); // took over from one that was there: nothing was missed
  assert.deepEqual(opens, [false, true]);
  next.lost();
  next.opened();
  assert.deepEqual(opens, [false, true, true]);
  stream.close();
});
