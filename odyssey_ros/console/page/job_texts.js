// Texts about simulation jobs. Without DOM, so that they can be tested by themselves.

import { counted } from './script_texts.js';

export const STATES = ['pending', 'dispatched', 'processing', 'completed', 'failed', 'cancelled'];
const CANCELLABLE = ['pending', 'dispatched'];
const ENDED = ['completed', 'failed', 'cancelled'];

/** @typedef {{job_id: string, status: string, created_at: number | null, error_message: string}} Job */

/**
 * Return whether a job has ended.
 * @param {{status: string}} job
 */
export function hasEnded(job) {
  return ENDED.includes(job.status);
}

/**
 * Return whether the service can cancel a job in this state.
 * @param {{status: string}} job
 */
export function isCancellable({ status }) {
  return CANCELLABLE.includes(status);
}

/**
 * Return the level of the badge of a state.
 * @param {string} status
 */
export function levelOf(status) {
  return /** @type {Record<string, string>} */ ({
    completed: 'ok', failed: 'error', cancelled: 'stale', processing: 'info',
  })[status] ?? 'warn';
}

/**
 * Return what a state means.
 * @param {string} status
 */
export function meaningOf(status) {
  return /** @type {Record<string, string>} */ ({
    pending: 'The job waits for a worker.',
    dispatched: 'A worker has taken the job, and prepares it.',
    processing: 'The videos are being generated. The job cannot be cancelled any more.',
    completed: 'The videos are ready.',
    failed: 'The job failed.',
    cancelled: 'The job was cancelled.',
  })[status] ?? status;
}

/**
 * Return a time of the day, with the date if it is not today.
 * @param {number | null} seconds - since 1970
 * @param {Date} [now]
 */
export function clockText(seconds, now = new Date()) {
  if (seconds === null || seconds === undefined) return '–';
  const time = new Date(seconds * 1000);
  const clock = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  if (time.toDateString() === now.toDateString()) return clock;
  return `${time.toLocaleDateString([], { year: 'numeric', month: 'short', day: 'numeric' })}, ${clock}`;
}

/**
 * Return which jobs a page of the list has: `1 to 20 of 45 jobs`.
 * @param {number} offset
 * @param {number} count
 * @param {number} total
 */
export function pageText(offset, count, total) {
  if (count === 0) return counted(total, 'job');
  return `${offset + 1} to ${offset + count} of ${counted(Math.max(total, offset + count), 'job')}`;
}

/**
 * Return an id in a short form for lists.
 * @param {string} id
 */
export function shortId(id) {
  return id.length > 18 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}

/**
 * Return the rows of a list with newer states of some of its jobs. A job that has ended stays so.
 * @template {Job} T
 * @param {readonly T[]} rows
 * @param {readonly Job[]} newer
 * @returns {T[]}
 */
export function mergedRows(rows, newer) {
  const states = new Map(newer.map((job) => [job.job_id, job]));
  return rows.map((row) => {
    const job = states.get(row.job_id);
    if (job === undefined || STATES.indexOf(job.status) <= STATES.indexOf(row.status) || hasEnded(row)) return row;
    return { ...row, status: job.status, error_message: job.error_message };
  });
}
