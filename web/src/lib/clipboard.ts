// Copies text. Over plain http (but for localhost) browsers have no clipboard API; the old way works there.
function copyByHand(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.setAttribute('readonly', '');
  area.className = 'hidden';
  document.body.append(area);
  const before = document.activeElement as HTMLElement | null;
  area.select();
  let done = false;
  try {
    done = document.execCommand('copy');
  } catch {
    // refused: the caller says so
  }
  area.remove();
  before?.focus({ preventScroll: true });
  return done;
}

export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // no permission: try by hand
  }
  return copyByHand(text);
}
