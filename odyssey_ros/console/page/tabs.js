// The views, one at a time; the part of the address after # names the current one.

import { element } from './dom.js';
import { createLiveView } from './live_view.js';
import { createRecordingsView } from './recordings_view.js';
import { createSimulationsView } from './simulations_view.js';
import { createStateView } from './state_view.js';

/**
 * A view.
 * @typedef {{element: HTMLElement, show: () => void, hide: () => void}} View
 */

const VIEWS = [
  { name: 'live', title: 'Live', create: createLiveView },
  { name: 'state', title: 'State', create: createStateView },
  { name: 'recordings', title: 'Recordings', create: createRecordingsView },
  { name: 'simulations', title: 'Simulations', create: createSimulationsView },
];

/**
 * Fill the list of tabs, and show the view that the address names.
 * @param {import('./main.js').Context} context
 * @param {HTMLElement} list
 * @param {HTMLElement} parent
 */
export function createTabs(context, list, parent) {
  /** @type {Map<string, View>} */
  const views = new Map();
  let current = '';
  const links = new Map(
    VIEWS.map(({ name, title }) => [name, element('a', { href: `#${name}` }, title)]),
  );
  list.append(...[...links.values()].map((link) => element('li', {}, link)));

  function show() {
    const named = VIEWS.find(({ name }) => name === location.hash.slice(1)) ?? VIEWS[0];
    if (named.name === current) return;
    views.get(current)?.hide();
    current = named.name;
    const view = views.get(current) ?? named.create(context);
    views.set(current, view);
    for (const [name, link] of links) {
      if (name === current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${named.title} · Odyssey console`;
    parent.replaceChildren(view.element);
    view.show();
  }

  addEventListener('hashchange', show);
  VIEWS.forEach(({ name, title }, index) => {
    context.shortcuts.add(String(index + 1), `Show ${title}`, () => {
      location.hash = name;
    });
  });
  show();
}
