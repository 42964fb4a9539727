// The button to log out. A console without a token has no login, and no button.

import { element } from './dom.js';
import { forgetTexts } from './kept_texts.js';

/**
 * Return a button that is shown once the server has said that people log in.
 * @param {import('./main.js').Context} context
 */
export function createLogout({ store, api, notice }) {
  const button = element('button.quiet', { type: 'button', hidden: true, onclick: logOut }, 'Log out');

  async function logOut() {
    try {
      await api.post('/api/logout', {});
      forgetTexts();
      location.assign('/login');
    } catch (failure) {
      notice.show('logout', /** @type {Error} */ (failure).message, 'error');
    }
  }

  store.observe('session', (session) => {
    button.hidden = !session.login;
  });
  return button;
}
