// Texts about recordings: without DOM, so that each rule can be tested by itself.

import { timeText } from './timeline_layout.js';

/**
 * A row of the list, as `/api/recordings` has it. Times are in seconds since the epoch, null when unknown.
 * @typedef {{stream_id: string, width: number | null, height: number | null, started_at: number | null,
 *   ended_at: number | null, duration: number | null}} Recording
 */

/**
 * Return the start of a recording in local time.
 * @param {number | null} seconds - since the epoch
 * @param {{locale?: string, timeZone?: string}} [options] - for tests; those of the browser otherwise
 */
export function startText(seconds, { locale, timeZone } = {}) {
  if (seconds === null) return 'Start unknown';
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone }).format(seconds * 1000);
}

/**
 * Return the duration and the size of a recording.
 * @param {Recording} recording
 */
export function extentText({ width, height, duration, ended_at: endedAt }) {
  const size = width && height ? `${width} × ${height}` : 'size unknown';
  if (endedAt === null) return size;
  return `${duration === null ? 'duration unknown' : timeText(duration)} · ${size}`;
}

/**
 * Return which rows a page has, and how many there are.
 * @param {number} offset
 * @param {number} count
 * @param {number} total
 */
export function rangeText(offset, count, total) {
  if (total === 0) return 'No recordings';
  if (count === 0) return `None of ${total}`;
  return `${offset + 1}–${offset + count} of ${total}`;
}

/**
 * Return what to do about an error of the recordings; empty when its message says enough.
 * @param {string} code
 */
export function adviceText(code) {
  const advice = /** @type {Record<string, string>} */ ({
    NO_API_KEY: 'Recordings belong to an account: start the bridge with an API key, then refresh the list.',
    INVALID_API_KEY: 'Check the API key of the bridge.',
    UNCONFIGURED: 'Configure and activate the bridge in the State view, then refresh the list.',
    NOT_ACTIVE: 'Activate the bridge in the State view, then refresh the list.',
  });
  return advice[code] ?? '';
}

/**
 * Return what was lost or guessed in the events log of a recording.
 * @param {{count: number, text: string}} loss
 */
export function lossText({ count, text }) {
  return count > 1 ? `${count} times: ${text}` : text;
}
