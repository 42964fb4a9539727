// Why a connection to the console was lost, and what to do about it: pure, without DOM.

/** The codes with which the console closes a socket. */
const STOPPED = 1001;
const REFUSED = 1008;
const TOO_MANY = 1013;

const LOST = 'The connection to the console is lost: check that its process is running.';

/**
 * A lost connection.
 * @typedef {object} Loss
 * @property {string} text - why it was lost, and what to do
 * @property {boolean} isOutdated - whether the page has to be loaded again, or has to get another token
 * @property {boolean} isLasting - whether trying again at once is of no use
 */

/**
 * Return why a socket was closed.
 * @param {{code: number, reason: string}} closing - the event, or what it has
 * @returns {Loss}
 */
export function lossOf({ code, reason }) {
  if (code === TOO_MANY) return { text: sentence(reason), isOutdated: false, isLasting: true };
  if (code === REFUSED) return { text: sentence(reason), isOutdated: true, isLasting: false };
  const text = code === STOPPED ? 'The console has been stopped: start it again.' : LOST;
  return { text, isOutdated: false, isLasting: false };
}

/**
 * Return why a request failed that precedes the connection.
 * @param {{code?: string, message: string}} error
 * @param {Loss | null} before - the loss before it, whose reason counts while the console does not answer
 * @returns {Loss}
 */
export function lossOfRequest({ code, message }, before) {
  if (code === 'UNREACHABLE') return before ?? { text: LOST, isOutdated: false, isLasting: false };
  return { text: sentence(message), isOutdated: false, isLasting: false };
}

/**
 * Return when the next try is, in words.
 * @param {number} wait - in ms
 */
export function nextTryText(wait) {
  return wait <= 0 ? 'Trying again now' : `Trying again in ${Math.ceil(wait / 1000)} s`;
}

/** @param {string} text */
function sentence(text) {
  if (text === '') return LOST;
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
