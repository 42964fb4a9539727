// Keeps the draft of a script in this browser.

import { SCRIPT_KEY } from './kept_texts.js';

/** @typedef {{text: string, name: string, portrait: boolean}} Draft */

/**
 * Return the kept draft; null without one.
 * @returns {Draft | null}
 */
export function keptDraft() {
  try {
    const value = JSON.parse(localStorage.getItem(SCRIPT_KEY) ?? 'null');
    if (typeof value?.text !== 'string') return null;
    const name = typeof value.name === 'string' ? value.name : '';
    return { text: value.text, name, portrait: value.portrait === true };
  } catch {
    return null;
  }
}

/**
 * Keep a draft.
 * @param {Draft} draft
 */
export function keepDraft(draft) {
  try {
    localStorage.setItem(SCRIPT_KEY, JSON.stringify(draft));
  } catch {
    // A browser without storage, or whose storage is full, forgets the draft.
  }
}
