// Plays the videos of a job, one script after the other, with the prompts on a time line.

import { address } from './api.js';
import { element } from './dom.js';
import { durationText } from './script_texts.js';
import { createTimeline } from './timeline.js';

/**
 * Return the player; `show` takes the newest state of a job, `close` ends the video.
 * @param {import('./api.js').Api} api
 * @returns {{element: HTMLElement, show: (node: string, job: any) => void, close: () => void}}
 */
export function createJobVideo(api) {
  let node = '';
  let job = /** @type {any} */ (null);
  let opened = ''; // the stream that is shown
  let index = 0;

  const title = element('h3');
  const facts = element('p.quiet-text.number');
  const problem = element('p.message', { role: 'alert', data: { level: 'error' } });
  const note = element('p.message', { data: { level: 'warn' } });
  const video = /** @type {HTMLVideoElement} */ (element('video', {
    controls: true, preload: 'metadata', playsInline: true, 'aria-label': 'Video of the script',
    ontimeupdate: follow, onseeking: follow, ondurationchange: follow, onerror: explain,
  }));
  const timeline = createTimeline({
    label: 'Position in the video', whileDragging: true,
    onSeek: (seconds) => {
      if (video.readyState > 0) video.currentTime = seconds;
    },
  });
  const previous = turnButton('← Previous script', () => turnTo(index - 1));
  const next = turnButton('Next script →', () => turnTo(index + 1));
  const root = element(
    'section.panel.job-video', { 'aria-label': 'Videos', hidden: true },
    element('header', {}, element('div', {}, title, facts), element('div.row', {}, previous, next)),
    problem, video, timeline.element, note,
  );

  function follow() {
    const duration = Number.isFinite(video.duration) ? video.duration : job?.streams[index]?.duration;
    timeline.update({ position: video.currentTime, duration: duration ?? null });
  }

  /** @param {number} to */
  function turnTo(to) {
    index = Math.min(Math.max(0, to), job.streams.length - 1);
    open();
  }

  function open() {
    const stream = job.streams[index];
    title.textContent = `Script ${(stream.script_index ?? index) + 1} of ${job.streams.length}`;
    facts.textContent = [
      stream.duration === null ? '' : durationText(stream.duration),
      stream.frame_count === null ? '' : `${stream.frame_count} frames`,
    ].filter(Boolean).join(' · ');
    previous.disabled = index === 0;
    next.disabled = index === job.streams.length - 1;
    previous.hidden = next.hidden = job.streams.length === 1;
    const key = `${node} ${job.job_id} ${stream.stream_id} ${stream.has_video}`;
    if (key === opened) return;
    opened = key;
    problem.textContent = note.textContent = '';
    video.hidden = timeline.element.hidden = !stream.has_video;
    timeline.update({ duration: stream.duration, position: 0, prompts: [] });
    if (!stream.has_video) {
      video.removeAttribute('src');
      note.textContent = 'There is no video of this script yet: the service stores it when the job has ended.';
      return;
    }
    const media = (/** @type {string} */ kind) =>
      address(`/media/simulations/${encodeURIComponent(job.job_id)}/${stream.index}/${kind}`, { node });
    video.poster = stream.has_thumbnail ? media('thumbnail') : '';
    video.src = media('video');
    if (stream.has_prompts) loadPrompts(key, stream.index);
  }

  /**
   * @param {string} key
   * @param {number} number
   */
  async function loadPrompts(key, number) {
    try {
      const found = await api.get(`/api/simulations/${encodeURIComponent(job.job_id)}/${number}/prompts`, { node });
      if (key !== opened) return;
      timeline.update({ prompts: found.prompts });
      note.textContent = found.prompts_error;
    } catch (error) {
      if (key === opened) note.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** Show why the video cannot be played: only a request tells the words of the server. */
  async function explain() {
    const url = video.getAttribute('src');
    const key = opened;
    if (!url) return;
    let text = 'The browser cannot play this video.';
    try {
      const response = await fetch(url, { headers: { Range: 'bytes=0-0' } });
      if (!response.ok) text = (await response.json()).message ?? text;
    } catch {
      text = 'The console does not answer: check that its process is running.';
    }
    if (key === opened) problem.textContent = text;
  }

  return {
    element: root,
    show(shownNode, shown) {
      const other = job?.job_id !== shown.job_id || node !== shownNode;
      node = shownNode;
      job = shown;
      root.hidden = shown.streams.length === 0;
      if (root.hidden) return;
      if (other) index = 0;
      turnTo(index);
    },
    close() {
      opened = '';
      job = null;
      root.hidden = true;
      video.removeAttribute('src');
      video.load();
    },
  };
}

/**
 * @param {string} text
 * @param {() => void} onclick
 * @returns {HTMLButtonElement}
 */
function turnButton(text, onclick) {
  return /** @type {HTMLButtonElement} */ (element('button', { type: 'button', onclick }, text));
}
