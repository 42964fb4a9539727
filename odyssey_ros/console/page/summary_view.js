import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show?: () => void, hide?: () => void}}
 */
export function createSummary(context) {
  return { element: element('section.summary', { 'aria-label': 'Summary' }) };
}
