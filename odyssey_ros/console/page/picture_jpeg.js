// Decodes JPEG pictures one at a time. While one is decoded, only the newest of the others waits.

export class JpegDecoder {
  #waiting = /** @type {{picture: import('./picture_header.js').Picture, received: number} | null} */ (null);
  #busy = false;
  #generation = 0;

  /**
   * @param {{
   *   decoded: (bitmap: ImageBitmap, picture: import('./picture_header.js').Picture, received: number) => void,
   *   dropped: (picture: import('./picture_header.js').Picture) => void,
   * }} listener
   */
  constructor(listener) {
    this.listener = listener;
  }

  /**
   * Decode a picture.
   * @param {import('./picture_header.js').Picture} picture
   * @param {number} received - when it was received
   */
  decode(picture, received) {
    if (this.#waiting !== null) this.listener.dropped(this.#waiting.picture);
    this.#waiting = { picture, received };
    if (!this.#busy) this.#run();
  }

  /** Forget everything that is not decoded yet. */
  close() {
    this.#waiting = null;
    this.#generation += 1;
  }

  async #run() {
    this.#busy = true;
    while (this.#waiting !== null) {
      const { picture, received } = this.#waiting;
      this.#waiting = null;
      const generation = this.#generation;
      try {
        const bitmap = await createImageBitmap(new Blob([picture.data], { type: 'image/jpeg' }));
        if (generation === this.#generation) this.listener.decoded(bitmap, picture, received);
        else bitmap.close();
      } catch {
        if (generation === this.#generation) this.listener.dropped(picture); // a damaged file
      }
    }
    this.#busy = false;
  }
}
