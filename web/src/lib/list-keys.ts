// j, k and the arrows walk over the rows of a long list that exist; the list scrolls and makes more.
import { useEffect } from 'preact/hooks';

function moveFocus(event: KeyboardEvent, selector: string): void {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  const inField = event.target instanceof HTMLElement && event.target.matches('input:not([type=checkbox]), select, textarea');
  if (!step || event.ctrlKey || event.metaKey || event.altKey || (inField && event.key !== 'ArrowDown')) return;
  if (event.target instanceof HTMLSelectElement) return;
  if (event.target instanceof HTMLElement && event.target.closest('.log')) return; // it scrolls itself
  const rows = [...document.querySelectorAll<HTMLElement>(selector)];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at < 0 ? 0 : at + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}

/** `selector`: what of each row takes the focus. */
export function useListKeys(selector: string): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => moveFocus(event, selector);
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [selector]);
}
