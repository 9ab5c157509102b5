// The shapes of Belfry's REST API (CONTRACT.md). Fields that an older or smaller server may leave
// out are optional here, and every reader must cope.

export type TargetStatus =
  | 'unknown'
  | 'healthy'
  | 'degraded'
  | 'unhealthy'
  | 'disabled'
  | 'maintenance';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Target {
  id: number;
  name: string;
  type: string;
  group: string;
  config?: JsonObject;
  address?: string;
  interval_seconds: number;
  timeout_seconds: number;
  connect_timeout_seconds?: number;
  enabled: boolean;
  threshold: number;
  /** Good checks in a row until one that is down is up again; absent: one. */
  success_threshold?: number;
  /** It must not answer: a good check is a failure and the other way round. */
  invert?: boolean;
  attempts?: number;
  resend_interval_seconds?: number;
  labels?: Record<string, string>;
  notify_channel_ids?: number[];
  depends_on?: number[];
  burst?: JsonObject | null;
  source: 'api' | 'file';
  status: TargetStatus;
  /** Healthy, but with warnings: slow, or a certificate that ends soon. */
  degraded?: boolean;
  since?: string | null;
  last_message?: string | null;
  last_checked_at?: string | null;
  last_latency_ms?: number | null;
  last_warnings?: string[];
  fail_count: number;
  created_at?: string;
  updated_at?: string;
  deleted?: boolean;
  /** Only of one target: what its last check measured and saw. */
  last_result?: Result | null;
  /** Where it is checked from; absent: here alone. */
  locations?: string[];
  /** At so many of them it must be down to be down; absent: at most of them. */
  location_quorum?: number;
  /** Only of one target with locations: how it stands at each. */
  places?: Place[];
  /** Only of one target of type push. */
  push?: {
    /** Both absent for who may not edit; url: null without server.public_url. */
    path?: string;
    url?: string | null;
    due_at: string | null;
    late_at: string | null;
    last_at: string | null;
    last_success_at: string | null;
    last_duration_ms: number | null;
    running: { rid: string; started_at: string }[];
    runs: PushRun[];
  };
  /** Only of one target of type group. */
  members?: Member[];
  members_missing?: string[];
}

export interface Place {
  location: string;
  status: 'unknown' | 'healthy' | 'unhealthy';
  degraded?: boolean;
  /** Of late. What is unknown and was heard is not judged yet. */
  heard: boolean;
  since: string | null;
  last_checked_at: string | null;
  latency_ms: number | null;
  fail_count?: number;
  message: string;
}

export interface PushRun {
  kind: 'success' | 'fail' | 'log';
  rid: string;
  started_at: string | null;
  ended_at: string;
  duration_ms: number | null;
  exit_code: number | null;
  message: string;
  output: string;
  from: string;
}

export interface Member {
  id: number;
  name: string;
  group: string;
  type: string;
  status: TargetStatus;
  degraded: boolean;
  last_message: string | null;
}

/** What one location answered when all of them were asked at once. */
export interface CheckedPlace {
  location: string;
  answered: boolean;
  message: string;
  result: Result | null;
}

export interface Result {
  id?: number;
  /** In events: successful, but with warnings. */
  degraded?: boolean;
  fail_count?: number;
  target_id?: number;
  success: boolean;
  latency_ms: number | null;
  message: string;
  metrics?: Record<string, Json>;
  warnings?: string[];
  checked_at: string;
  detail?: JsonObject;
  /** Of a check asked for by hand, where the target has several locations. */
  places?: CheckedPlace[];
}

export interface Delivery {
  delivery_id?: number;
  channel_id: number;
  channel: string;
  channel_enabled?: boolean;
  created_at?: string | null;
  /** When a pending one is tried again. */
  next_at?: string | null;
  status: 'pending' | 'sent' | 'failed';
  kind?: 'fired' | 'resolved' | 'reminder' | 'test';
  attempts?: number;
  answer?: string | null;
  at?: string | null;
}

export interface Alert {
  id: number;
  target_id: number;
  target_name: string;
  group?: string;
  /** A supervised program's alert has target_id 0, the group "processes" and its id in `unit`. */
  labels?: Record<string, string>;
  status: 'firing' | 'resolved';
  message: string;
  fired_at: string;
  resolved_at?: string | null;
  notified?: Delivery[];
  /** Why it does not ring: maintenance, parent, own_network, no_channel, silence; empty if it does. */
  suppressed?: string | null;
  suppressed_by?: string | null;
  suppressed_by_id?: number;
  acknowledged?: { by: string; at: string; note?: string | null } | null;
  /** What would keep its bell quiet now; only of firing ones, and not in events. */
  holds?: Hold[];
}

export interface Hold {
  reason: string;
  id?: number;
  name?: string | null;
  until?: string | null;
}

export interface Channel {
  id: number;
  name: string;
  type: string;
  webhook_url?: string | null;
  enabled: boolean;
  mention_all?: boolean;
  config?: JsonObject;
  source?: 'api' | 'file';
  last_error?: string | null;
  pending?: number;
}

export interface BelfryNode {
  name: string;
  role?: string;
  pid?: number | null;
  state?: string;
  status?: string;
  restarts?: number;
  rss_bytes?: number | null;
  cpu_percent?: number | null;
  ring_fill?: number | null;
  missed_rounds?: number | null;
  dropped?: number | null;
  loop_lag_ms?: number | null;
  in_flight?: number | null;
  targets?: number | null;
  started_at?: string | null;
  last_exit?: string | JsonObject | null;
}

export interface Graph {
  t: number[];
  latency_ms: (number | null)[];
  success: (number | null)[];
}

export interface Text {
  en: string;
  zh?: string;
}

export type OptionType =
  | 'string'
  | 'secret'
  | 'text'
  | 'int'
  | 'float'
  | 'bool'
  | 'duration'
  | 'size'
  | 'enum'
  | 'list'
  | 'ranges'
  | 'map'
  | 'section'
  | 'sections'
  | 'any';

export interface Option {
  name: string;
  type: OptionType;
  default?: Json;
  min?: number | null;
  max?: number | null;
  unit?: string | null;
  required?: boolean;
  choices?: string[] | null;
  secret?: boolean;
  help?: Text;
  options?: Option[] | null;
  advanced?: boolean;
  group?: 'basic' | 'advanced';
  example?: string | null;
}

export interface Prober {
  type: string;
  title?: Text;
  help?: Text;
  schemes?: string[];
  /** "web", "database": what it is listed under. */
  kind?: string;
  kind_title?: Text;
  /** Belfry itself knows how such a target stands: nobody probes it, so it has no timeout, threshold or place. */
  in_core?: boolean;
  options: Option[];
}

export interface Page<T> {
  items: T[];
  total?: number;
  next?: string | null;
}

/** How many targets are in each state: what the page calls the states. */
export type StateCounts = Record<'down' | 'degraded' | 'unknown' | 'maintenance' | 'up' | 'paused', number>;

export interface GroupCounts extends StateCounts {
  name: string;
  targets: number;
}

export interface Count {
  name: string;
  targets: number;
}

/** What there is to filter by; each kind counts what fits all other filters. */
export interface Facets {
  all: StateCounts & { total: number };
  states: StateCounts & { total: number };
  groups: Count[];
  types: Count[];
  labels: Count[];
}

export interface TargetPage extends Page<Target> {
  facets?: Facets;
  /** With layout=groups: the groups in the order of the rows. */
  groups?: GroupCounts[];
}

export interface RecentItem {
  id: number;
  /** Of the last 24 h, 0 to 1. */
  uptime?: number | null;
  recent: Result[];
}

export interface UptimeWindow {
  window: string;
  uptime: number | null;
  incidents: number;
  down_seconds: number;
}

export interface FailureReason {
  reason: string;
  count: number;
  last_at?: string | null;
  example?: string | null;
}

export interface Uptime {
  windows: UptimeWindow[];
  failures: FailureReason[];
  failures_since?: string | null;
}

export interface FieldError {
  field: string;
  message: string;
  file?: string;
  line?: number;
  column?: number;
}

export interface ChannelTest {
  success: boolean;
  answer?: string;
  duration_ms?: number;
}

/** What create and change send: the fields a person may set. */
export type TargetDraft = Partial<
  Omit<Target, 'id' | 'status' | 'fail_count' | 'source' | 'created_at' | 'updated_at'>
> & { url?: string };

export type ChannelDraft = Partial<Omit<Channel, 'id'>>;
