import { element } from './dom.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createRecordingsView(context) {
  return { element: element('div.recordings', {}, element('h2', {}, 'Recordings')), show() {}, hide() {} };
}
