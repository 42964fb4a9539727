// Decodes H.264 with WebCodecs. A decoder that falls behind, or fails, goes on at the next key frame.

import { codecString } from './picture_header.js';

const MAX_QUEUE = 6;
const MAX_FAILURES = 3;
const FAILURES_MS = 10000;

/** Return why this browser cannot decode H.264; empty if it may be able to. */
export function h264Obstacle() {
  if (!window.isSecureContext) return 'the page is not served over https, which browsers require to decode H.264';
  if (typeof VideoDecoder === 'undefined') return 'this browser cannot decode H.264 (it has no WebCodecs)';
  return '';
}

/**
 * What the decoder calls.
 * @typedef {{
 *   decoded: (frame: VideoFrame, picture: import('./picture_header.js').Picture, received: number) => void,
 *   dropped: (picture: import('./picture_header.js').Picture) => void,
 *   keyNeeded: () => void,
 *   failed: (reason: string) => void,
 * }} DecoderListener
 *   keyNeeded: called once when the decoder needs a key frame; failed: when it does not work at all
 */

export class H264Decoder {
  #decoder = /** @type {VideoDecoder | null} */ (null);
  #codec = '';
  #needsKey = true;
  /** @type {Map<number, {picture: import('./picture_header.js').Picture, received: number}>} */
  #inside = new Map();
  /** @type {number[]} */
  #failures = [];

  /** @param {DecoderListener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  /**
   * Decode a picture.
   * @param {import('./picture_header.js').Picture} picture
   * @param {number} received - when it was received
   */
  decode(picture, received) {
    if (this.#needsKey && !picture.key) {
      this.listener.dropped(picture);
      return;
    }
    if ((this.#decoder?.decodeQueueSize ?? 0) > MAX_QUEUE) {
      this.#drop(picture);
      return;
    }
    try {
      if (picture.key) this.#configure(picture.data);
      this.#inside.set(picture.number, { picture, received });
      // The timestamp is only a name here: the decoder hands it through.
      this.#decoder?.decode(new EncodedVideoChunk({
        type: picture.key ? 'key' : 'delta', timestamp: picture.number, data: picture.data,
      }));
      this.#needsKey = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Forget everything; the next picture has to be a key frame. */
  close() {
    if (this.#decoder !== null && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
    this.#codec = '';
    this.#needsKey = true;
    this.#inside.clear();
  }

  /** @param {import('./picture_header.js').Picture} picture */
  #drop(picture) {
    this.listener.dropped(picture);
    this.close();
    this.listener.keyNeeded();
  }

  /** @param {Uint8Array} data - a key frame */
  #configure(data) {
    const codec = codecString(data);
    if (codec === '') throw new TypeError('a key frame has no parameters');
    if (this.#decoder !== null && this.#decoder.state === 'configured' && this.#codec === codec) return;
    this.close();
    this.#codec = codec;
    const decoder = new VideoDecoder({
      output: (frame) => this.#output(decoder, frame),
      error: (error) => {
        if (this.#decoder === decoder) this.#failed(error);
      },
    });
    this.#decoder = decoder;
    decoder.configure({ codec, optimizeForLatency: true });
  }

  /**
   * @param {VideoDecoder} decoder
   * @param {VideoFrame} frame
   */
  #output(decoder, frame) {
    const found = this.#inside.get(frame.timestamp);
    if (this.#decoder !== decoder || found === undefined) {
      frame.close();
      return;
    }
    for (const number of this.#inside.keys()) {
      if (number <= frame.timestamp) this.#inside.delete(number);
    }
    this.listener.decoded(frame, found.picture, found.received);
  }

  /** @param {unknown} error */
  #failed(error) {
    this.close();
    const now = performance.now();
    this.#failures = [...this.#failures.filter((time) => now - time < FAILURES_MS), now];
    const isUnsupported = error instanceof DOMException && error.name === 'NotSupportedError';
    if (isUnsupported) this.listener.failed('this browser cannot decode this kind of H.264');
    else if (this.#failures.length >= MAX_FAILURES) this.listener.failed('the browser failed to decode H.264');
    else this.listener.keyNeeded();
  }
}
