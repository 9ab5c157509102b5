// Every text at once: what the UI tests look words up in. The page itself loads the greater part with the views that need it.
import './more';

export { translate } from './index';
