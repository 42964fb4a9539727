import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createStateView(context) {
  return { element: element('div.state', {}, element('h2', {}, 'State')), show() {}, hide() {} };
}
