// The diagnostics of a node: a level, a text and values for each part of the node.

import { element, replaceContent } from './dom.js';
import { LEVEL_WORDS } from './state_words.js';

/**
 * Return the table. `update` takes the diagnostics; rows are changed in place, so opened values stay open.
 * @returns {{element: HTMLElement, update: (diagnostics: readonly any[] | null | undefined) => void}}
 */
export function createDiagnosticsTable() {
  const list = element('ul.diagnostics');
  const empty = element('p.empty');
  /** @type {Map<string, ReturnType<typeof createRow>>} */
  const rows = new Map();

  return {
    element: element('div', {}, empty, list),
    update(diagnostics) {
      const all = diagnostics ?? [];
      empty.hidden = all.length > 0;
      replaceContent(empty, 'The node has published no diagnostics yet.');
      for (const name of rows.keys()) {
        if (all.some((one) => one.name === name)) continue;
        rows.get(name)?.element.remove();
        rows.delete(name);
      }
      all.forEach((one, index) => {
        const row = rows.get(one.name) ?? createRow(one.name);
        rows.set(one.name, row);
        row.update(one);
        if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
      });
    },
  };
}

/** @param {string} name */
function createRow(name) {
  const icon = element('span', { 'aria-hidden': 'true' });
  const word = element('span');
  const level = element('span.badge.level', {}, icon, word);
  const message = element('span.diagnostic-message');
  const values = element('dl.facts.mono');
  const details = element(
    'details', {}, element('summary', {}, level, element('span.diagnostic-name', {}, name), message), values,
  );
  return {
    element: element('li', {}, details),
    /** @param {any} diagnostic */
    update(diagnostic) {
      const { icon: sign, text } = LEVEL_WORDS[diagnostic.level] ?? LEVEL_WORDS.stale;
      level.dataset.level = diagnostic.level;
      replaceContent(icon, sign);
      replaceContent(word, text);
      replaceContent(message, diagnostic.message);
      updateValues(values, diagnostic.values);
    },
  };
}

/**
 * @param {HTMLElement} list
 * @param {readonly [string, string][]} values
 */
function updateValues(list, values) {
  const known = [...list.querySelectorAll('dt')].map((one) => one.textContent);
  if (known.length !== values.length || values.some(([key], index) => key !== known[index])) {
    list.replaceChildren(...values.flatMap(([key]) => [element('dt', {}, key), element('dd')]));
  }
  const cells = list.querySelectorAll('dd');
  values.forEach(([, value], index) => replaceContent(cells[index], value));
}
