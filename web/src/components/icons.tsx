// Icons drawn here, 16×16, in the current colour. A state's mark differs in shape, not only colour.
import type { ComponentChildren } from 'preact';
import type { MarkShape } from '../lib/program-state';
import type { State } from '../lib/state';

const paths = {
  search: 'M7 2.500a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3 14 14',
  plus: 'M8 3v10M3 8h10',
  check: 'm3 8.5 3.2 3L13 4.5',
  chart: 'M2.5 2.500v11h11M5 10l2.500-3.500 2.500 2 3.500-5',
  cross: 'm4 4 8 8M12 4l-8 8',
  pause: 'M5.5 3.500v9M10.5 3.500v9',
  play: 'M5 3.500v9l7.5-4.500z',
  edit: 'm3 13 .7-3L10.5 3.200l2.3 2.300L6 12.300z',
  copy: 'M5.5 5.500h7v7h-7zM3.5 10.500v-7h7',
  trash: 'M3 4.500h10M6.5 4.500V3h3v1.500M4.5 4.500l.6 8.500h5.800l.6-8.5',
  refresh: 'M13 8a5 5 0 1 1-1.5-3.500M13 2.500v3h-3',
  chevron: 'm6 4 4 4-4 4',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  expand: 'M9.500 2.500h4v4M13.500 2.500l-4 4M6.500 13.500h-4v-4M2.500 13.500l4-4',
  wall: 'M2 3h5v4H2zM9 3h5v4H9zM2 9h5v4H2zM9 9h5v4H9z',
  list: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  bell: 'M8 2.500c-2.5 0-3.7 1.8-3.7 4.2 0 2.6-.8 3.3-1.5 4.100h10.400c-.7-.8-1.5-1.5-1.5-4.1 0-2.4-1.2-4.2-3.7-4.200ZM6.7 13a1.4 1.4 0 0 0 2.6 0',
  send: 'M2.5 8 13.5 3l-3 10.500L8 9zM8 9l2.5-2.5',
  tower: 'M3 6.5 8 2l5 4.500M4.5 6.500V14M11.5 6.500V14M2.5 14h11M4.5 10h7',
  sun: 'M8 5.200a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.600ZM8 1.500V3M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M3.4 12.600l1-1M11.6 4.400l1-1',
  moon: 'M12.5 9.700A5.3 5.3 0 0 1 6.3 3.500a5.3 5.3 0 1 0 6.2 6.200Z',
  auto: 'M8 2.500a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 2.500v11M8 5h3.500M8 8h5M8 11h3.5',
  keyboard: 'M1.5 4.500h13v7h-13zM4 7h.5M7 7h.5M10 7h.5M12 7h.2M5 9.500h6',
  file: 'M4 2.500h5.500l2.5 2.500v8.500H4zM9.5 2.500V5H12',
  link: 'M6.7 9.300a2.3 2.3 0 0 0 3.3 0l2.3-2.300A2.3 2.3 0 0 0 9 3.700l-.8.8M9.3 6.700a2.3 2.3 0 0 0-3.3 0L3.7 9A2.3 2.3 0 0 0 7 12.300l.8-.8',
  mute: 'M4.5 5.500c-.3 3.5-.9 4.4-1.7 5.300h8M6 3.100A3.6 3.6 0 0 1 11.7 6.700c0 1 .1 1.8.3 2.400M6.7 13a1.4 1.4 0 0 0 2.6 0M2.5 2.500l11 11',
  terminal: 'M2 3.500h12v9H2zM4.5 6.300 6.7 8l-2.2 1.700M8.5 10h3',
  stop: 'M4 4h8v8H4z',
  bolt: 'M9 2 4 9h3.500L7 14l5-7H8.500z',
  undo: 'M5.5 3 3 5.500 5.5 8M3 5.500h6.500a3.700 3.700 0 0 1 0 7.500H5.500',
  report: 'M3.5 2.500h9v11h-9zM6 10.500V8M8 10.500V5.500M10 10.500V7',
  gear: 'M8 5.800a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400ZM8 1.500v2M8 12.500v2M1.500 8h2M12.500 8h2M3.400 3.400l1.400 1.400M11.200 11.200l1.400 1.400M3.400 12.600l1.400-1.400M11.200 4.800l1.400-1.400',
  user: 'M8 2.500a2.700 2.700 0 1 0 0 5.400 2.700 2.700 0 0 0 0-5.400ZM2.800 13.500c.4-2.600 2.400-4 5.200-4s4.800 1.400 5.200 4',
  lock: 'M4 7.500h8v6H4zM5.500 7.500V5.300a2.500 2.500 0 0 1 5 0v2.200',
  key: 'M5 8a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5ZM6.800 8.700 12.500 3M10.200 5.300l1.800 1.800M11.800 3.700l1.500 1.500',
  out: 'M9.500 3H4v10h5.500M7 8h7M11.500 5.500 14 8l-2.500 2.500',
  calendar: 'M2.500 3.500h11v10h-11zM2.500 6.500h11M5.500 2v2.500M10.500 2v2.500',
  wrench: 'M13 4.500a3.200 3.200 0 0 1-4.300 3.900L4.500 12.700a1.300 1.300 0 0 1-1.900-1.900l4.400-4.200A3.200 3.200 0 0 1 11 2.800L9.200 4.600l2 2z',
  globe: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11ZM2.500 8h11M8 2.500c2 1.700 2.500 3.600 2.500 5.500S10 11.800 8 13.500C6 11.800 5.500 9.900 5.500 8S6 4.200 8 2.500Z',
  print: 'M4.500 6V2.500h7V6M4.500 11.500h-2V6h11v5.500h-2M4.500 9.500h7v4h-7z',
  download: 'M8 2.500v7M5 6.500l3 3 3-3M3 13h10',
  eye: 'M1.500 8C3.300 5 5.500 3.700 8 3.700S12.700 5 14.500 8c-1.800 3-4 4.300-6.500 4.300S3.300 11 1.500 8ZM8 6.200a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600Z',
  end: 'M8 2.500v7.500M4.5 7 8 10.500 11.5 7M3.5 13.500h9',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

const marks: Record<State, ComponentChildren> = {
  up: <circle cx="8" cy="8" r="5" />,
  down: (
    <>
      <path d="M4.7 1.500h6.600l3.2 3.200v6.600l-3.2 3.200H4.700l-3.2-3.200V4.700z" />
      <path class="mark-cut" d="m5.3 5.3 5.4 5.400M10.7 5.300l-5.4 5.4" />
    </>
  ),
  degraded: (
    <>
      <path d="M8 1.8 15 14H1z" />
      <path class="mark-cut" d="M8 6.200v3.600M8 11.600v.8" />
    </>
  ),
  unknown: <circle class="mark-line" cx="8" cy="8" r="4.5" stroke-dasharray="2.3 2.4" />,
  paused: <path d="M3.5 3h3.200v10H3.500zM9.3 3h3.200v10H9.300z" />,
  maintenance: <path class="mark-line" d="M8 2.2 13.8 8 8 13.8 2.2 8z" />,
};

const shapes: Record<MarkShape, ComponentChildren> = {
  square: <path d="M3.200 3.200h9.600v9.600H3.200z" />,
  tick: <path class="mark-line" d="m2.5 8.500 3.700 3.500L13.5 4.500" />,
};

/** `shape`: where the state's own mark would say something else ("paused" for what has ended). */
export function Mark({ state, shape }: { state: State; shape?: MarkShape | undefined }) {
  return (
    <svg class={`mark is-${state}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {shape ? shapes[shape] : marks[state]}
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="logo-back" width="32" height="32" rx="7" />
      <path class="logo-brass" d="M16 5 26 12H6zM9 13.500h2.200V26H9zM20.8 13.500H23V26h-2.200zM7 26h18v1.800H7z" />
      <path
        class="logo-bell"
        d="M16 14.500c2.3 0 3.2 1.7 3.2 3.9 0 2 .5 2.7 1.2 3.400h-8.800c.7-.7 1.2-1.4 1.2-3.4 0-2.2.9-3.9 3.2-3.900z"
      />
      <circle class="logo-bell" cx="16" cy="23.6" r="1.3" />
    </svg>
  );
}
