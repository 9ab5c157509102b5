// What a pasted address tells: the prober's type by its scheme, and the options that it fills.
import type { JsonObject, Option, Prober } from '../api/types';

export function schemeOf(url: string): string | null {
  const found = /^([a-z][a-z0-9+.-]*):/i.exec(url.trim());
  return found ? (found[1] as string).toLowerCase() : null;
}

export function guessProber(url: string, probers: readonly Prober[]): Prober | undefined {
  const text = url.trim();
  const scheme = schemeOf(text);
  if (scheme && text.includes('://')) {
    return probers.find((p) => p.type === scheme) ?? probers.find((p) => p.schemes?.includes(scheme));
  }
  if (scheme === 'exec') return probers.find((p) => p.type === 'exec');
  return undefined;
}

interface Parts {
  host: string;
  port: number | null;
  username: string;
  password: string;
  path: string;
  query: URLSearchParams;
}

/** URL's own parser treats unknown schemes' hosts as opaque in places; this reads what we need. */
export function splitUrl(url: string): Parts | null {
  const found = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/@?#]*)@)?(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?([^?#]*)(?:\?([^#]*))?/i.exec(
    url.trim(),
  );
  if (!found) return null;
  const [, user = '', host = '', port, path = '', query = ''] = found;
  const colon = user.indexOf(':');
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: port ? Number(port) : null,
    username: decode(colon < 0 ? user : user.slice(0, colon)),
    password: decode(colon < 0 ? '' : user.slice(colon + 1)),
    path: decode(path.replace(/^\//, '')),
    query: new URLSearchParams(query),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The options that a URL fills. null if the prober's options cannot hold it; then the form sends
 * the URL itself and the server, which knows every scheme, expands it.
 */
export function configFromUrl(url: string, options: readonly Option[]): JsonObject | null {
  const names = new Set(options.map((o) => o.name));
  if (names.has('url')) return { url: url.trim() };
  const parts = splitUrl(url);
  if (!parts || !names.has('host') || parts.host === '') return null;
  const out: JsonObject = { host: parts.host };
  if (parts.port !== null) {
    if (!names.has('port')) return null;
    out['port'] = parts.port;
  }
  const rest: [string, string][] = [
    ['username', parts.username],
    ['password', parts.password],
    ['database', parts.path],
    ...[...parts.query.entries()],
  ];
  for (const [name, value] of rest) {
    if (value === '') continue;
    if (!names.has(name)) return null;
    out[name] = value;
  }
  return out;
}

/** A name for a new target from its address, so that one field less needs typing. */
export function nameFromUrl(url: string): string {
  const parts = splitUrl(url);
  if (!parts) return '';
  const path = parts.path.replace(/\/$/, '');
  return path && parts.host ? `${parts.host}/${path}` : parts.host;
}
