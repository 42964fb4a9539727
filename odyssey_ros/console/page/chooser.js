// Chooses the node that the page operates, and follows which nodes come and go. The address remembers the choice.

import { element } from './dom.js';
import { OF_NODE } from './messages.js';

const KINDS = [['bridge', 'Bridges'], ['player', 'Players'], ['spectator', 'Spectators']];
const PARAMETER = 'node';

/** Nodes that start together are found one after the other: for this long, a bridge replaces another first choice. */
const SETTLING_MS = 5000;

/** What tells that somebody uses the page. */
const USES = ['pointerdown', 'keydown', 'wheel'];

/**
 * Return the chooser. The name of the chosen node is `node` in the store, and its entry `entry`: undefined while
 * the node is not on the graph. If the address names no node, the first one is chosen, preferably a bridge. This
 * choice may change while nobody has used the page, but not later than `settling` ms after it was made.
 * @param {import('./main.js').Context} context
 * @param {number} [settling]
 */
export function createChooser({ store }, settling = SETTLING_MS) {
  let isSettled = false; // whether the page keeps its node
  let shown = ''; // the options
  const select = /** @type {HTMLSelectElement} */ (element('select', {
    id: 'node',
    onchange: () => {
      settle();
      choose(select.value);
    },
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

  function settle() {
    isSettled = true;
    for (const name of USES) document.removeEventListener(name, settle, true);
  }

  /** @param {{name: string, kind: string}[]} nodes */
  function chooseFirst(nodes) {
    const { name, kind } = firstChoice(nodes);
    if (store.get('node') === '') setTimeout(settle, settling);
    if (kind === KINDS[0][0]) settle();
    choose(name);
  }

  function update() {
    const nodes = /** @type {{name: string, kind: string}[]} */ (store.get('nodes') ?? []);
    const chosen = store.get('node') ?? '';
    if (nodes.length > 0 && (chosen === '' || (!isSettled && firstChoice(nodes, chosen).name !== chosen))) {
      chooseFirst(nodes);
      return;
    }
    const entry = nodes.find((node) => node.name === chosen);
    const hasLeft = chosen !== '' && store.get('nodes') !== undefined && entry === undefined;
    gone.hidden = !hasLeft;
    gone.textContent = hasLeft ? 'not on the graph' : '';
    const options = JSON.stringify([chosen, entry === undefined, nodes.map(({ name, kind }) => [name, kind])]);
    if (options !== shown) select.replaceChildren(...optionsOf(nodes, chosen, entry === undefined)); // keeps an open list
    shown = options;
    select.value = chosen;
    store.set('entry', entry);
  }

  store.observe('nodes', update);
  store.set('node', remembered());
  if (store.get('node') === '') USES.forEach((name) => document.addEventListener(name, settle, true));
  else settle();
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
function optionsOf(nodes, chosen, isMissing) {
  const groups = KINDS.map(([kind, title]) => ({ title, names: nodes.filter((node) => node.kind === kind) }))
    .filter(({ names }) => names.length > 0)
    .map(({ title, names }) => element(
      'optgroup', { label: title }, ...names.map(({ name }) => element('option', { value: name }, name)),
    ));
  if (!isMissing) return groups;
  return [element('option', { value: chosen }, chosen === '' ? 'No node' : `${chosen} (gone)`), ...groups];
}

/**
 * Return the node that is chosen while a person has chosen none: of the first kind, and the present one if possible.
 * @param {{name: string, kind: string}[]} nodes
 * @param {string} [present]
 */
function firstChoice(nodes, present = '') {
  const rank = (/** @type {{name: string, kind: string}} */ node) =>
    2 * KINDS.findIndex(([kind]) => kind === node.kind) + Number(node.name !== present);
  return [...nodes].sort((one, other) => rank(one) - rank(other))[0];
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
