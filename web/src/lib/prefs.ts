// What a person chose on this browser (theme, language, folded groups). Storage may be forbidden
// (private windows, policies); then a choice lasts as long as the page is open.
const memory = new Map<string, string>();

export type PreferenceKey = 'theme' | 'lang' | 'folded' | 'layout' | 'log';

export function readPreference(key: PreferenceKey): string | null {
  try {
    return localStorage.getItem(`belfry.${key}`) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

export function writePreference(key: PreferenceKey, value: string): void {
  memory.set(key, value);
  try {
    localStorage.setItem(`belfry.${key}`, value);
  } catch {
    // kept in memory
  }
}
