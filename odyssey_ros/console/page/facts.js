// A list of names and values that is changed in place, so that a selected text stays selected.

import { element, replaceContent } from './dom.js';

/**
 * Return a list of facts. `update` takes the values in the order of the names; a row with null is hidden.
 * @param {readonly string[]} names
 * @returns {{element: HTMLElement, update: (values: readonly (string | null)[]) => void}}
 */
export function createFacts(names) {
  const rows = names.map((name) => ({ name: element('dt', {}, name), value: element('dd', {}, '–') }));
  return {
    element: element('dl.facts', {}, ...rows.flatMap(({ name, value }) => [name, value])),
    update(values) {
      rows.forEach(({ name, value }, index) => {
        name.hidden = value.hidden = values[index] === null;
        replaceContent(value, values[index] || '–');
      });
    },
  };
}
