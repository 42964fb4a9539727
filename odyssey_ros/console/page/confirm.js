// Asks before something that cannot be taken back.

import { element } from './dom.js';

/**
 * Ask in a dialog; Escape and Cancel answer no.
 * @param {{title: string, text: string, action: string}} question - `action` is the text of the button
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action }) {
  const heading = element('h2', { id: 'confirm-title' }, title);
  const dialog = /** @type {HTMLDialogElement} */ (element(
    'dialog.stack', { 'aria-labelledby': heading.id }, heading, element('p', {}, text),
    element(
      'div.row', {},
      element('button.danger', { type: 'button', onclick: () => dialog.close('yes') }, action),
      element('button', { type: 'button', autofocus: true, onclick: () => dialog.close('no') }, 'Cancel'),
    ),
  ));
  const leave = () => dialog.close('no'); // another view, or another node
  addEventListener('hashchange', leave);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      removeEventListener('hashchange', leave);
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.showModal();
  });
}
