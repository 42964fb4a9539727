import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show?: () => void, hide?: () => void}}
 */
export function createPicture(context) {
  return { element: element('section.picture', { 'aria-label': 'Picture' }) };
}
