// Chooses the node that the page operates, and follows which nodes come and go. The address remembers the choice.

import { element } from './dom.js';
import { OF_NODE } from './messages.js';

const KINDS = [['bridge', 'Bridges'], ['player', 'Players'], ['spectator', 'Spectators']];
const PARAMETER = 'node';

/**
 * Return the chooser. The name of the chosen node is `node` in the store, and its entry `entry`: undefined while
 * the node is not on the graph.
 * @param {import('./main.js').Context} context
 */
export function createChooser({ store }) {
  const select = /** @type {HTMLSelectElement} */ (element('select', {
    id: 'node', onchange: () => choose(select.value),
  }));
  const gone = element('span.badge', { hidden: true, role: 'status', data: { level: 'warn' } });

  /** @param {string} name */
  function choose(name) {
    if (name === store.get('node')) return;
    for (const value of OF_NODE) store.set(value, undefined);
    store.set('node', name);
    remember(name);
    update();
  }

  function update() {
    const nodes = /** @type {{name: string, kind: string}[]} */ (store.get('nodes') ?? []);
    const chosen = store.get('node') ?? '';
    if (chosen === '' && nodes.length > 0) {
      choose(firstChoice(nodes));
      return;
    }
    const entry = nodes.find((node) => node.name === chosen);
    const hasLeft = chosen !== '' && store.get('nodes') !== undefined && entry === undefined;
    gone.hidden = !hasLeft;
    gone.textContent = hasLeft ? 'not on the graph' : '';
    select.replaceChildren(...options(nodes, chosen, entry === undefined));
    select.value = chosen;
    store.set('entry', entry);
  }

  store.observe('nodes', update);
  store.set('node', remembered());
  update();
  return element(
    'div.chooser', {}, element('label', {}, element('span', {}, 'Node'), select), gone,
  );
}

/**
 * Return the options, in a group for each kind if there are several kinds.
 * @param {{name: string, kind: string}[]} nodes
 * @param {string} chosen
 * @param {boolean} isMissing - whether the chosen node is none of `nodes`
 */
function options(nodes, chosen, isMissing) {
  const groups = KINDS.map(([kind, title]) => ({ title, names: nodes.filter((node) => node.kind === kind) }))
    .filter(({ names }) => names.length > 0)
    .map(({ title, names }) => element(
      'optgroup', { label: title }, ...names.map(({ name }) => element('option', { value: name }, name)),
    ));
  if (!isMissing) return groups;
  return [element('option', { value: chosen }, chosen === '' ? 'No node' : `${chosen} (gone)`), ...groups];
}

/**
 * Return the node that is chosen while a person has chosen none.
 * @param {{name: string, kind: string}[]} nodes
 */
function firstChoice(nodes) {
  const rank = (/** @type {{kind: string}} */ node) => KINDS.findIndex(([kind]) => kind === node.kind);
  return [...nodes].sort((one, other) => rank(one) - rank(other))[0].name;
}

function remembered() {
  return new URLSearchParams(location.search).get(PARAMETER) ?? '';
}

/** @param {string} name */
function remember(name) {
  const address = new URL(location.href);
  address.searchParams.set(PARAMETER, name);
  // A slash in a query needs no escape, and names of nodes have many.
  history.replaceState(history.state, '', address.href.replaceAll('%2F', '/'));
}
