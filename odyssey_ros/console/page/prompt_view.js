import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show?: () => void, hide?: () => void}}
 */
export function createPrompt(context) {
  return { element: element('section.prompt', { 'aria-label': 'Prompt' }) };
}
