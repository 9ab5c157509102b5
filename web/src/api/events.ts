// The live stream. EventSource reconnects by itself after a cut, but gives up when a proxy answers
// with an error page; then we try again with growing delay. Whenever a stream opens, what was read
// before it may have changed unseen: the stores are told, and load anew.
export type LiveState = 'connecting' | 'live' | 'lost';
/** reset: the server could not replay what was missed. delivery: its id is the alert's. */
const names = [
  'target',
  'result',
  'alert',
  'delivery',
  'channel',
  'process',
  'process_output',
  'config',
  'silence',
  'maintenance',
  'status_page',
  'incident',
  'reset',
] as const;
export type EventName = (typeof names)[number];

export interface LiveHandlers {
  onEvent(name: EventName, data: unknown): void;
  onState(state: LiveState): void;
  /** From now on nothing is missed; again: it had been lost meanwhile. */
  onOpen(again: boolean): void;
  /** The server will not have the stream: the session may have ended. */
  onRefused?(): void;
}

export class LiveStream {
  private source: EventSource | null = null;
  /** Opened for other ids; the old one goes on until this one is there. */
  private successor: EventSource | null = null;
  private delay = 500;
  private opened = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watched: number[] = [];

  constructor(private readonly handlers: LiveHandlers) {}

  open(): void {
    this.handlers.onState(this.opened ? 'lost' : 'connecting');
    const source = this.connect();
    this.source = source;
    source.onopen = () => {
      this.delay = 500;
      this.handlers.onState('live');
      this.handlers.onOpen(this.opened);
      this.opened = true;
    };
    this.follow(source);
  }

  /** Whose results are wanted; changes of state come of all. Nothing is missed in between. */
  watch(ids: readonly number[]): void {
    this.watched = [...ids];
    this.successor?.close();
    this.successor = null;
    if (!this.opened || this.source?.readyState !== EventSource.OPEN) {
      if (this.source) this.reopen();
      return;
    }
    const next = this.connect();
    this.successor = next;
    next.onopen = () => {
      next.onopen = () => {
        this.handlers.onState('live');
        this.handlers.onOpen(true);
      };
      this.source?.close();
      this.source = next;
      this.successor = null;
      this.follow(next);
    };
    next.onerror = () => {
      if (this.successor !== next) return;
      this.successor = null;
      next.close();
    };
  }

  close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.successor?.close();
    this.source = this.successor = null;
  }

  private connect(): EventSource {
    const source = new EventSource(`api/v1/events?targets=${this.watched.join(',')}`);
    for (const name of names) {
      source.addEventListener(name, (event) => this.deliver(name, event as MessageEvent<string>));
    }
    return source;
  }

  private follow(source: EventSource): void {
    source.onerror = () => {
      this.handlers.onState('lost');
      if (source.readyState !== EventSource.CLOSED) return;
      this.handlers.onRefused?.();
      this.retry();
    };
  }

  private deliver(name: EventName, event: MessageEvent<string>): void {
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch {
      return; // half an event from a broken proxy: the next load mends it
    }
    this.handlers.onEvent(name, data);
  }

  private reopen(): void {
    this.source?.close();
    clearTimeout(this.timer);
    this.open();
  }

  private retry(): void {
    this.source?.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.delay);
    this.delay = Math.min(this.delay * 2, 15_000);
  }
}
