// Says that spectators can watch, and how to get the addresses, which contain a token and are on no page.

import { element, replaceContent } from './dom.js';

/**
 * Return whether the running stream is broadcast.
 * @param {any} status
 * @param {any[]} events
 */
function isBroadcast(status, events) {
  return Boolean(status?.streaming)
    && events.some((event) => event.kind === 'broadcast_ready' && event.stream_id === status.stream_id);
}

/** Return the note. */
export function createBroadcastNote() {
  const note = element('p.message.broadcast-note', { role: 'status', data: { level: 'info' } });
  return {
    element: note,

    /**
     * @param {string} node
     * @param {any} status
     * @param {any[]} events
     */
    show(node, status, events) {
      if (!isBroadcast(status, events)) {
        note.replaceChildren();
      } else if (note.dataset.node !== node || note.childElementCount === 0) {
        note.dataset.node = node;
        replaceContent(note,
          'Spectators can watch this stream. The addresses contain a token, so this page does not show them. ',
          'Get them with: ',
          element('code', {}, `ros2 service call ${node}/get_broadcast odyssey_ros/srv/GetBroadcast`));
      }
    },
  };
}
