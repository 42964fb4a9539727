// The figures below the picture: the prompt in force, frame rate, age, drops and encoding.

import { element, replaceContent } from './dom.js';
import { ageText, sourceText } from './picture_words.js';

/**
 * @typedef {{prompt: string, rate: number, age: number, size: string, dropped: number | undefined,
 *   droppedHere: number, codec: string, reason: string}} Figures
 *   rate: in Hz, NaN if unknown; age: in ms, NaN if unknown; dropped: by the node, undefined if it does not count;
 *   droppedHere: by this page, because it was too slow
 */

/**
 * Return the display.
 * @returns {{element: HTMLElement, update: (figures: Figures) => void}}
 */
export function createHud() {
  const prompt = element('dd.picture-prompt', { dir: 'auto' });
  let shownPrompt = '';
  const rate = element('dd.picture-figure');
  const age = element('dd.picture-figure');
  const dropped = element('dd');
  const source = element('dd');
  return {
    element: element(
      'dl.picture-hud', {},
      item('Prompt', prompt, 'picture-hud-wide'),
      item('Rate', rate),
      item('Age', age, '', 'Time from the stamp of the picture to its display'),
      item('Dropped', dropped, '', 'By the node, and by this page because it was too slow'),
      item('Encoding', source, 'picture-hud-source'),
    ),
    update(figures) {
      if (prompt.textContent === '' || figures.prompt !== shownPrompt) prompt.scrollTop = 0;
      shownPrompt = figures.prompt;
      replaceContent(prompt, figures.prompt || 'none');
      prompt.classList.toggle('picture-none', figures.prompt === '');
      prompt.tabIndex = prompt.scrollHeight > prompt.clientHeight ? 0 : -1; // the keyboard scrolls a long prompt
      replaceContent(rate, Number.isNaN(figures.rate) ? '–' : `${figures.rate.toFixed(1)} Hz`);
      replaceContent(age, ageText(figures.age));
      replaceContent(dropped, droppedText(figures.dropped, figures.droppedHere));
      replaceContent(source, sourceText(figures.codec, figures.reason) + (figures.size && ` · ${figures.size}`));
    },
  };
}

/**
 * Return how many pictures were dropped, and where.
 * @param {number | undefined} byNode - undefined if the node does not count
 * @param {number} here
 */
function droppedText(byNode, here) {
  return `${byNode === undefined ? '' : `node ${byNode}, `}this page ${here}`;
}

/**
 * @param {string} name
 * @param {HTMLElement} value
 * @param {string} [className]
 * @param {string} [title]
 */
function item(name, value, className = '', title = '') {
  return element('div', { className, title }, element('dt', {}, name), value);
}
