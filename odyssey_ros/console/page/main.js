// Starts the page: the store, the sockets, the views and the keyboard.

import { Api } from './api.js';
import { createChooser } from './chooser.js';
import { watchFreshness } from './freshness.js';
import { createHelp } from './help.js';
import { createLogout } from './logout.js';
import { OF_NODE, applyMessage } from './messages.js';
import { addPromptShortcuts } from './prompt_shortcuts.js';
import { Shortcuts } from './shortcuts.js';
import { StateSocket } from './state_socket.js';
import { Store } from './store.js';
import { createSkipLink, createTabs } from './tabs.js';
import { createNotice } from './notice.js';

const store = new Store();
const api = new Api();
const shortcuts = new Shortcuts(document);
const notice = createNotice(document.getElementById('notice'));

const socket = new StateSocket(
  async () => {
    store.set('session', await api.open());
    return api.token;
  },
  (message) => applyMessage(store, message),
  (connected) => store.set('connected', connected),
);

/**
 * What the parts of the page share.
 * @typedef {{store: Store, api: Api, shortcuts: Shortcuts, notice: import('./notice.js').Notice}} Context
 */
const context = { store, api, shortcuts, notice };

addPromptShortcuts(shortcuts);
store.observe('connected', (connected) => {
  if (connected) {
    notice.clear('connection');
    for (const value of OF_NODE) store.set(value, undefined); // the server sends what it knows, perhaps a new one
  } else notice.show('connection', 'The connection to the console is lost. Trying again …', 'warn');
});
store.observe('node', (node) => socket.watch(node ?? ''));
document.getElementById('chooser')?.append(createChooser(context));
createTabs(context, document.getElementById('tabs'), document.getElementById('view'));
document.getElementById('tools')?.append(createHelp(shortcuts), createLogout(context));
createSkipLink(document.querySelector('.skip'), document.getElementById('view'));
watchFreshness(context);
socket.open();
