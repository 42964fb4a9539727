// The banner of a lost connection to the console: why it was lost, and when the page tries again.

import { nextTryText } from './connection_words.js';
import { element, replaceContent } from './dom.js';

const UPDATE_MS = 250;

/**
 * Return the banner. It takes no space while the page is connected. The seconds are in a timer, which screen readers
 * do not read out by themselves.
 * @param {import('./main.js').Context} context
 * @param {() => void} retry - called when the operator wants to try again at once
 * @returns {HTMLElement}
 */
export function createConnectionBanner({ store }, retry) {
  const text = element('p', { role: 'status' });
  const timer = element('span.number', { role: 'timer' });
  const now = element('button', { type: 'button', onclick: retry }, 'Try now');
  const reload = element('button', { type: 'button', onclick: () => location.reload() }, 'Load the page again');
  const rest = element('div.row', { hidden: true }, timer, now, reload);
  let interval = 0;

  /** @param {import('./state_socket.js').Connection} connection */
  function show({ loss, retryAt }) {
    clearInterval(interval);
    document.body.classList.toggle('offline', loss !== null);
    if (loss === null && rest.contains(document.activeElement)) document.getElementById('view')?.focus();
    replaceContent(text, loss?.text ?? '');
    rest.hidden = loss === null;
    if (loss === null) return;
    reload.hidden = !loss.isOutdated;
    now.setAttribute('aria-disabled', String(retryAt === null));
    const count = () => replaceContent(timer, nextTryText(retryAt === null ? 0 : retryAt - performance.now()));
    count();
    interval = setInterval(count, UPDATE_MS);
  }

  store.observe('connection', show);
  return element('div.connection', {}, text, rest);
}
