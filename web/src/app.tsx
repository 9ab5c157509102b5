// The frame: navigation, the live light, theme and language, keys, and the view that the address names.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button } from './components/basics';
import { Icon, Logo, type IconName } from './components/icons';
import { lazy } from './components/lazy';
import { Overlays } from './components/overlay';
import { lang, setLang, t, useLang, type Key } from './i18n';
import { readPreference, writePreference } from './lib/prefs';
import { go, href, match, parseHash, useRoute, type Route } from './router';
import { alerts, live, targets } from './store';
import { useStores } from './store/observable';
import { AlertsView } from './views/alerts';
import { ChannelEdit, ChannelsView } from './views/channels';
import { Help } from './views/help';
import { NotFound } from './views/not-found';
import { Overview } from './views/overview';
import { SystemView } from './views/system';
import { TargetView } from './views/target';
import { TargetEdit } from './views/target-edit';

// Chunks of their own: who watches targets alone never loads them.
const ProgramsView = lazy(() => import('./views/programs'));
const ProgramView = lazy(() => import('./views/program'));
const ProgramEdit = lazy(() => import('./views/program-edit'));
const ExploreView = lazy(() => import('./views/explore'));

type Section = 'overview' | 'programs' | 'explore' | 'alerts' | 'channels' | 'system';

const sections: { name: Section; path: string; icon: IconName; key: string }[] = [
  { name: 'overview', path: '/', icon: 'list', key: 'o' },
  { name: 'programs', path: '/programs', icon: 'terminal', key: 'p' },
  { name: 'explore', path: '/explore', icon: 'chart', key: 'e' },
  { name: 'alerts', path: '/alerts', icon: 'bell', key: 'a' },
  { name: 'channels', path: '/channels', icon: 'send', key: 'c' },
  { name: 'system', path: '/system', icon: 'tower', key: 's' },
];

const routes: [string, (args: Record<string, string>, route: Route) => ComponentChildren][] = [
  ['/', (_, route) => <Overview route={route} />],
  ['/targets/new', (_, route) => <TargetEdit id={0} route={route} />],
  ['/targets/:id/edit', (args, route) => <TargetEdit id={Number(args['id'])} route={route} />],
  ['/targets/:id', (args) => <TargetView key={args['id'] ?? ''} id={Number(args['id'])} />],
  ['/programs', (_, route) => <ProgramsView route={route} />],
  ['/programs/new', (_, route) => <ProgramEdit id="" route={route} />],
  ['/program/:id', (args) => <ProgramView key={args['id'] ?? ''} id={args['id'] ?? ''} />],
  ['/program/:id/edit', (args, route) => <ProgramEdit id={args['id'] ?? ''} route={route} />],
  ['/explore', (_, route) => <ExploreView route={route} />],
  ['/alerts', (_, route) => <AlertsView route={route} />],
  ['/channels', () => <ChannelsView />],
  ['/channels/new', () => <ChannelEdit id={0} />],
  ['/channels/:id', (args) => <ChannelEdit id={Number(args['id'])} />],
  ['/system', () => <SystemView />],
];

function view(route: Route): ComponentChildren {
  for (const [pattern, draw] of routes) {
    const args = match(pattern, route.path);
    if (args) return draw(args, route);
  }
  return <NotFound />;
}

function sectionOf(path: string): Section {
  if (path.startsWith('/program')) return 'programs';
  if (path.startsWith('/explore')) return 'explore';
  if (path.startsWith('/alerts')) return 'alerts';
  if (path.startsWith('/channels')) return 'channels';
  if (path.startsWith('/system')) return 'system';
  return 'overview';
}

const themes = ['system', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const themeIcon: Record<Theme, IconName> = { system: 'auto', light: 'sun', dark: 'moon' };

function useTheme(): [Theme, (next: Theme) => void] {
  const stored = readPreference('theme');
  const [theme, setTheme] = useState<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system');
  return [
    theme,
    (next) => {
      writePreference('theme', next);
      if (next === 'system') delete document.documentElement.dataset['theme'];
      else document.documentElement.dataset['theme'] = next;
      setTheme(next);
    },
  ];
}

function Nav({ current }: { current: Section }) {
  useStores(alerts);
  const firing = alerts.items.length;
  return (
    <nav class="nav" aria-label={t('nav.main')}>
      {sections.map((s) => (
        <a key={s.name} href={href(s.path)} aria-current={s.name === current ? 'page' : undefined}>
          <Icon name={s.icon} />
          <span class="nav-word">{t(`nav.${s.name}`)}</span>
          {s.name === 'alerts' && firing > 0 && (
            <span class="badge" aria-label={t('nav.firing', { n: firing })}>
              {firing}
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

function LiveLight() {
  useStores(live);
  return (
    <span class={`live is-${live.state}`} role="status" title={t(`live.${live.state}`)}>
      <span class="live-dot" aria-hidden="true" />
      <span class="live-word">{t(`live.${live.state}`)}</span>
    </span>
  );
}

function Header({ current, onHelp }: { current: Section; onHelp: () => void }) {
  const [theme, setTheme] = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] as Theme;
  return (
    <header class="top">
      <a class="brand" href={href('/')}>
        <Logo />
        <span>{t('app.name')}</span>
      </a>
      <Nav current={current} />
      <div class="top-end">
        <LiveLight />
        <span class="only-wide">
          <Button icon="keyboard" kind="quiet" title={`${t('prefs.shortcuts')} (?)`} onClick={onHelp} />
        </span>
        <Button
          id="theme"
          icon={themeIcon[theme]}
          kind="quiet"
          title={`${t('prefs.theme')}: ${t(`theme.${theme}` as Key)}`}
          onClick={() => setTheme(next)}
        />
        <button
          type="button"
          id="language"
          class="button quiet"
          title={t('prefs.language')}
          aria-label={t('prefs.language')}
          onClick={() => setLang(lang() === 'zh' ? 'en' : 'zh')}
        >
          {t('prefs.language.short')}
        </button>
        <a class="button primary add" href={href('/targets/new')} title={t('overview.add')} aria-label={t('overview.add')}>
          <Icon name="plus" />
          <span class="only-wide">{t('overview.add')}</span>
        </a>
      </div>
    </header>
  );
}

/** The keys of the whole page; views add their own. "g" waits a second for its second letter. */
function useKeys(onHelp: () => void): void {
  useEffect(() => {
    let waiting = 0;
    const onKey = (event: KeyboardEvent) => {
      // Out of a shadow root (the query's editor) the event comes as the root's host.
      if (event.target instanceof HTMLElement && event.target.shadowRoot) return;
      const field = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (field && event.key === 'Escape') return leaveSearch(event.target as HTMLElement);
      if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return undefined;
      const section = sections.find((s) => s.key === event.key);
      if (waiting > Date.now() && section) {
        waiting = 0;
        go(section.path);
      } else if (event.key === 'g') waiting = Date.now() + 1000;
      else if (event.key === '/') focusSearch(event);
      else if (event.key === 'n') go(sectionOf(parseHash(location.hash).path) === 'programs' ? '/programs/new' : '/targets/new');
      else if (event.key === '?') onHelp();
      return undefined;
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function focusSearch(event: KeyboardEvent): void {
  event.preventDefault();
  const search = document.getElementById('search') as HTMLInputElement | null;
  if (search) {
    search.focus();
    search.select();
    return;
  }
  go('/');
  setTimeout(() => document.getElementById('search')?.focus(), 100);
}

function leaveSearch(field: HTMLElement): void {
  if (field instanceof HTMLInputElement && field.id === 'search' && field.value) {
    field.value = '';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  } else field.blur();
}

function title(route: Route): string {
  const name = t(`nav.${sectionOf(route.path)}`);
  const down = targets.totals().down;
  const target = match('/targets/:id', route.path);
  const own = target ? targets.get(Number(target['id']))?.name : match('/program/:id', route.path)?.['id'];
  return `${down > 0 ? `(${down}) ` : ''}${own ?? name} · Belfry`;
}

export function App() {
  useLang();
  useStores(targets);
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  useKeys(() => setHelp(true));
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [route.path]);
  useEffect(() => {
    document.title = title(route);
  });
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(e) => {
          e.preventDefault();
          main.current?.focus();
        }}
      >
        {t('nav.skip')}
      </a>
      <Header current={sectionOf(route.path)} onHelp={() => setHelp(true)} />
      <main id="main" ref={main} tabIndex={-1}>
        {view(route)}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
      <Overlays />
    </>
  );
}
