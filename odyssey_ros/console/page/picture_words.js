// What the picture's display says, from the state of the node. No DOM.

const CODEC_NAMES = { h264: 'H.264', jpeg: 'JPEG' };

/**
 * Return the prompt in force: that of the stream, or, for a player, that of the time line at the position.
 * @param {any} status - `status` of the store
 * @param {any} timeline - `timeline` of the store
 * @param {number} position - of the player, in s
 */
export function promptInForce(status, timeline, position) {
  if (timeline !== undefined) {
    const begun = timeline.prompts.filter((/** @type {any} */ one) => one.position <= position + 1e-3);
    return begun.length > 0 ? begun[begun.length - 1].prompt : '';
  }
  return status?.prompt ?? '';
}

/**
 * Return the position of a player in s: that of its last frame while it plays.
 * @param {any} playback - `playback` of the store
 * @param {any} position - `position` of the store
 */
export function playerPosition(playback, position) {
  const isOfEpisode = position !== undefined && position.stream_id === playback?.stream_id;
  return (playback?.state_text === 'playing' && isOfEpisode ? position : playback)?.position ?? 0;
}

/**
 * Return why no picture comes, and what to do; empty while pictures come or are expected at once, and while the banner
 * of the page says that the console is not there.
 * @param {{isOnline: boolean, loss: string, entry: any, status: any, playback: any, lifecycle?: any, waiting: string}}
 *   state - loss: why the socket of the pictures is closed; waiting: the reason of the server
 * @param {boolean} seen - whether there was a picture
 */
export function pauseReason({ isOnline, loss, entry, status, playback, lifecycle, waiting }, seen) {
  if (!isOnline) return '';
  if (loss !== '') return loss;
  if (entry === undefined) return waiting === '' ? 'No node is chosen.' : `${waiting}.`;
  if (waiting !== '') return `${waiting}.`;
  if (playback !== undefined) return playbackReason(playback);
  if (status === undefined) return seen ? '' : 'Waiting for the state of the node …';
  if (status.connection_text !== 'connected') {
    return 'There is no picture while the node is not connected to the service.';
  }
  if (!status.streaming) {
    return lifecycle === undefined || lifecycle.state === 'active'
      ? 'No stream is running. Start one with a prompt.' : `The node is ${lifecycle.state}: activate it.`;
  }
  return seen ? 'No new picture comes.' : 'Waiting for the first picture …';
}

/** @param {any} playback */
function playbackReason(playback) {
  const words = {
    unconfigured: 'The player is not configured.',
    inactive: 'The player is not active.',
    fetching: 'The player is fetching the episode.',
    waiting: 'The player is waiting for its subscribers.',
    paused: 'Paused',
    'episode complete': 'The episode is complete.',
    'episode failed': 'The episode cannot be played.',
    finished: 'All episodes have been played.',
    failed: 'The player failed.',
  };
  return words[/** @type {keyof typeof words} */ (playback.state_text)] ?? '';
}

/**
 * Return which encoding is shown, and why it is not H.264.
 * @param {string} codec - `h264`, `jpeg` or empty
 * @param {string} reason
 */
export function sourceText(codec, reason) {
  const name = CODEC_NAMES[/** @type {keyof typeof CODEC_NAMES} */ (codec)] ?? '–';
  return reason === '' ? name : `${name}: ${reason}`;
}

/**
 * Return an age for people: `45 ms`, `1.2 s`, or `–` if it is not known.
 * @param {number} age - in ms
 */
export function ageText(age) {
  if (Number.isNaN(age)) return '–';
  return age < 1000 ? `${Math.round(age)} ms` : `${(age / 1000).toFixed(1)} s`;
}
