// Chooses the node that the page operates, and follows which nodes come and go.

import { element } from './dom.js';
import { OF_NODE } from './messages.js';

/**
 * Return the chooser. The name of the chosen node is `node` in the store, and its entry `entry`.
 * @param {import('./main.js').Context} context
 */
export function createChooser({ store }) {
  const select = element('select', { id: 'node', onchange: () => choose(select.value) });

  /** @param {string} name */
  function choose(name) {
    if (name === store.get('node')) return;
    for (const value of OF_NODE) store.set(value, undefined);
    store.set('node', name);
    update();
  }

  function update() {
    const nodes = store.get('nodes') ?? [];
    const chosen = store.get('node') ?? '';
    if (chosen === '' && nodes.length > 0) {
      choose(nodes[0].name);
      return;
    }
    store.set('entry', nodes.find((/** @type {any} */ node) => node.name === chosen));
    const gone = chosen !== '' && store.get('entry') === undefined;
    select.replaceChildren(
      ...nodes.map((/** @type {any} */ node) =>
        element('option', { value: node.name, selected: node.name === chosen }, `${node.name} (${node.kind})`)),
      ...(gone ? [element('option', { value: chosen, selected: true }, `${chosen} (not on the graph)`)] : []),
      ...(nodes.length === 0 && !gone ? [element('option', { value: '' }, 'No node on the graph')] : []),
    );
  }

  store.observe('nodes', update);
  update();
  return element('label', {}, element('span', {}, 'Node'), select);
}
