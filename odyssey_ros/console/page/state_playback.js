// The state of a player: what it plays, where, and how often.

import { createBadge } from './badge.js';
import { element, replaceContent } from './dom.js';
import { errorWords } from './error_words.js';
import { createFacts } from './facts.js';
import { playbackWord } from './state_words.js';
import { countText, mediaText } from './time_text.js';

/** @returns {import('./state_connection.js').StatePanel} */
export function createPlaybackPanel() {
  const badge = createBadge();
  const message = element('p.message');
  const code = element('p.quiet-text');
  const facts = createFacts([
    'Episode', 'Stream', 'Script', 'Next frame', 'Position', 'Rate', 'Frames in order', 'Rounds', 'Episodes begun',
    'Complete', 'Failed',
  ]);
  return {
    element: element(
      'section.panel', { 'aria-label': 'Playback' }, element('header', {}, element('h3', {}, 'Playback'), badge.element),
      message, code, facts.element,
    ),
    update(playback) {
      badge.update(playbackWord(playback));
      message.dataset.level = playback.error_code === '' ? 'info' : 'error';
      replaceContent(message, playback.message);
      code.hidden = playback.error_code === '';
      replaceContent(code, playback.error_code === '' ? '' : `${playback.error_code} ${errorWords(playback.error_code)}`);
      const isOpen = playback.frame_count >= 0;
      facts.update([
        playback.episodes > 0 ? `${playback.episode + 1} of ${playback.episodes}` : '',
        playback.stream_id,
        playback.script_index < 0 ? null : `${playback.script_index} of the job`,
        isOpen ? `${countText(playback.frame_index)} of ${countText(playback.frame_count)}` : '',
        isOpen ? `${mediaText(playback.position)} of ${mediaText(playback.duration)}` : '',
        rateText(playback.rate),
        isOpen ? (playback.whole ? 'each once' : 'not all, after a seek') : null,
        countText(playback.rounds), countText(playback.episodes_begun), countText(playback.episodes_complete),
        countText(playback.episodes_failed),
      ]);
    },
  };
}

/** @param {number} rate */
export function rateText(rate) {
  return rate > 0 ? `${Number(rate.toPrecision(3))} ×` : 'as fast as all subscribers';
}
