// The dialog with the list of shortcuts and the appearance of the page, and the button that opens it.

import { element } from './dom.js';
import { THEMES, chooseTheme, chosenTheme } from './theme.js';

const KEY_NAMES = /** @type {Record<string, string>} */ ({
  ' ': 'Space', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc',
});

/**
 * Return the button that opens the dialog. The key `?` opens it, too.
 * @param {import('./shortcuts.js').Shortcuts} shortcuts
 * @returns {HTMLElement}
 */
export function createHelp(shortcuts) {
  const list = element('dl.shortcuts');
  const enabled = /** @type {HTMLInputElement} */ (element('input', {
    type: 'checkbox',
    onchange: () => {
      shortcuts.enabled = enabled.checked;
    },
  }));
  const close = element('button', { type: 'button', onclick: () => dialog.close() }, 'Close');
  const dialog = /** @type {HTMLDialogElement} */ (element(
    'dialog', { 'aria-labelledby': 'help-title' },
    element('header', {}, element('h2', { id: 'help-title' }, 'Keyboard and appearance'), close),
    element('div.help', {}, list, element('label.choice', {}, enabled, 'Use these keys'), appearance()),
  ));
  document.body.append(dialog);

  function open() {
    if (dialog.open) return;
    enabled.checked = shortcuts.enabled;
    list.replaceChildren(...shortcuts.all.flatMap(({ key, label }) => [
      element('dt', {}, element('kbd', {}, KEY_NAMES[key] ?? key)), element('dd', {}, label),
    ]));
    dialog.showModal();
  }

  shortcuts.add('?', 'Show this list', open);
  const label = 'Keyboard and appearance';
  return element('button.icon', { type: 'button', 'aria-label': label, title: label, onclick: open }, '?');
}

function appearance() {
  const current = chosenTheme();
  const choices = THEMES.map(([value, title]) => element('label.choice', {}, element('input', {
    type: 'radio', name: 'theme', value, checked: value === current, onchange: () => chooseTheme(value),
  }), title));
  return element('fieldset', {}, element('legend', {}, element('h3', {}, 'Appearance')), element('div.row', {}, ...choices));
}
