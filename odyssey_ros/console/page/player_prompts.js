// The prompts of the open episode as a list: each one seeks to the first frame that shows it.

import { element } from './dom.js';
import { promptAt } from './timeline_layout.js';
import { mediaText } from './time_text.js';

/**
 * Return the list.
 * @param {(prompt: any) => void} seek - called with the chosen prompt
 * @returns {{element: HTMLElement, update: (prompts: readonly any[], position: number) => void}}
 */
export function createPlayerPrompts(seek) {
  const list = element('ol.player-prompts');
  const details = /** @type {HTMLDetailsElement} */ (element('details', {}, element('summary', {}, 'Prompts'), list));
  /** @type {readonly any[]} */
  let shown = [];

  return {
    element: details,
    update(prompts, position) {
      if (prompts !== shown) {
        shown = prompts;
        details.hidden = prompts.length === 0;
        list.replaceChildren(...prompts.map((one) => element(
          'li', {}, element(
            'button.quiet', { type: 'button', onclick: () => seek(one) },
            element('span.number', {}, mediaText(one.position)), element('span', {}, one.prompt || '(empty prompt)'),
          ),
        )));
      }
      const current = promptAt(prompts, position);
      [...list.children].forEach((item, index) => {
        const button = item.firstElementChild;
        if (index === current) button?.setAttribute('aria-current', 'true');
        else button?.removeAttribute('aria-current');
      });
    },
  };
}
