// The words and the levels of states. Without DOM. A level is a word of the style sheet: ok, info, warn, error, stale.

/** @typedef {{text: string, level: string}} Word */

/** By `connection` of a status. */
const CONNECTIONS = [
  { text: 'Disconnected', level: 'stale' },
  { text: 'Authenticating', level: 'info' },
  { text: 'Connecting', level: 'info' },
  { text: 'Connected', level: 'ok' },
  { text: 'Reconnecting', level: 'warn' },
  { text: 'Failed', level: 'error' },
];

export const CONNECTED = 3;

/** By `state` of a playback. */
const PLAYBACKS = [
  { text: 'Unconfigured', level: 'stale' },
  { text: 'Inactive', level: 'stale' },
  { text: 'Fetching', level: 'info' },
  { text: 'Waiting for subscribers', level: 'warn' },
  { text: 'Playing', level: 'ok' },
  { text: 'Paused', level: 'info' },
  { text: 'Episode complete', level: 'ok' },
  { text: 'Episode failed', level: 'error' },
  { text: 'Finished', level: 'info' },
  { text: 'Failed', level: 'error' },
];

export const PLAYING = 4;
export const PAUSED = 5;
export const FINISHED = 8;
export const FAILED = 9;

const LIFECYCLES = /** @type {Record<string, Word>} */ ({
  unconfigured: { text: 'Unconfigured', level: 'warn' },
  inactive: { text: 'Inactive', level: 'warn' },
  active: { text: 'Active', level: 'ok' },
  finalized: { text: 'Shut down', level: 'error' },
});

/** The levels of diagnostics, the worst one last. */
const LEVELS = ['ok', 'stale', 'warn', 'error'];

export const LEVEL_WORDS = /** @type {Record<string, {icon: string, text: string}>} */ ({
  ok: { icon: '✓', text: 'OK' },
  stale: { icon: '?', text: 'Stale' },
  warn: { icon: '!', text: 'Warning' },
  error: { icon: '✕', text: 'Error' },
});

/** The transitions of the lifecycle, in the order of their buttons. */
export const TRANSITIONS = /** @type {Record<string, string>} */ ({
  configure: 'Configure',
  activate: 'Activate',
  deactivate: 'Deactivate',
  cleanup: 'Clean up',
  shutdown: 'Shut down',
});

/** @param {any} status */
export function connectionWord(status) {
  return CONNECTIONS[status.connection] ?? { text: status.connection_text || 'Unknown', level: 'stale' };
}

/** @param {any} playback */
export function playbackWord(playback) {
  return PLAYBACKS[playback.state] ?? { text: playback.state_text || 'Unknown', level: 'stale' };
}

/**
 * Return the word of a state of the lifecycle; one in which a transition is running has its own name.
 * @param {string} state
 */
export function lifecycleWord(state) {
  return LIFECYCLES[state] ?? { text: state ? `${state[0].toUpperCase()}${state.slice(1)} …` : 'Unknown', level: 'info' };
}

/**
 * Return the transition that leads to an active node, or an empty text.
 * @param {{state: string, transitions: readonly string[]}} lifecycle
 */
export function nextTransition({ state, transitions }) {
  const next = { unconfigured: 'configure', inactive: 'activate' }[state] ?? '';
  return transitions.includes(next) ? next : '';
}

/**
 * Return the diagnostics with the worst level, or undefined without any.
 * @param {readonly {level: string}[]} diagnostics
 * @returns {any}
 */
export function worstOf(diagnostics) {
  const rank = (/** @type {{level: string}} */ one) => LEVELS.indexOf(one.level);
  return diagnostics.reduce((worst, one) => (worst === undefined || rank(one) > rank(worst) ? one : worst), undefined);
}
