// Places in the episode of a player: the frame that is shown, the one before it, and one that a person types. No DOM.

import { PLAYING } from './state_words.js';
import { mediaText } from './time_text.js';

const FRAME = /^\d+$/;
const TIME = /^(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+) *s?$/;

/**
 * Return the number of the frame that is shown, from 1, and its media time; 0 before the first frame.
 * @param {any} playback - `playback` of the store, whose frame is the next one
 * @param {any} position - `position` of the store: the last frame while frames are being published
 * @returns {{frame: number, position: number}}
 */
export function shownPlace(playback, position) {
  const isOfEpisode = position && position.stream_id === playback.stream_id;
  if (playback.state !== PLAYING || !isOfEpisode) return { frame: playback.frame_index, position: playback.position };
  return { frame: position.frame_index + 1, position: position.position };
}

/**
 * Return the index of the frame before the one that is shown, from 0; null without one.
 * @param {any} playback
 * @param {any} position
 */
export function previousIndex(playback, position) {
  if (!playback || playback.frame_count < 0) return null;
  const index = shownPlace(playback, position).frame - 2;
  return index >= 0 ? index : null;
}

/**
 * Return the place that a person typed, as the service `seek` takes it, or why there is no such place. A whole number
 * is a frame, as it is shown; everything else a time.
 * @param {string} text
 * @param {any} playback
 * @returns {{target?: {frame_index: number} | {position: number}, problem: string}}
 */
export function typedPlace(text, playback) {
  const typed = text.trim().replace(',', '.');
  if (FRAME.test(typed)) {
    const frame = Number(typed);
    if (frame >= 1 && frame <= playback.frame_count) return { target: { frame_index: frame - 1 }, problem: '' };
    return { problem: `There is no frame ${typed}: the episode has the frames 1 to ${playback.frame_count}.` };
  }
  const parts = TIME.exec(typed);
  if (parts === null) return { problem: 'Type a time such as 1:23.4, or the number of a frame.' };
  const [hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  const position = 3600 * hours + 60 * minutes + seconds;
  if (position <= playback.duration) return { target: { position }, problem: '' };
  return { problem: `The episode ends at ${mediaText(playback.duration)}: type an earlier time.` };
}
