// The controls of a player: pause, step, seek and speed, and the prompts of the open episode on a time line.

import { createBadge } from './badge.js';
import { element, replaceContent } from './dom.js';
import { followWhileShown } from './follow.js';
import { PlayerCommands } from './player_commands.js';
import { previousIndex, shownPlace, typedPlace } from './player_place.js';
import { createPlayerPrompts } from './player_prompts.js';
import { createPlayerRate } from './player_rate.js';
import { FAILED, FINISHED, PAUSED, playbackWord } from './state_words.js';
import { countText } from './time_text.js';
import { createTimeline } from './timeline.js';

/** @type {readonly any[]} */
const NO_PROMPTS = [];

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show: () => void, hide: () => void}}
 */
export function createPlayer(context) {
  const { store, shortcuts } = context;
  const error = element('p.message', { role: 'alert', data: { level: 'error' } });
  const commands = new PlayerCommands(context, fail);
  const badge = createBadge();
  const play = button('Play', () => playOrPause());
  play.classList.add('primary');
  const back = button('Previous frame', () => commands.send('back'));
  const step = button('Next frame', () => commands.send('step'));
  const rate = createPlayerRate((chosen) => commands.send('rate', { rate: chosen }));
  const target = /** @type {HTMLInputElement} */ (element('input', {
    type: 'text', placeholder: '1:23.4 or a frame', size: 14, autocomplete: 'off', 'aria-label': 'Go to a time or a frame',
    oninput: () => fail(''),
  }));
  const previous = button('Previous episode', () => goTo(-1));
  const next = button('Next episode', () => goTo(1));
  const place = element('span.quiet-text.number');
  const episode = element('span.quiet-text.number');
  const reason = element('p.message');
  const timeline = createTimeline({
    label: 'Position in the episode',
    onSeek: (seconds) => commands.send('seek', { position: Math.min(seconds, store.get('playback')?.duration ?? 0) }),
    whileDragging: true,
  });
  const prompts = createPlayerPrompts((prompt) => commands.send('seek', { position: prompt.position }));
  const parts = element(
    'div.stack', {},
    element('div.row.player-controls', {}, play, back, step, badge.element, place,
      element('div.row.player-episodes', {}, previous, episode, next)),
    timeline.element,
    element('div.row.player-places', {}, element('form.row', { onsubmit: goToTyped }, target, button('Go', goToTyped)),
      rate.element),
    reason, error, prompts.element,
  );

  const root = element('section.player', { 'aria-label': 'Player', hidden: true }, parts);

  /** Whether the keys of the player do something: elsewhere, Space scrolls the page. */
  const hasKeys = () => root.isConnected && isPlayer();

  const isPlayer = () => store.get('entry')?.kind === 'player';

  /** Whether the player moves when it is asked to: not after the last frame. */
  const isPlaying = () => ![PAUSED, FINISHED, FAILED, undefined].includes(store.get('playback')?.state);

  function playOrPause() {
    commands.send(isPlaying() ? 'pause' : 'resume');
  }

  /** @param {string} text */
  function fail(text) {
    replaceContent(error, text);
    target.removeAttribute('aria-invalid');
  }

  /** @param {Event} event */
  function goToTyped(event) {
    event.preventDefault();
    const playback = store.get('playback');
    if (!playback || playback.frame_count < 0) return;
    const typed = typedPlace(target.value, playback);
    if (typed.target) commands.send('seek', typed.target);
    else {
      fail(typed.problem);
      target.setAttribute('aria-invalid', 'true');
    }
  }

  /** @param {number} by */
  function goTo(by) {
    const playback = store.get('playback');
    if (playback) commands.send('seek', { episode: playback.episode + by, frame_index: 0 });
  }

  function refresh() {
    const playback = store.get('playback');
    root.hidden = !isPlayer() || !playback;
    if (root.hidden) return;
    const line = store.get('timeline');
    const isOpen = playback.frame_count >= 0;
    const ofLine = isOpen && line?.stream_id === playback.stream_id ? line.prompts : NO_PROMPTS;
    const at = shownPlace(playback, store.get('position'));
    badge.update(playbackWord(playback));
    replaceContent(play, isPlaying() ? 'Pause' : playback.state === FINISHED ? 'Play again' : 'Play');
    replaceContent(place, isOpen
      ? `frame ${countText(at.frame)} of ${countText(playback.frame_count)}` : '');
    setUsable(back, previousIndex(playback, store.get('position')) !== null);
    rate.update(playback.rate, store.get('entry')?.can.includes('set_parameters') ?? false);
    replaceContent(episode, `${playback.episode + 1} of ${playback.episodes}`);
    previous.parentElement?.toggleAttribute('hidden', playback.episodes < 2);
    previous.toggleAttribute('disabled', playback.episode === 0);
    next.toggleAttribute('disabled', playback.episode + 1 >= playback.episodes);
    reason.dataset.level = playback.error_code === '' ? 'info' : 'error';
    replaceContent(reason, [playback.message, playback.error_code].filter((text) => text !== '').join(' – '));
    timeline.update({
      duration: isOpen ? playback.duration : null, position: at.position, prompts: ofLine, disabled: !isOpen,
    });
    prompts.update(ofLine, at.position);
  }

  shortcuts.add(' ', 'Play or pause a player', () => hasKeys() && playOrPause());
  shortcuts.add(',', 'Previous frame of a player', () => hasKeys() && void commands.send('back'));
  shortcuts.add('.', 'Next frame of a player', () => hasKeys() && void commands.send('step'));
  store.observe('node', () => {
    target.value = '';
    fail('');
  });
  return {
    element: root,
    ...followWhileShown(store, ['entry', 'playback', 'timeline', 'position'], refresh),
  };
}

/**
 * Say whether a button does something. It keeps the focus, unlike a disabled button.
 * @param {HTMLElement} made
 * @param {boolean} usable
 */
function setUsable(made, usable) {
  made.setAttribute('aria-disabled', String(!usable));
}

/**
 * @param {string} text
 * @param {(event: Event) => void} onclick
 */
function button(text, onclick) {
  return element('button', { type: 'button', onclick }, text);
}
