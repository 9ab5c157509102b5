// Runs before the style sheet paints: puts the chosen theme and language on <html>, so that a
// dark page never flashes white. A file of its own because the content policy forbids inline script.
import { readPreference } from './lib/prefs';

const root = document.documentElement;
const theme = readPreference('theme');
if (theme === 'light' || theme === 'dark') root.dataset['theme'] = theme;
const lang = readPreference('lang') ?? navigator.language;
root.lang = lang.startsWith('zh') ? 'zh-CN' : 'en';
