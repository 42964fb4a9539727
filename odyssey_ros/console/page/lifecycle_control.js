// The state of the lifecycle, with buttons for the transitions that are possible in this state.

import { createBadge } from './badge.js';
import { confirmed } from './confirm.js';
import { element, replaceContent } from './dom.js';
import { TRANSITIONS, lifecycleWord, nextTransition } from './state_words.js';

const QUESTIONS = /** @type {Record<string, string>} */ ({
  deactivate: 'The running stream ends. The node stays connected, and can be activated again.',
  cleanup: 'A running stream or playback ends, and the node has to be configured and activated again.',
  shutdown: 'A running stream or playback ends, and the node cannot be configured again: its process has to be '
    + 'started again.',
});

/**
 * Return the control. `update` shows a lifecycle; undefined or null while it is unknown.
 * @param {import('./main.js').Context} context
 * @param {{all: boolean}} options - `all` offers every possible transition, else only the one towards active
 * @returns {{element: HTMLElement, update: (lifecycle: any) => void}}
 */
export function createLifecycleControl({ store, api }, { all }) {
  const badge = createBadge();
  const buttons = element('div.row');
  const running = element('p.quiet-text', { role: 'status' });
  const error = element('p.message', { role: 'alert', data: { level: 'error' } });
  let shown = '';
  let node = '';
  let pending = '';

  /** @param {string} transition */
  async function run(transition) {
    if (pending !== '') return;
    const target = store.get('node');
    const text = transition === 'deactivate' && !store.get('status')?.streaming ? '' : QUESTIONS[transition];
    const title = `${TRANSITIONS[transition]} ${target}?`;
    if (text && !await confirmed({ title, text, action: TRANSITIONS[transition] })) return;
    if (target !== store.get('node')) return;
    const isLate = () => target !== store.get('node');
    pending = transition;
    replaceContent(error, '');
    replaceContent(running, `${TRANSITIONS[transition]} …`);
    show();
    try {
      await api.post('/api/lifecycle', { node: target }, { transition });
    } catch (failure) {
      if (!isLate()) replaceContent(error, /** @type {Error} */ (failure).message);
    } finally {
      if (!isLate()) settle();
    }
  }

  function settle() {
    pending = '';
    replaceContent(running, '');
    show();
  }

  function show() {
    for (const button of buttons.querySelectorAll('button')) {
      button.setAttribute('aria-disabled', String(pending !== ''));
    }
  }

  /** @param {any} lifecycle */
  function update(lifecycle) {
    if (node !== store.get('node')) {
      node = store.get('node');
      replaceContent(error, '');
      settle();
    }
    badge.update(lifecycle ? lifecycleWord(lifecycle.state) : { text: 'Unknown', level: 'stale' });
    const next = lifecycle ? nextTransition(lifecycle) : '';
    const possible = all ? Object.keys(TRANSITIONS).filter((label) => lifecycle?.transitions.includes(label))
      : [next].filter((label) => label !== '');
    if (shown === possible.join()) return;
    shown = possible.join();
    const hadFocus = buttons.contains(document.activeElement);
    replaceContent(error, ''); // it belongs to the state before
    buttons.replaceChildren(...possible.map((label) => element(
      `button${label === next ? '.primary' : ''}${label === 'shutdown' ? '.danger' : ''}`,
      { type: 'button', onclick: () => run(label), data: { transition: label } },
      TRANSITIONS[label],
    )));
    show();
    if (hadFocus) /** @type {HTMLElement | null} */ (buttons.querySelector('button'))?.focus();
  }

  return {
    element: element(
      'div.lifecycle', {}, element('div.row', {}, badge.element, buttons), running, error,
    ),
    update,
  };
}
