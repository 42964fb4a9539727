// Starts the page: the store, the sockets, the views and the keyboard.

import { Api } from './api.js';
import { createChooser } from './chooser.js';
import { watchFreshness } from './freshness.js';
import { createConnectionBanner } from './connection_banner.js';
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
    await openSession();
    return api.token;
  },
  (message) => applyMessage(store, message),
  (connection) => {
    store.set('connection', connection);
    store.set('connected', connection.loss === null);
  },
);

async function openSession() {
  const before = store.get('session')?.version;
  const session = await api.open();
  store.set('session', session);
  if (before !== undefined && before !== session.version) {
    notice.show('version', `The console has been updated to ${session.version}: load the page again.`, 'warn');
  }
}

/**
 * What the parts of the page share.
 * @typedef {{store: Store, api: Api, shortcuts: Shortcuts, notice: import('./notice.js').Notice}} Context
 */
const context = { store, api, shortcuts, notice };

addPromptShortcuts(shortcuts);
store.observe('connected', (connected) => {
  if (!connected) return;
  for (const value of OF_NODE) store.set(value, undefined); // the server sends what it knows, perhaps a new one
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) socket.retry(); // timers of a hidden page are late
});
document.getElementById('connection')?.append(createConnectionBanner(context, () => socket.retry()));
store.observe('node', (node) => socket.watch(node ?? ''));
document.getElementById('chooser')?.append(createChooser(context));
createTabs(context, document.getElementById('tabs'), document.getElementById('view'));
document.getElementById('tools')?.append(createHelp(shortcuts), createLogout(context));
createSkipLink(document.querySelector('.skip'), document.getElementById('view'));
watchFreshness(context);
socket.open();
