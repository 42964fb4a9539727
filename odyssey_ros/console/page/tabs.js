// The views, one at a time; the part of the address after # names the current one: #recordings, or #recordings/ID.

import { element } from './dom.js';
import { createLiveView } from './live_view.js';
import { createRecordingsView } from './recordings_view.js';
import { createSimulationsView } from './simulations_view.js';
import { createStateView } from './state_view.js';

/**
 * A view. `show` and `hide` start and stop what costs something; `open` shows what the address names after the
 * slash, or the view without it if the text is empty.
 * @typedef {{element: HTMLElement, show: () => void, hide: () => void, open?: (rest: string) => void}} View
 */

/** @typedef {{name: string, title: string, create: (context: import('./main.js').Context) => View}} NamedView */

/** @type {NamedView[]} */
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
 * @param {NamedView[]} [named] - the views; the first one is shown where the address names none
 */
export function createTabs(context, list, parent, named = VIEWS) {
  /** @type {Map<string, View>} */
  const views = new Map();
  /** @type {Map<string, string>} */
  const opened = new Map(); // what each view was told last to open
  let current = '';
  const links = new Map(
    named.map(({ name, title }) => [name, element('a', { href: `#${name}` }, title)]),
  );
  list.append(...[...links.values()].map((link) => element('li', {}, link)));

  function follow() {
    const [name, rest] = namedBy(location.hash, named);
    const changed = name !== current;
    if (changed) show(name);
    const before = opened.get(name) ?? '';
    opened.set(name, rest);
    if (rest !== before || (changed && rest !== '')) views.get(name)?.open?.(rest);
  }

  /** @param {string} name */
  function show(name) {
    const isFirst = current === '';
    views.get(current)?.hide();
    current = name;
    const { title, create } = named.find((one) => one.name === name) ?? named[0];
    const view = views.get(name) ?? create(context);
    views.set(name, view);
    for (const [other, link] of links) {
      if (other === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${title} · Odyssey console`;
    parent.replaceChildren(view.element);
    view.show();
    if (isFirst) return;
    scrollTo(0, 0);
    parent.focus({ preventScroll: true }); // the next Tab leads into the new view
  }

  const [{ name: first, create: createFirst }] = named;
  views.set(first, createFirst(context)); // its keys are in the list of keys, whichever view is shown

  addEventListener('hashchange', follow);
  named.forEach(({ name, title }, index) => {
    context.shortcuts.add(String(index + 1), `Show ${title}`, () => {
      location.hash = name;
    });
  });
  follow();
}

/**
 * Return the name of the view and the text after the slash.
 * @param {string} hash
 * @param {NamedView[]} named
 * @returns {[string, string]}
 */
function namedBy(hash, named) {
  const [name, ...rest] = hash.slice(1).split('/');
  if (!named.some((one) => one.name === name)) return [named[0].name, ''];
  return [name, decoded(rest.join('/'))];
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Make the link that skips the header move the focus; its address would name a view.
 * @param {HTMLElement} link
 * @param {HTMLElement} parent
 */
export function createSkipLink(link, parent) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    parent.focus();
  });
}
