// What each message of the state socket does to the store.

const MAX_EVENTS = 500;

/** The values of the store that belong to the chosen node, and are unset when another one is chosen. */
export const OF_NODE = [
  'status', 'playback', 'position', 'timeline', 'lifecycle', 'diagnostics', 'events', 'prompts', 'jobs', 'limits',
];

/**
 * Apply a message of the server to the store.
 * @param {import('./store.js').Store} store
 * @param {any} message
 */
export function applyMessage(store, message) {
  if (message.type === 'nodes') {
    store.set('nodes', message.nodes);
    return;
  }
  if (message.node !== store.get('node')) return; // of the node that was chosen before
  if (message.type === 'events') {
    const events = message.replace ? [] : (store.get('events') ?? []);
    store.set('events', [...events, ...message.events].slice(-MAX_EVENTS));
  } else if (OF_NODE.includes(message.type)) {
    store.set(message.type, message[message.type] ?? undefined); // null: not known any more
  }
}
