// A short state: a word with a colour.

import { element, replaceContent } from './dom.js';

/**
 * Return a badge. `update` shows a word; null hides the badge.
 * @returns {{element: HTMLElement, update: (word: import('./state_words.js').Word | null) => void}}
 */
export function createBadge() {
  const badge = element('span.badge', { hidden: true });
  return {
    element: badge,
    update(word) {
      badge.hidden = word === null;
      if (word === null) return;
      badge.dataset.level = word.level;
      replaceContent(badge, word.text);
    },
  };
}
