// The only place that calls fetch. Every address is relative to the page's own, so a reverse proxy
// may put Belfry under any path. Errors come out as ApiError with the server's field messages.
import type {
  Alert,
  BelfryNode,
  Channel,
  ChannelDraft,
  ChannelTest,
  Facets,
  FieldError,
  Graph,
  JsonObject,
  Page,
  Prober,
  RecentItem,
  Result,
  Target,
  TargetDraft,
  TargetPage,
  Text,
  Uptime,
} from './types';
import type {
  BulkAction,
  BulkAnswer,
  LogPage,
  Process,
  ProcessAction,
  ProcessEvent,
  ProcessOptions,
} from './process-types';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[],
  ) {
    super(detail || title);
  }
}

/** status 0: the server could not be reached at all. */
function unreachable(cause: unknown): ApiError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new ApiError(0, 'unreachable', detail, []);
}

async function problem(response: Response): Promise<ApiError> {
  let title = response.statusText || `HTTP ${response.status}`;
  let detail = '';
  let errors: FieldError[] = [];
  try {
    const body = (await response.json()) as Partial<{
      title: string;
      detail: string;
      errors: FieldError[];
    }>;
    title = body.title ?? title;
    detail = body.detail ?? '';
    if (Array.isArray(body.errors)) errors = body.errors;
  } catch {
    // a proxy's HTML page, perhaps: the status line must do
  }
  return new ApiError(response.status, title, detail, errors);
}

let refused: () => void = () => undefined;

/** Calls `handler` when an answer says that nobody is signed in any more. */
export function onUnauthorized(handler: () => void): void {
  refused = handler;
}

/** Paths that answer 401 to a wrong password: the form that asked says so. */
const signingIn = /^api\/v1\/(session|setup)$/;

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (signal) init.signal = signal;
  if (method !== 'GET') headers['x-belfry'] = 'page';
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    headers['content-type'] = 'application/json';
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw unreachable(cause);
  }
  if (response.status === 401 && !signingIn.test(path)) refused();
  if (!response.ok) throw await problem(response);
  const text = await response.text();
  if (text === '') return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    return text as unknown as T;
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}

const root = 'api/v1';

function processPath(id: string): string {
  return `${root}/processes/${encodeURIComponent(id)}`;
}

export interface TryRequest {
  type: string;
  config?: JsonObject;
  url?: string;
  timeout_seconds?: number;
  /** It must not answer. */
  invert?: boolean;
  /** Whose stored secrets stand behind masked ones. */
  target_id?: number;
}

export const api = {
  targets: (query: Query, signal?: AbortSignal) =>
    call<TargetPage>('GET', withQuery(`${root}/targets`, query), undefined, signal),
  facets: () => call<{ facets: Facets }>('GET', `${root}/targets/facets`),
  recent: (ids: readonly number[]) =>
    call<Page<RecentItem>>('GET', `${root}/targets/recent?recent=30&limit=${ids.length}&ids=${ids.join(',')}`),
  uptime: (id: number, signal?: AbortSignal) => call<Uptime>('GET', `${root}/targets/${id}/uptime`, undefined, signal),
  target: (id: number) => call<Target>('GET', `${root}/targets/${id}`),
  createTarget: (draft: TargetDraft) => call<Target>('POST', `${root}/targets`, draft),
  updateTarget: (id: number, draft: TargetDraft) =>
    call<Target>('PATCH', `${root}/targets/${id}`, draft),
  replaceTarget: (id: number, draft: TargetDraft) =>
    call<Target>('PUT', `${root}/targets/${id}`, draft),
  deleteTarget: (id: number) => call<void>('DELETE', `${root}/targets/${id}`),
  results: (id: number, query: Query, signal?: AbortSignal) =>
    call<Page<Result>>('GET', withQuery(`${root}/targets/${id}/results`, query), undefined, signal),
  graph: (id: number, query: Query, signal?: AbortSignal) =>
    call<Graph>('GET', withQuery(`${root}/targets/${id}/graph`, query), undefined, signal),
  checkNow: (id: number) => call<Result>('POST', `${root}/targets/${id}/check`, {}),
  tryTarget: (request: TryRequest, signal?: AbortSignal) =>
    call<Result>('POST', `${root}/targets/try`, request, signal),

  probers: () => call<Page<Prober>>('GET', `${root}/probers`),
  /** Functions of PromQL. */
  functions: () => call<Page<{ name: string; args: string[]; help: Text }>>('GET', `${root}/functions`),
  channelTypes: () => call<Page<Prober>>('GET', `${root}/channels/types`),

  channels: () => call<Page<Channel>>('GET', withQuery(`${root}/channels`, { limit: 1000 })),
  channel: (id: number) => call<Channel>('GET', `${root}/channels/${id}`),
  createChannel: (draft: ChannelDraft) => call<Channel>('POST', `${root}/channels`, draft),
  updateChannel: (id: number, draft: ChannelDraft) =>
    call<Channel>('PATCH', `${root}/channels/${id}`, draft),
  deleteChannel: (id: number) => call<void>('DELETE', `${root}/channels/${id}`),
  testDraft: (draft: ChannelDraft) => call<ChannelTest>('POST', `${root}/channels/test`, draft),
  testChannel: (id: number) => call<ChannelTest>('POST', `${root}/channels/${id}/test`, {}),

  processes: (query: Query, signal?: AbortSignal) =>
    call<Page<Process>>('GET', withQuery(`${root}/processes`, query), undefined, signal),
  process: (id: string) => call<Process>('GET', processPath(id)),
  processOptions: () => call<ProcessOptions>('GET', `${root}/processes/options`),
  createProcess: (config: JsonObject) => call<Process>('POST', `${root}/processes`, config),
  replaceProcess: (id: string, config: JsonObject) => call<Process>('PUT', processPath(id), config),
  deleteProcess: (id: string) => call<void>('DELETE', processPath(id)),
  actOnProcess: (id: string, action: ProcessAction) => call<Process>('POST', `${processPath(id)}/${action}`, {}),
  signalProcess: (id: string, signal: string) => call<Process>('POST', `${processPath(id)}/signal`, { signal }),
  actOnProcesses: (action: BulkAction, ids: string[], rolling = false) =>
    call<BulkAnswer>('POST', `${root}/processes/${action}`, rolling ? { ids, rolling } : { ids }),
  processHistory: (id: string, query: Query, signal?: AbortSignal) =>
    call<Page<ProcessEvent>>('GET', withQuery(`${processPath(id)}/restarts`, query), undefined, signal),
  processLog: (id: string, query: Query, signal?: AbortSignal) =>
    call<LogPage>('GET', withQuery(`${processPath(id)}/log`, query), undefined, signal),

  alerts: (query: Query) => call<Page<Alert>>('GET', withQuery(`${root}/alerts`, query)),
  nodes: () => call<Page<BelfryNode> & { version?: string }>('GET', `${root}/nodes`),
  reload: () => call<unknown>('POST', '-/reload'),
};
