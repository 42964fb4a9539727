// Times and numbers as texts. Without DOM.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23',
});
const DAY = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });

/**
 * Return a time of day in the browser's time zone, with milliseconds; with the day if it is not today's.
 * @param {number} seconds - since 1970
 * @param {Date} [now]
 */
export function clockText(seconds, now = new Date()) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return '–';
  const isToday = date.toDateString() === now.toDateString();
  return isToday ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

/**
 * Return a media time as `1:05.3` or `1:00:05.3`; an en dash when it is unknown.
 * @param {number | null | undefined} seconds
 */
export function mediaText(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const tenths = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const whole = Math.floor(tenths / 10);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = `${two(whole % 60)}.${tenths % 10}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/**
 * Return a count with separators; an en dash when it is unknown (negative).
 * @param {number | null | undefined} count
 */
export function countText(count) {
  return count === null || count === undefined || count < 0 ? '–' : count.toLocaleString();
}
