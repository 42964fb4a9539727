// The state view: lifecycle, connection and stream or playback, diagnostics and events of the chosen node.

import { createDiagnosticsTable } from './diagnostics_table.js';
import { element, replaceContent } from './dom.js';
import { createEventsLog } from './events_log.js';
import { followWhileShown } from './follow.js';
import { createLifecycleControl } from './lifecycle_control.js';
import { createConnectionPanel, createStreamPanel } from './state_connection.js';
import { createPlaybackPanel } from './state_playback.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createStateView(context) {
  const { store } = context;
  const absent = element('p.message', { data: { level: 'warn' } });
  const lifecycle = createLifecycleControl(context, { all: true });
  const connection = createConnectionPanel();
  const stream = createStreamPanel();
  const playback = createPlaybackPanel();
  const diagnostics = createDiagnosticsTable();
  const events = createEventsLog();
  const panel = (/** @type {string} */ title, /** @type {HTMLElement} */ content) => element(
    'section.panel', { 'aria-label': title }, element('h3', {}, title), content,
  );
  const lifecyclePanel = panel('Lifecycle', lifecycle.element);
  const diagnosticsPanel = panel('Diagnostics', diagnostics.element);
  const parts = element(
    'div.state-parts', {}, lifecyclePanel, connection.element, playback.element, diagnosticsPanel, stream.element,
  );
  const eventsPanel = panel('Events', events.element);

  function refresh() {
    const [node, entry, status, played] = ['node', 'entry', 'status', 'playback'].map((name) => store.get(name));
    replaceContent(absent, absenceText(node, entry, store.get('nodes') !== undefined));
    parts.hidden = eventsPanel.hidden = !node;
    lifecyclePanel.hidden = !entry;
    lifecycle.update(store.get('lifecycle'));
    connection.element.hidden = stream.element.hidden = !status;
    playback.element.hidden = !played;
    if (status) {
      connection.update(status);
      stream.update(status);
    }
    if (played) playback.update(played);
    diagnosticsPanel.hidden = !entry || entry.kind === 'player';
    diagnostics.update(store.get('diagnostics'));
  }

  const state = followWhileShown(
    store, ['nodes', 'node', 'entry', 'status', 'playback', 'lifecycle', 'diagnostics'], refresh,
  );
  const log = followWhileShown(store, ['events'], () => events.update(store.get('events')));
  return {
    element: element('div.state', {}, element('h2', {}, 'State'), absent, parts, eventsPanel),
    show() {
      state.show();
      log.show();
    },
    hide() {
      state.hide();
      log.hide();
    },
  };
}

/**
 * Return why there is no state to show; an empty text if there is one.
 * @param {string | undefined} node
 * @param {any} entry
 * @param {boolean} isKnown - whether the console has said which nodes there are
 */
export function absenceText(node, entry, isKnown) {
  if (!isKnown) return 'Waiting for the console …';
  if (!node) return 'No node is on the graph: start a bridge, a spectator or a player. The page finds it by itself.';
  return entry ? '' : `The node ${node} is not on the graph. The page continues when the node returns.`;
}
