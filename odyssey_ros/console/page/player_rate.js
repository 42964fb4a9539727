// The speed of a player, which is its parameter `rate`.

import { element } from './dom.js';
import { rateText } from './state_playback.js';

const RATES = [0.1, 0.25, 0.5, 1, 2, 4, 8];

/**
 * Return the choice of the speed.
 * @param {(rate: number) => void} choose - called with the chosen speed
 * @returns {{element: HTMLElement, update: (rate: number, canChange: boolean) => void}}
 */
export function createPlayerRate(choose) {
  let current = ''; // what the player reports
  const select = /** @type {HTMLSelectElement} */ (element('select', {
    onchange: () => {
      const chosen = Number(select.value);
      select.value = current; // until the player reports the change, which it may refuse
      choose(chosen);
    },
  }));
  const label = element('label.row.player-rate', {}, element('span', {}, 'Speed'), select);
  let shown = '';

  return {
    element: label,
    /** Show the speed. A player that waits for its subscribers (0) keeps this until it is configured again. */
    update(rate, canChange) {
      select.disabled = !canChange || rate === 0;
      const offered = RATES.includes(rate) ? RATES : [...RATES, rate].sort((one, other) => one - other);
      if (shown !== offered.join()) {
        shown = offered.join();
        select.replaceChildren(...offered.map((one) => element('option', { value: String(one) }, rateText(one))));
      }
      current = String(rate);
      select.value = current;
    },
  };
}
