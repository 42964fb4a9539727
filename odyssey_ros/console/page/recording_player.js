// Plays one recording, with its prompts on a time line and as a list.

import { address } from './api.js';
import { element } from './dom.js';
import { typedPrompt } from './prompt_text.js';
import { extentText, lossText, startText } from './recording_texts.js';
import { createTimeline } from './timeline.js';
import { promptAt, timeText } from './timeline_layout.js';

/** Prompts in the list; all of them are on the time line. */
const MAX_LISTED = 200;

/**
 * @typedef {{element: HTMLElement, open: (node: string, id: string) => void, describe: (recording:
 *   import('./recording_texts.js').Recording | undefined) => void, close: () => void}} RecordingPlayer
 */

/**
 * Return the player. `open` shows a recording, `describe` adds what the list knows of it, `close` ends the video.
 * @param {import('./main.js').Context} context
 * @returns {RecordingPlayer}
 */
export function createRecordingPlayer({ api, store }) {
  let number = 0; // of the recording that is shown, so that a late answer for an earlier one is ignored
  let details = /** @type {any} */ (null);
  let key = ''; // the node and the recording
  let current = -1; // the prompt in force

  const heading = element('h2', { tabIndex: -1 });
  const extent = element('p.quiet-text.number');
  const id = element('p.quiet-text.mono');
  const video = /** @type {HTMLVideoElement} */ (element('video', {
    controls: true, preload: 'metadata', playsInline: true, 'aria-label': 'Recording',
    ontimeupdate: follow, onseeking: follow, ondurationchange: follow, onerror: () => explainVideo(number),
  }));
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const timeline = createTimeline({ label: 'Position in the recording', whileDragging: true, onSeek: seek });
  const list = element('ol.recording-prompts');
  const note = element('p.message', { data: { level: 'warn' } });
  const copied = element('p.quiet-text', { role: 'status' });
  const root = element(
    'div.recording-player', { hidden: true },
    element('header.row', {}, element('a.back', { href: '#recordings' }, '← All recordings')),
    element('div', {}, heading, extent, id),
    problem,
    element('div.recording-columns', {},
      element('div.stack', {}, video, timeline.element),
      element('section.panel', { 'aria-label': 'Prompts' }, element('h3', {}, 'Prompts'), note, list, copied)),
  );

  /** @param {number} seconds */
  function seek(seconds) {
    if (video.readyState > 0) video.currentTime = seconds;
  }

  function follow() {
    const duration = Number.isFinite(video.duration) ? video.duration : (details?.duration ?? null);
    timeline.update({ position: video.currentTime, duration });
    const at = promptAt(details?.prompts ?? [], video.currentTime);
    if (at === current) return;
    list.children[current]?.removeAttribute('aria-current');
    current = at;
    list.children[current]?.setAttribute('aria-current', 'true');
  }

  /**
   * Show why a video cannot be played: the server answers a video element with an error that only a request shows.
   * @param {number} shown
   */
  async function explainVideo(shown) {
    const url = video.getAttribute('src');
    if (!url) return;
    let text = 'The browser cannot play this video.';
    try {
      const response = await fetch(url, { headers: { Range: 'bytes=0-0' } });
      if (!response.ok) text = (await response.json()).message ?? text;
    } catch {
      text = 'The console does not answer: check that its process is running.';
    }
    if (shown === number) problem.textContent = text;
  }

  /**
   * @param {string} node
   * @param {string} stream
   */
  async function open(node, stream) {
    if (details !== null && key === `${node} ${stream}`) return; // the node has left the graph and come back
    close();
    key = `${node} ${stream}`;
    const shown = number;
    root.hidden = false;
    root.setAttribute('aria-busy', 'true');
    heading.textContent = 'Recording';
    id.textContent = stream;
    extent.textContent = '';
    try {
      const found = await api.get(`/api/recordings/${encodeURIComponent(stream)}`, { node });
      if (shown === number) show(node, stream, found);
    } catch (error) {
      if (shown === number) problem.textContent = /** @type {Error} */ (error).message;
    } finally {
      if (shown === number) root.removeAttribute('aria-busy');
    }
  }

  /**
   * @param {string} node
   * @param {string} stream
   * @param {any} found
   */
  function show(node, stream, found) {
    details = found;
    if (found.has_video) {
      const media = (/** @type {string} */ kind) =>
        address(`/media/recordings/${encodeURIComponent(stream)}/${kind}`, { node });
      if (found.has_thumbnail) video.poster = media('thumbnail');
      video.src = media('video');
      video.hidden = timeline.element.hidden = false;
    } else {
      problem.textContent =
        'There is no video yet: the service stores it when the stream has ended. Refresh the list later.';
    }
    timeline.update({ duration: found.duration, position: 0, prompts: found.prompts });
    list.replaceChildren(...found.prompts.slice(0, MAX_LISTED).map(promptItem));
    note.textContent = [found.prompts_error, ...found.losses.map(lossText), hiddenText(found)].filter(Boolean).join(' · ');
    follow();
  }

  /** @param {any} found */
  function hiddenText({ prompts, has_video: hasVideo }) {
    if (prompts.length > MAX_LISTED) return `${prompts.length - MAX_LISTED} more prompts are on the time line.`;
    return prompts.length === 0 && hasVideo ? 'There are no prompts in the events log.' : '';
  }

  /** @param {import('./timeline_layout.js').TimedPrompt} prompt */
  function promptItem({ position, prompt }) {
    return element(
      'li', {},
      element('button.quiet.number', {
        type: 'button', 'aria-label': `Show ${timeText(position)}`, onclick: () => seek(position),
      }, timeText(position)),
      element('span', {}, prompt || '(empty prompt)'),
      element('button.quiet', {
        type: 'button', title: 'Copy this prompt to the prompt box of the Live view',
        'aria-label': `Use this prompt: ${prompt.slice(0, 60)}`, onclick: () => use(prompt), disabled: prompt === '',
      }, 'Use'),
    );
  }

  /** @param {string} prompt */
  function use(prompt) {
    store.set('draft', typedPrompt(prompt, store.get('prompts') ?? []));
    copied.replaceChildren('The prompt is in the prompt box of the ', element('a', { href: '#live' }, 'Live view'), '.');
  }

  function close() {
    number += 1;
    details = null;
    current = -1;
    video.pause();
    video.removeAttribute('src');
    video.removeAttribute('poster');
    video.load(); // ends the request of a video that was playing
    video.hidden = timeline.element.hidden = true;
    list.replaceChildren();
    for (const part of [problem, note, copied]) part.textContent = '';
    timeline.update({ duration: null, position: 0, prompts: [] });
    root.hidden = true;
  }

  return {
    element: root,
    open(node, stream) {
      open(node, stream);
      heading.focus({ preventScroll: true });
    },
    describe(recording) {
      if (recording === undefined) return;
      heading.textContent = startText(recording.started_at);
      extent.textContent = extentText(recording);
    },
    close,
  };
}
