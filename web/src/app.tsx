// The frame: navigation, the live light, theme and language, keys, who is signed in, and the view that the address names.
// While nobody is in, the sign-in form stands where the view was; the address stays, so signing in leads back.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, Empty, Failure, LinkButton, Loading } from './components/basics';
import { Icon, Logo, type IconName } from './components/icons';
import { lazy } from './components/lazy';
import { Overlays } from './components/overlay';
import { UserMenu } from './components/user-menu';
import { lang, setLang, t, useLang, type FirstKey } from './i18n';
import { readPreference, writePreference } from './lib/prefs';
import { go, href, match, parseHash, useRoute, type Route } from './router';
import { alerts, live, targets } from './store';
import { useStores } from './store/observable';
import { maySome, session, signedIn, type Role } from './store/session';
import { NotFound } from './views/not-found';
import { Overview } from './views/overview';

// Chunks: who looks at the overview alone never loads them.
const watch = () => import('./views/chunk-watch');
const manage = () => import('./views/chunk-manage');
const programs = () => import('./views/chunk-programs');
const TargetView = lazy(async () => (await watch()).TargetView);
const TargetEdit = lazy(async () => (await watch()).TargetEdit);
const ExploreView = lazy(async () => (await watch()).ExploreView);
const AlertsView = lazy(async () => (await watch()).AlertsView);
const AlertHistory = lazy(async () => (await watch()).AlertHistory);
const ReportsView = lazy(async () => (await watch()).ReportsView);
const Help = lazy(async () => (await watch()).Help);
const ProgramsView = lazy(async () => (await programs()).ProgramsView);
const ProgramView = lazy(async () => (await programs()).ProgramView);
const ProgramEdit = lazy(async () => (await programs()).ProgramEdit);
const SilencesView = lazy(async () => (await manage()).SilencesView);
const MaintenanceView = lazy(async () => (await manage()).MaintenanceView);
const MaintenanceEdit = lazy(async () => (await manage()).MaintenanceEdit);
const ChannelsView = lazy(async () => (await manage()).ChannelsView);
const ChannelEdit = lazy(async () => (await manage()).ChannelEdit);
const StatusPagesView = lazy(async () => (await manage()).StatusPagesView);
const StatusPageEdit = lazy(async () => (await manage()).StatusPageEdit);
const IncidentEdit = lazy(async () => (await manage()).IncidentEdit);
const UsersView = lazy(async () => (await manage()).UsersView);
const UserEdit = lazy(async () => (await manage()).UserEdit);
const TokensView = lazy(async () => (await manage()).TokensView);
const AuditView = lazy(async () => (await manage()).AuditView);
const SystemView = lazy(async () => (await manage()).SystemView);
const ConfigView = lazy(async () => (await manage()).ConfigView);
const AccountView = lazy(async () => (await manage()).AccountView);
const LoginView = lazy(async () => (await manage()).LoginView);
const SetupView = lazy(async () => (await manage()).SetupView);

type Section = 'overview' | 'programs' | 'explore' | 'alerts' | 'reports' | 'settings';

const sections: { name: Section; path: string; icon: IconName }[] = [
  { name: 'overview', path: '/', icon: 'list' },
  { name: 'programs', path: '/programs', icon: 'terminal' },
  { name: 'explore', path: '/explore', icon: 'chart' },
  { name: 'alerts', path: '/alerts', icon: 'bell' },
  { name: 'reports', path: '/reports', icon: 'report' },
  { name: 'settings', path: '/channels', icon: 'gear' },
];

/** "g" and one of these goes there. */
const keys: Record<string, string> = {
  o: '/',
  p: '/programs',
  e: '/explore',
  a: '/alerts',
  m: '/maintenance',
  r: '/reports',
  c: '/channels',
  w: '/status-pages',
  u: '/users',
  t: '/tokens',
  l: '/audit',
  s: '/system',
};

type Draw = (args: Record<string, string>, route: Route) => ComponentChildren;

/** Pattern, what draws it, and the role that it takes (the server asks for it too; this only says so kindly). */
const routes: [string, Draw, Role?][] = [
  ['/', (_, route) => <Overview route={route} />],
  ['/targets/new', (_, route) => <TargetEdit id={0} route={route} />, 'editor'],
  ['/targets/:id/edit', (args, route) => <TargetEdit id={Number(args['id'])} route={route} />, 'editor'],
  ['/targets/:id', (args) => <TargetView key={args['id'] ?? ''} id={Number(args['id'])} />],
  ['/programs', (_, route) => <ProgramsView route={route} />],
  ['/programs/new', (_, route) => <ProgramEdit id="" route={route} />, 'editor'],
  ['/program/:id', (args) => <ProgramView key={args['id'] ?? ''} id={args['id'] ?? ''} />],
  ['/program/:id/edit', (args, route) => <ProgramEdit id={args['id'] ?? ''} route={route} />, 'editor'],
  ['/explore', (_, route) => <ExploreView route={route} />],
  ['/alerts', (_, route) => <AlertsView route={route} />],
  ['/alerts/history', (_, route) => <AlertHistory route={route} />],
  ['/silences', (_, route) => <SilencesView route={route} />],
  ['/maintenance', (_, route) => <MaintenanceView route={route} />],
  ['/maintenance/new', (_, route) => <MaintenanceEdit key={0} id={0} route={route} />, 'editor'],
  ['/maintenance/:id', (args, route) => <MaintenanceEdit key={args['id'] ?? ''} id={Number(args['id'])} route={route} />, 'editor'],
  ['/reports', (_, route) => <ReportsView route={route} />],
  ['/channels', () => <ChannelsView />],
  ['/channels/new', () => <ChannelEdit key={0} id={0} />, 'editor'],
  ['/channels/:id', (args) => <ChannelEdit key={args['id'] ?? ''} id={Number(args['id'])} />, 'editor'],
  ['/status-pages', () => <StatusPagesView />],
  ['/status-pages/new', () => <StatusPageEdit key={0} id={0} />, 'editor'],
  ['/status-pages/:id', (args) => <StatusPageEdit key={args['id'] ?? ''} id={Number(args['id'])} />, 'editor'],
  ['/incidents/new', (_, route) => <IncidentEdit key={0} id={0} route={route} />, 'editor'],
  ['/incidents/:id', (args, route) => <IncidentEdit key={args['id'] ?? ''} id={Number(args['id'])} route={route} />, 'editor'],
  ['/users', () => <UsersView />, 'admin'],
  ['/users/new', () => <UserEdit key={0} id={0} />, 'admin'],
  ['/users/:id', (args) => <UserEdit key={args['id'] ?? ''} id={Number(args['id'])} />, 'admin'],
  ['/tokens', () => <TokensView />],
  ['/audit', (_, route) => <AuditView route={route} />, 'admin'],
  ['/system', () => <SystemView />],
  ['/config', (_, route) => <ConfigView route={route} />, 'admin'],
  ['/account', () => <AccountView />],
  ['/login', (_, route) => <LoginView route={route} />],
  ['/setup', () => (session.who.setup ? <SetupView /> : <NotFound />)],
];

function NotAllowed({ role }: { role: Role }) {
  return (
    <Empty whole icon="lock" title={t('access.notAllowed')} hint={t(`access.needs.${role}` as FirstKey)}>
      {signedIn() ? (
        <LinkButton href={href('/')}>{t('error.toOverview')}</LinkButton>
      ) : (
        <LinkButton kind="primary" href={href('/login', { next: location.hash.slice(1) })}>
          {t('access.signIn')}
        </LinkButton>
      )}
    </Empty>
  );
}

function view(route: Route): ComponentChildren {
  for (const [pattern, draw, role] of routes) {
    const args = match(pattern, route.path);
    if (args) return role && !maySome(role) ? <NotAllowed role={role} /> : draw(args, route);
  }
  return <NotFound />;
}

const settings = ['/channels', '/status-pages', '/incidents', '/users', '/tokens', '/audit', '/system', '/config', '/account'];
const alerting = ['/alerts', '/silences', '/maintenance'];

function sectionOf(path: string): Section {
  const under = (roots: string[]) => roots.some((r) => path === r || path.startsWith(`${r}/`));
  if (path.startsWith('/program')) return 'programs';
  if (path.startsWith('/explore')) return 'explore';
  if (path.startsWith('/reports')) return 'reports';
  if (under(alerting)) return 'alerts';
  if (under(settings)) return 'settings';
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

/** bare: nobody is in, so there is nowhere to go. */
function Header({ bare, current, onHelp }: { bare: boolean; current: Section; onHelp: () => void }) {
  const [theme, setTheme] = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] as Theme;
  return (
    <header class="top">
      <a class="brand" href={href('/')}>
        <Logo />
        <span>{t('app.name')}</span>
      </a>
      {!bare && <Nav current={current} />}
      <div class="top-end">
        {!bare && <LiveLight />}
        {!bare && (
          <span class="only-wide">
            <Button icon="keyboard" kind="quiet" title={`${t('prefs.shortcuts')} (?)`} onClick={onHelp} />
          </span>
        )}
        <Button
          id="theme"
          icon={themeIcon[theme]}
          kind="quiet"
          title={`${t('prefs.theme')}: ${t(`theme.${theme}`)}`}
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
        {!bare && <UserMenu />}
        {!bare && maySome('editor') && (
          <a class="button primary add" href={href('/targets/new')} title={t('overview.add')} aria-label={t('overview.add')}>
            <Icon name="plus" />
            <span class="only-wide">{t('overview.add')}</span>
          </a>
        )}
      </div>
    </header>
  );
}

/** The keys of the whole page; views add their own. "g" waits a second for its second letter. */
function useKeys(onHelp: () => void): void {
  useEffect(() => {
    let waiting = 0;
    const onKey = (event: KeyboardEvent) => {
      const field = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (field && event.key === 'Escape') return leaveSearch(event.target as HTMLElement);
      if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return undefined;
      const place = keys[event.key];
      if (session.state !== 'in') return undefined;
      if (waiting > Date.now() && place !== undefined) {
        waiting = 0;
        go(place);
      } else if (event.key === 'g') waiting = Date.now() + 1000;
      else if (event.key === '/') focusSearch(event);
      else if (event.key === 'n') go(newPath(parseHash(location.hash).path));
      else if (event.key === '?') onHelp();
      return undefined;
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

/** What "n" makes depends on what is looked at. */
function newPath(path: string): string {
  const made = ['/programs', '/channels', '/maintenance', '/status-pages', '/users'].find((p) => path.startsWith(p));
  return `${path.startsWith('/program') ? '/programs' : (made ?? '/targets')}/new`;
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
  const down = targets.downCount();
  const target = match('/targets/:id', route.path);
  const own = target ? targets.get(Number(target['id']))?.name : match('/program/:id', route.path)?.['id'];
  return `${down > 0 ? `(${down}) ` : ''}${own ?? name} · Belfry`;
}

/** The form that stands where the view was, or the view. */
function Inside({ route }: { route: Route }) {
  switch (session.state) {
    case 'asking':
      return <Loading />;
    case 'failed':
      return <Failure error={session.error ?? new Error()} onRetry={() => void session.ask()} />;
    case 'setup':
      return <SetupView />;
    case 'out':
      return <LoginView route={route} />;
    default:
      return <>{view(route)}</>;
  }
}

export function App() {
  useLang();
  useStores(targets, session);
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
    document.title = session.state === 'in' ? title(route) : t('app.name');
  });
  const inside = session.state === 'in' && route.path !== '/login' && route.path !== '/setup';
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
      <Header bare={!inside} current={sectionOf(route.path)} onHelp={() => setHelp(true)} />
      <main id="main" ref={main} tabIndex={-1}>
        <Inside route={route} />
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
      <Overlays />
    </>
  );
}
