// The live picture of the chosen node: socket, decoders, canvas and figures.

import { element, replaceContent } from './dom.js';
import { PictureCanvas } from './picture_canvas.js';
import { ServerClock } from './picture_clock.js';
import { H264Decoder, h264Obstacle } from './picture_h264.js';
import { H264 } from './picture_header.js';
import { createHud } from './picture_hud.js';
import { JpegDecoder } from './picture_jpeg.js';
import { Rate } from './picture_rate.js';
import { PictureSocket } from './picture_socket.js';
import { pauseReason, playerPosition, promptInForce } from './picture_words.js';

const UPDATE_MS = 500;
const CLOCK_MS = 5000;
const STALE_MS = 2000;
const RETRY_MS = 60000;

/**
 * @param {import('./main.js').Context} context
 * @returns {{element: HTMLElement, show: () => void, hide: () => void}}
 */
export function createPicture(context) {
  const view = new PictureView(context);
  return { element: view.element, show: () => view.show(), hide: () => view.hide() };
}

class PictureView {
  #shown = false;
  #node = '';
  #loss = /** @type {import('./connection_words.js').Loss | null} */ (null);
  #obstacle = h264Obstacle();
  #source = { codec: '', reason: '' };
  #waiting = '';
  #dropped = { server: 0, page: 0 };
  #rate = new Rate();
  #clock = new ServerClock();
  #age = NaN;
  #lastDrawn = -Infinity;
  #timer = 0;
  #clockAsked = -Infinity;
  #retry = 0;

  /** @param {import('./main.js').Context} context */
  constructor({ store, api, shortcuts }) {
    this.store = store;
    const canvas = /** @type {HTMLCanvasElement} */ (element('canvas', { role: 'img', width: 1280, height: 704 }));
    this.canvas = new PictureCanvas(canvas, (width, height) => this.#resized(width, height));
    this.message = element('p.picture-message');
    this.stage = element('div.picture-stage', { ondblclick: () => this.#fullScreen() }, canvas, this.message);
    this.hud = createHud();
    this.button = element('button.quiet', {
      type: 'button', hidden: !document.fullscreenEnabled, onclick: () => this.#fullScreen(),
    }, 'Full screen');
    this.element = element('section.picture', { 'aria-label': 'Picture' }, this.stage,
      element('div.picture-bar', {}, this.hud.element, this.button));
    this.h264 = new H264Decoder({
      decoded: (frame, picture) => this.#decoded(frame, picture),
      dropped: (picture) => this.#drop(picture),
      keyNeeded: () => this.#watch(),
      failed: (reason) => this.#cannotDecode(reason),
    });
    this.jpeg = new JpegDecoder({
      decoded: (bitmap, picture) => this.#decoded(bitmap, picture),
      dropped: (picture) => this.#drop(picture),
    });
    this.socket = new PictureSocket(async (isOutdated) => {
      if (api.token === '' || isOutdated) store.set('session', await api.open());
      return api.token;
    }, {
      picture: (picture, received) => (picture.codec === H264 ? this.h264 : this.jpeg).decode(picture, received),
      notice: (message) => this.#notice(message),
      changed: (loss) => this.#connection(loss),
    });
    shortcuts.add('f', 'Show the picture on the full screen', () => this.#fullScreen());
    document.addEventListener('visibilitychange', () => this.#watch());
    document.addEventListener('fullscreenchange', () => {
      replaceContent(this.button, document.fullscreenElement === this.element ? 'Leave full screen' : 'Full screen');
    });
    store.observe('node', () => this.#watch());
    store.observe('connected', (connected) => {
      if (connected) this.socket.retry();
    });
    this.#update();
  }

  show() {
    this.#shown = true;
    this.#watch();
    this.#timer = setInterval(() => this.#update(), UPDATE_MS);
    this.#update();
  }

  hide() {
    this.#shown = false;
    clearInterval(this.#timer);
    this.#watch();
  }

  /** Watch what is to be shown now, beginning with a key frame; nothing while nobody can see it. */
  #watch() {
    const node = this.store.get('node') ?? '';
    const isVisible = this.#shown && document.visibilityState === 'visible';
    this.h264.close();
    this.jpeg.close();
    if (node !== this.#node) this.#nodeChanged(node);
    if (!isVisible) this.canvas.stop();
    this.socket.watch(isVisible ? node : '', this.#obstacle === '' ? ['h264', 'jpeg'] : ['jpeg']);
  }

  /** @param {string} node */
  #nodeChanged(node) {
    this.#node = node;
    this.#source = { codec: '', reason: '' };
    this.#waiting = '';
    this.#dropped = { server: 0, page: 0 };
    this.#rate = new Rate();
    this.#age = NaN;
    this.#lastDrawn = -Infinity;
    this.canvas.clear();
    clearTimeout(this.#retry);
    this.#obstacle = h264Obstacle();
    this.#update();
  }

  /** @param {string} reason */
  #cannotDecode(reason) {
    this.#obstacle = reason;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#obstacle = h264Obstacle();
      this.#watch();
    }, RETRY_MS);
    this.#watch();
  }

  /** @param {import('./connection_words.js').Loss | null} loss */
  #connection(loss) {
    this.#loss = loss;
    this.h264.close();
    this.#clock = new ServerClock();
    if (loss === null) this.#askTime();
    this.#update();
  }

  /** @param {any} message */
  #notice(message) {
    if (message.type !== 'clock' && message.node !== this.#node) return; // of the node before
    if (message.type === 'source') {
      this.#source = message;
    } else if (message.type === 'waiting') {
      this.#waiting = message.reason;
    } else if (message.type === 'dropped') {
      this.#dropped.server = message.count;
    } else if (message.type === 'clock') {
      this.#clock.add(message.sent, performance.now(), message.time);
    }
  }

  #askTime() {
    this.#clockAsked = performance.now();
    this.socket.send({ type: 'clock', sent: this.#clockAsked });
  }

  /**
   * @param {import('./picture_canvas.js').Decoded} image
   * @param {import('./picture_header.js').Picture} picture
   */
  #decoded(image, picture) {
    this.socket.acknowledge(picture.number);
    const replaced = this.canvas.show(image, () => {
      const now = performance.now();
      this.#rate.add(now);
      this.#lastDrawn = now;
      this.#age = this.#clock.ageOf(picture, now);
    });
    if (replaced) this.#dropped.page += 1;
  }

  /** @param {import('./picture_header.js').Picture} picture */
  #drop(picture) {
    this.#dropped.page += 1;
    this.socket.acknowledge(picture.number);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  #resized(width, height) {
    this.stage.classList.toggle('picture-portrait', height > width);
  }

  #update() {
    const now = performance.now();
    if (now - this.#clockAsked > CLOCK_MS || !this.#clock.isExact) this.#askTime();
    const { store, canvas } = this;
    const status = store.get('status');
    const playback = store.get('playback');
    const prompt = promptInForce(status, store.get('timeline'), playerPosition(playback, store.get('position')));
    const seen = Number.isFinite(this.#lastDrawn);
    const isOnline = store.get('connected') !== false;
    const isStale = now - this.#lastDrawn > STALE_MS;
    this.hud.update({
      prompt,
      rate: isOnline ? this.#rate.value(now) : NaN,
      age: isStale ? NaN : this.#age,
      size: seen ? `${canvas.canvas.width} × ${canvas.canvas.height}` : '',
      dropped: status?.frames_dropped,
      droppedHere: this.#dropped.server + this.#dropped.page,
      codec: seen ? this.#source.codec : '',
      reason: this.#obstacle || this.#source.reason,
    });
    const [entry, lifecycle] = ['entry', 'lifecycle'].map((name) => store.get(name));
    const loss = this.#loss?.text ?? '';
    const state = { isOnline, loss, entry, status, playback, lifecycle, waiting: this.#waiting };
    const message = isStale ? pauseReason(state, seen) : '';
    replaceContent(this.message, message);
    this.message.hidden = message === '';
    this.message.classList.toggle('picture-over', seen);
    const label = `Live picture of ${this.#node || 'no node'}${prompt && `, prompt: ${prompt}`}`;
    if (canvas.canvas.getAttribute('aria-label') !== label) canvas.canvas.setAttribute('aria-label', label);
  }

  #fullScreen() {
    if (document.fullscreenElement !== null) document.exitFullscreen();
    else if (this.#shown) this.element.requestFullscreen?.().catch(() => {});
  }
}
