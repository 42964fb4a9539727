// Notices above the view, such as that of a node that reports nothing. Errors of a form are shown beside the form instead.

import { element } from './dom.js';

/** @typedef {{show: (key: string, text: string, level?: string) => void, clear: (key: string) => void}} Notice */

/**
 * Return the notices that an element shows.
 * @param {HTMLElement} parent
 * @returns {Notice}
 */
export function createNotice(parent) {
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  const clear = (/** @type {string} */ key) => {
    shown.get(key)?.remove();
    shown.delete(key);
  };
  return {
    clear,
    show(key, text, level = 'info') {
      const present = shown.get(key);
      if (present?.textContent === text && present.dataset.level === level) return; // it would be read out again
      clear(key);
      const made = element('p.notice', { data: { level } }, text);
      shown.set(key, made);
      parent.append(made);
    },
  };
}
