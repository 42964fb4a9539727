// Whether the chosen node can take prompts, and what to do if it cannot: pure, without DOM.

/** `StreamStatus.connection` */
const CONNECTED = 3;
const FAILED = 5;

/**
 * What the prompt shows.
 * @typedef {object} Readiness
 * @property {boolean} form - whether there is a form; without one, `text` takes its place
 * @property {boolean} ready - whether prompts can be sent now
 * @property {string} text - why not, and what to do
 * @property {boolean} [inState] - whether the view State helps
 */

/**
 * Return what the prompt shows for a node.
 * @param {object} state
 * @param {string} state.node - the name of the chosen node; empty for none
 * @param {any} state.entry - its entry in the list of nodes; undefined when it is not on the graph
 * @param {any} state.status
 * @param {any} state.lifecycle
 * @param {boolean} [state.isOnline] - whether the page is connected to the console
 * @returns {Readiness}
 */
export function readiness({ node, entry, status, lifecycle, isOnline = true }) {
  if (!node) {
    return no('There is no node to prompt yet. Start a bridge: ros2 launch odyssey_ros odyssey.launch.py');
  }
  if (!entry) return no(`The node ${node} is not on the graph. Start it again, or choose another node.`);
  if (entry.kind === 'player') return no(`${node} plays recordings, which cannot be prompted.`);
  if (!entry.can.includes('start_stream') && !entry.can.includes('interact')) {
    return no(`${node} watches a broadcast and cannot prompt it. Choose the bridge that runs the stream.`);
  }
  const state = lifecycle?.state;
  if (state === 'unconfigured') {
    return inState('The node is not configured, so it has no connection. Configure it, then activate it, in State.');
  }
  if (state === 'inactive') return inState('The node is inactive. Activate it in State.');
  if (state === 'finalized') return no('The node has been shut down. Start its process again.');
  if (!isOnline) return wait('Prompts can be sent when the console is connected.');
  if (!status) return wait('Waiting for the status of the node …');
  if (status.connection === FAILED) {
    return inState(`${sentence(status.message || 'The connection failed')} Configure the node again in State.`);
  }
  if (status.connection !== CONNECTED) {
    return wait('Prompts can be sent when the node is connected to the service.');
  }
  return { form: true, ready: true, text: '' };
}

/**
 * Return whether a node is known to be unable to start from a picture.
 * @param {any} status
 */
export function refusesPictures(status) {
  return status?.connection === CONNECTED && status.capabilities?.image_to_video === false;
}

/** @param {string} text */
function no(text) {
  return { form: false, ready: false, text };
}

/** @param {string} text */
function inState(text) {
  return { form: false, ready: false, text, inState: true };
}

/** @param {string} text */
function wait(text) {
  return { form: true, ready: false, text };
}

/** @param {string} text */
function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
