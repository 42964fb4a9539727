import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createSimulationsView(context) {
  return { element: element('div.simulations', {}, element('h2', {}, 'Simulations')), show() {}, hide() {} };
}
