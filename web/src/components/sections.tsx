// The second row of navigation: what belongs to alerts, and what belongs to the settings.
import { useEffect, useRef } from 'preact/hooks';
import { t, type Key } from '../i18n';
import '../i18n/more';
import { href } from '../router';
import { alerts } from '../store';
import { useStores } from '../store/observable';
import { may } from '../store/session';

interface Item {
  path: string;
  text: Key;
  count?: number;
}

function SubNav({ label, items, current }: { label: string; items: Item[]; current: string }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the row is wider than the window: where one is must be seen.
    const here = nav.current?.querySelector<HTMLElement>('[aria-current]');
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - (nav.current.clientWidth - here.offsetWidth) / 2;
  }, [current]);
  return (
    <nav class="subnav" aria-label={label} ref={nav}>
      {items.map((item) => (
        <a key={item.path} href={href(item.path)} aria-current={item.path === current ? 'page' : undefined}>
          {t(item.text)}
          {item.count !== undefined && item.count > 0 && <span class="count">{item.count}</span>}
        </a>
      ))}
    </nav>
  );
}

export function AlertsNav({ current }: { current: string }) {
  useStores(alerts);
  const items: Item[] = [
    { path: '/alerts', text: 'alerts.firing', count: alerts.items.length },
    { path: '/alerts/history', text: 'alerts.history' },
    { path: '/silences', text: 'nav.silences' },
    { path: '/maintenance', text: 'nav.maintenance' },
  ];
  return <SubNav label={t('nav.alerts')} items={items} current={current} />;
}

export function SettingsNav({ current }: { current: string }) {
  const admin = may('admin');
  const items: (Item | false)[] = [
    { path: '/channels', text: 'nav.channels' },
    { path: '/status-pages', text: 'nav.statusPages' },
    admin && { path: '/users', text: 'nav.users' },
    { path: '/tokens', text: 'nav.tokens' },
    admin && { path: '/audit', text: 'nav.audit' },
    { path: '/system', text: 'nav.system' },
    admin && { path: '/config', text: 'nav.config' },
  ];
  return <SubNav label={t('nav.settings')} items={items.filter((i): i is Item => i !== false)} current={current} />;
}
