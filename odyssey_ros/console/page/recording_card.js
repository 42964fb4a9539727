// A recording in the list: thumbnail, start, duration and size.

import { address } from './api.js';
import { element } from './dom.js';
import { extentText, startText } from './recording_texts.js';

/**
 * Return the card of a recording, which links to its player.
 * @param {import('./recording_texts.js').Recording} recording
 * @param {string} node
 * @param {(url: string) => void} onPictureError - called with the address of a thumbnail that cannot be shown
 * @returns {HTMLElement}
 */
export function recordingCard(recording, node, onPictureError) {
  const { stream_id: id, ended_at: endedAt, started_at: startedAt } = recording;
  const isRunning = endedAt === null;
  return element(
    'li', { data: { stream: id } },
    element(
      'a.card.recording-card', { href: `#recordings/${encodeURIComponent(id)}` },
      isRunning ? placeholder('Recording …') : thumbnail(id, node, onPictureError),
      element(
        'span.recording-texts', {},
        element('time.recording-start', { dateTime: isoText(startedAt) }, startText(startedAt)),
        element('span.quiet-text.number', {}, extentText(recording)),
        isRunning ? element('span.badge', { data: { level: 'info' } }, 'Running') : null,
      ),
    ),
  );
}

/**
 * @param {string} id
 * @param {string} node
 * @param {(url: string) => void} onPictureError
 */
function thumbnail(id, node, onPictureError) {
  const url = address(`/media/recordings/${encodeURIComponent(id)}/thumbnail`, { node });
  const picture = element('img', {
    alt: '', loading: 'lazy', decoding: 'async', src: url,
    onerror: () => {
      frame.replaceWith(placeholder('No thumbnail'));
      onPictureError(url);
    },
  });
  const frame = element('span.recording-picture', {}, picture);
  return frame;
}

/** @param {string} text */
function placeholder(text) {
  return element('span.recording-picture', {}, element('span', {}, text));
}

/** @param {number | null} seconds */
function isoText(seconds) {
  return seconds === null ? undefined : new Date(seconds * 1000).toISOString();
}
