import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show?: () => void, hide?: () => void}}
 */
export function createPlayer(context) {
  return { element: element('section.player', { 'aria-label': 'Player' }) };
}
