// The page's stores and the stream that feeds them: made once in main.tsx, imported by views.
import { api } from '../api/client';
import { LiveStream, type EventName, type LiveState } from '../api/events';
import type { Process } from '../api/process-types';
import type { Alert, Channel, Result, Target } from '../api/types';
import { AlertStore, CatalogueStore, ChannelStore } from './lists';
import { Observable } from './observable';
import { ProcessStore } from './processes';
import { session } from './session';
import { TargetStore } from './targets';

class Live extends Observable {
  state: LiveState = 'connecting';
  set(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.announce();
  }
}

type Listener = (name: EventName, data: unknown) => void;

export const targets = new TargetStore();
export const alerts = new AlertStore();
export const channels = new ChannelStore();
export const processes = new ProcessStore();
export const probers = new CatalogueStore(() => api.probers());
export const channelTypes = new CatalogueStore(() => api.channelTypes());
export const live = new Live();

const listeners = new Set<Listener>();

/** Views that need raw events (a target's page) listen here. Returns the undo. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** For what a view has read by itself: called when it may have changed, by such an event or unseen. Returns the undo. */
export function onChange(of: EventName, work: () => void): () => void {
  return onEvent((name) => {
    if (name === of || name === 'reset') work();
  });
}

function dispatch(name: EventName, data: unknown): void {
  if (data !== null && typeof data === 'object') {
    if (name === 'target') targets.merge(data as Target);
    else if (name === 'result') targets.result(data as Result);
    else if (name === 'alert') alerts.merge(data as Alert);
    else if (name === 'delivery' || name === 'silence' || name === 'maintenance') alerts.stale();
    else if (name === 'process') processes.merge(data as Process);
    else if (name === 'channel') mergeChannel(data as Channel & { deleted?: boolean });
  }
  if (name === 'config' || name === 'reset') reloadAll();
  tell(name, data);
}

function tell(name: EventName, data: unknown): void {
  for (const listener of [...listeners]) listener(name, data);
}

function mergeChannel(channel: Channel & { deleted?: boolean }): void {
  if (channel.deleted) channels.remove(channel.id);
  else if (channel.name === undefined) channels.stale();
  else channels.merge(channel);
}

function reloadAll(): void {
  targets.reload();
  refresh();
}

/** What was read may be old by a moment. */
function refresh(): void {
  targets.stale();
  alerts.stale();
  channels.stale();
  processes.stale();
}

let stream: LiveStream | null = null;

/** Loads what every view needs and opens the stream; after signing in again, everything anew. */
function start(): void {
  if (stream) {
    reloadAll();
    stream.close();
  } else {
    void targets.countDown();
    void alerts.load();
  }
  stream = new LiveStream({
    onEvent: dispatch,
    onState: (state) => live.set(state),
    onOpen: (again) => {
      if (again) targets.reload();
      refresh();
      tell('reset', null);
    },
    onRefused: () => void session.ask(),
  });
  const opened = stream;
  targets.onWatch = (ids) => opened.watch(ids);
  stream.open();
}

/** Runs the stores while someone is in. Called once, by main.tsx. */
export function follow(): void {
  let before = session.state;
  session.subscribe(() => {
    if (session.state === before) return;
    before = session.state;
    if (before === 'in') start();
    else stream?.close();
  });
  void session.ask();
  // A closed stream keeps a connection's worth of memory on the server: let go when leaving.
  addEventListener('pagehide', () => stream?.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted && session.state === 'in') stream?.open();
  });
}
