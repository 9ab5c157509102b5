// Addresses live behind the #, so they work under any path prefix and from one file.
//   #/?state=down   #/targets/7   #/targets/7/edit   #/targets/new   #/alerts …
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  path: string;
  query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const text = hash.replace(/^#/, '') || '/';
  const cut = text.indexOf('?');
  const path = cut < 0 ? text : text.slice(0, cut);
  const query = new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1));
  return { path: path.startsWith('/') ? path : `/${path}`, query };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand: "worker-%i"
  }
}

/** Matches "/targets/:id/edit"; null if the path is another. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/').filter(Boolean);
  const have = path.split('/').filter(Boolean);
  if (want.length !== have.length) return null;
  const out: Record<string, string> = {};
  for (let i = 0; i < want.length; i++) {
    const w = want[i] as string;
    const h = have[i] as string;
    if (w.startsWith(':')) out[w.slice(1)] = decoded(h);
    else if (w !== h) return null;
  }
  return out;
}

export function href(path: string, query?: URLSearchParams | Record<string, string>): string {
  const search = new URLSearchParams(query as Record<string, string> | undefined).toString();
  return `#${path}${search ? `?${search}` : ''}`;
}

/** The page of a supervised program; more: "/edit". */
export function programPath(id: string, more = ''): string {
  return `/program/${encodeURIComponent(id)}${more}`;
}

export function go(path: string, query?: Record<string, string>): void {
  location.hash = href(path, query);
}

/** Changes the query without a new entry in the browser's history (typing in the search box). */
export function replaceQuery(path: string, query: URLSearchParams): void {
  history.replaceState(null, '', href(path, query));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

type Guard = () => Promise<boolean>;
let guard: Guard | null = null;

/** A form with unsaved changes asks before the address may change; null lets it change freely. */
export function setGuard(next: Guard | null): void {
  guard = next;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseHash(location.hash));
  useEffect(() => {
    let shown = location.hash;
    const show = () => {
      shown = location.hash;
      setRoute(parseHash(shown));
    };
    const update = () => {
      if (!guard || location.hash === shown) {
        show();
        return;
      }
      const wanted = location.hash;
      history.pushState(null, '', shown || '#/');
      void guard().then((leave) => {
        if (!leave) return;
        guard = null;
        location.hash = wanted;
      });
    };
    addEventListener('hashchange', update);
    show();
    return () => removeEventListener('hashchange', update);
  }, []);
  return route;
}
