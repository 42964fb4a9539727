// The connection and the stream of a bridge or spectator: states, facts and counters.

import { createBadge } from './badge.js';
import { element, replaceContent } from './dom.js';
import { errorWords } from './error_words.js';
import { createFacts } from './facts.js';
import { CONNECTED, connectionWord } from './state_words.js';
import { countText } from './time_text.js';

/** @typedef {{element: HTMLElement, update: (status: any) => void}} StatePanel */

/** @returns {StatePanel} */
export function createConnectionPanel() {
  const badge = createBadge();
  const message = element('p.message');
  const code = element('p.quiet-text');
  const facts = createFacts(['Session', 'Start from a picture', 'Reconnects']);
  return {
    element: element(
      'section.panel', { 'aria-label': 'Connection' }, element('header', {}, element('h3', {}, 'Connection'), badge.element),
      message, code, facts.element,
    ),
    update(status) {
      badge.update(connectionWord(status));
      const isOver = status.error_code !== '' && status.connection === CONNECTED;
      message.dataset.level = isOver ? 'stale' : status.error_code === '' ? 'info' : 'error';
      replaceContent(message, isOver ? `The last failure: ${status.message}` : status.message);
      replaceContent(code, status.error_code === '' ? '' : `${status.error_code} ${errorWords(status.error_code)}`);
      code.hidden = status.error_code === '';
      facts.update([
        status.session_id, status.capabilities.image_to_video ? 'possible' : 'not possible', countText(status.reconnects),
      ]);
    },
  };
}

/** @returns {StatePanel} */
export function createStreamPanel() {
  const badge = createBadge();
  const facts = createFacts(['Prompt', 'Stream', 'Picture', 'Rate', 'Acknowledged prompts']);
  const counters = createFacts(['Received', 'Passed through', 'Decoded', 'Published', 'Dropped']);
  return {
    element: element(
      'section.panel', { 'aria-label': 'Stream' }, element('header', {}, element('h3', {}, 'Stream'), badge.element),
      facts.element, element('h4', {}, 'Frames since the node was configured'), counters.element,
    ),
    update(status) {
      badge.update(streamWord(status));
      facts.update([
        status.prompt, status.stream_id, status.width > 0 ? `${status.width} × ${status.height}` : '',
        status.streaming ? `${status.frame_rate.toFixed(1)} Hz` : '', countText(status.prompts_acknowledged),
      ]);
      counters.update([
        status.frames_received, status.frames_passed_through, status.frames_decoded, status.frames_published,
        status.frames_dropped,
      ].map(countText));
    },
  };
}

/** @param {any} status */
export function streamWord(status) {
  return status.streaming ? { text: 'Streaming', level: 'ok' } : { text: 'No stream', level: 'stale' };
}
