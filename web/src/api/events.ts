// The live stream. EventSource reconnects by itself after a cut, but gives up when a proxy answers
// with an error page; then we try again with growing delay. After every reconnection the stores
// load anew, because events in the gap are gone.
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
  'reset',
] as const;
export type EventName = (typeof names)[number];

export interface LiveHandlers {
  onEvent(name: EventName, data: unknown): void;
  onState(state: LiveState): void;
  /** Called when the stream is back after it had been lost. */
  onGap(): void;
  /** The server will not have the stream: the session may have ended. */
  onRefused?(): void;
}

export class LiveStream {
  private source: EventSource | null = null;
  private delay = 500;
  private opened = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly handlers: LiveHandlers) {}

  open(): void {
    this.handlers.onState(this.opened ? 'lost' : 'connecting');
    const source = new EventSource('api/v1/events');
    this.source = source;
    source.onopen = () => {
      this.delay = 500;
      this.handlers.onState('live');
      if (this.opened) this.handlers.onGap();
      this.opened = true;
    };
    source.onerror = () => {
      this.handlers.onState('lost');
      if (source.readyState !== EventSource.CLOSED) return;
      this.handlers.onRefused?.();
      this.retry();
    };
    for (const name of names) {
      source.addEventListener(name, (event) => this.deliver(name, event as MessageEvent<string>));
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
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

  private retry(): void {
    this.source?.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.delay);
    this.delay = Math.min(this.delay * 2, 15_000);
  }
}
