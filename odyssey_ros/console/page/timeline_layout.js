// Where the prompts are on a time line: without DOM, so that each rule can be tested by itself.

/**
 * A prompt and the time from which it is in force, in seconds since the start.
 * @typedef {{position: number, prompt: string}} TimedPrompt
 */

/**
 * A mark on the time line: one prompt, or several that are too close for marks of their own.
 * @typedef {{index: number, count: number, position: number, start: number, end: number}} Mark - `index` is the
 *   first prompt; `start` and `end` are where its time begins and the next mark's begins, as fractions of the line
 */

/** The smallest distance of marks in pixels: each is a target of 24 pixels. */
const MARK_DISTANCE = 24;

/**
 * Return the marks of prompts, in order of time. A prompt that is less than `MARK_DISTANCE` after the first one of
 * a mark belongs to that mark, so there are never more marks than fit on the line.
 * @param {readonly TimedPrompt[]} prompts - in order of time
 * @param {number} duration - in seconds
 * @param {number} width - of the line, in pixels
 * @returns {Mark[]}
 */
export function layoutMarks(prompts, duration, width) {
  if (!(duration > 0) || !(width > 0)) return [];
  /** @type {Mark[]} */
  const marks = [];
  prompts.forEach(({ position }, index) => {
    const start = Math.min(1, Math.max(0, position / duration));
    const last = marks.at(-1);
    if (last !== undefined && (start - last.start) * width < MARK_DISTANCE) {
      last.count += 1;
      return;
    }
    if (last !== undefined) last.end = start;
    marks.push({ index, count: 1, position: Math.min(duration, Math.max(0, position)), start, end: 1 });
  });
  return marks;
}

/** A player rounds the position to which it seeks, so it may be slightly before the prompt. */
const ROUNDING_S = 0.001;

/**
 * Return the index of the prompt in force at a position; -1 when there is none. Before the first prompt, the first
 * one is in force, as for the frames of a dataset.
 * @param {readonly TimedPrompt[]} prompts - in order of time
 * @param {number} position - in seconds
 */
export function promptAt(prompts, position) {
  let low = 0;
  let high = prompts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (prompts[middle].position <= position + ROUNDING_S) low = middle + 1;
    else high = middle;
  }
  return prompts.length === 0 ? -1 : Math.max(0, low - 1);
}

/**
 * Return a time as text: `1:05`, `1:00:05`; an en dash when it is unknown.
 * @param {number | null | undefined} seconds
 */
export function timeText(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
