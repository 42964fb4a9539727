// Keeps a part of the page up to date while it is shown: changes at once are one refresh.

/**
 * Return the functions of a view that start and stop following values of the store.
 * @param {import('./store.js').Store} store
 * @param {readonly string[]} names - the values
 * @param {() => void} refresh - called when the part is shown, and after changes while it is shown
 * @returns {{show: () => void, hide: () => void}}
 */
export function followWhileShown(store, names, refresh) {
  /** @type {(() => void)[]} */
  let stops = [];
  let waiting = false;

  function changed() {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      if (stops.length > 0) refresh();
    });
  }

  function hide() {
    stops.forEach((stop) => stop());
    stops = [];
  }

  return {
    show() {
      hide();
      stops = names.map((name) => store.observe(name, changed));
      changed();
    },
    hide,
  };
}
