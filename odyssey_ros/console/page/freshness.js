// Tells when the chosen node stops to report: bridges and spectators publish their state once a second.

import { clockText } from './job_texts.js';

const CHECK_MS = 1000;

/** The time without a state after which a notice is shown, in ms. A busy network delays a few messages. */
const SILENT_MS = 5000;

/**
 * Show a notice while the chosen node is on the graph, but its state does not arrive any more.
 * @param {import('./main.js').Context} context
 */
export function watchFreshness({ store, notice }) {
  let last = performance.now();
  let lastTime = Date.now() / 1000; // for people
  store.observe('status', () => {
    last = performance.now();
    lastTime = Date.now() / 1000;
  });
  setInterval(() => {
    const silence = performance.now() - last;
    const isSilent = store.get('connected') && store.get('entry') !== undefined && store.get('status') !== undefined
      && silence > SILENT_MS;
    document.body.classList.toggle('silent', isSilent);
    if (isSilent) {
      notice.show(
        'silent',
        `No state has come from ${store.get('node')} since ${clockText(lastTime)}: what is shown is old. `
          + 'Its process may have ended.',
        'warn',
      );
    } else notice.clear('silent');
  }, CHECK_MS);
}
