// Starts the page.
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css'; // here, because a chunk's own style sheet is not loaded with it
import { App } from './app';
import './css/tokens.css';
import './css/base.css';
import './css/parts.css';
import './css/views.css';
import './css/forms.css';
import './css/explore.css';
import './css/programs.css'; // here too, though its views load later
import './css/pages.css';
import './css/print.css';
import { follow } from './store';

const root = document.getElementById('app');
if (root) {
  root.textContent = '';
  render(<App />, root);
  follow();
}
