// Which events the log shows, and their words. Without DOM.

/**
 * An event of a node; `time` is in seconds since 1970.
 * @typedef {{id: number, time: number, kind: string, stream_id: string, prompt: string, error_code: string,
 *   message: string, fatal: boolean}} NodeEvent
 */

/** The kinds of events, with their words and levels. */
const EVENT_KINDS = /** @type {Record<string, import('./state_words.js').Word>} */ ({
  started: { text: 'Started', level: 'ok' },
  acknowledged: { text: 'Acknowledged', level: 'ok' },
  ended: { text: 'Ended', level: 'stale' },
  broadcast_ready: { text: 'Broadcast ready', level: 'info' },
  connected: { text: 'Connected', level: 'ok' },
  disconnected: { text: 'Disconnected', level: 'warn' },
  stream_error: { text: 'Stream error', level: 'error' },
  error: { text: 'Error', level: 'error' },
});

/** What the log can be limited to: a value and its title. */
export const EVENT_FILTERS = /** @type {const} */ ([
  ['all', 'All events'],
  ['errors', 'Errors'],
  ['prompts', 'Prompts'],
  ['connection', 'Connection'],
]);

const OF_FILTER = /** @type {Record<string, readonly string[]>} */ ({
  errors: ['error', 'stream_error'],
  prompts: ['started', 'acknowledged', 'ended'],
  connection: ['connected', 'disconnected', 'broadcast_ready'],
});

/**
 * Return the events of a filter, the newest first.
 * @param {readonly NodeEvent[]} events - the oldest first
 * @param {string} filter
 */
export function filteredEvents(events, filter) {
  const kinds = OF_FILTER[filter];
  return (kinds === undefined ? [...events] : events.filter((one) => kinds.includes(one.kind))).reverse();
}

/**
 * Return the last event that reports an error, or undefined. A stream that has started since then makes it old.
 * @param {readonly NodeEvent[]} events - the oldest first
 */
export function lastError(events) {
  const started = events.map(({ kind }) => kind).lastIndexOf('started');
  return filteredEvents(events.slice(started + 1), 'errors')[0];
}

/** @param {string} kind */
export function eventWord(kind) {
  return EVENT_KINDS[kind] ?? { text: kind, level: 'stale' };
}

/**
 * Return what an event says, without its code.
 * @param {NodeEvent} event
 */
export function eventText(event) {
  const said = [event.prompt, event.message].filter((text) => text !== '').join(' – ');
  return event.fatal ? `${said || 'Error'} (the node gave up: configure and activate it again)` : said;
}
