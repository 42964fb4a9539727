// The canvas: draws the newest decoded picture in each frame of the screen, and keeps the last one.

/** @typedef {(VideoFrame | ImageBitmap)} Decoded */

export class PictureCanvas {
  #waiting = /** @type {{image: Decoded, drawn: () => void} | null} */ (null);
  #requested = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(width: number, height: number) => void} resized
   */
  constructor(canvas, resized) {
    this.canvas = canvas;
    this.resized = resized;
    this.graphics = canvas.getContext('2d', { alpha: false });
  }

  /**
   * Draw a picture soon, unless a newer one comes before.
   * @param {Decoded} image - is closed afterwards
   * @param {() => void} drawn - called after it was drawn
   * @returns {boolean} whether a picture was replaced that had not been drawn
   */
  show(image, drawn) {
    const replaced = this.#waiting !== null;
    this.#waiting?.image.close();
    this.#waiting = { image, drawn };
    if (this.#requested === 0) this.#requested = requestAnimationFrame(() => this.#draw());
    return replaced;
  }

  /** Drop the picture that waits. */
  stop() {
    cancelAnimationFrame(this.#requested);
    this.#requested = 0;
    this.#waiting?.image.close();
    this.#waiting = null;
  }

  /** Forget the last picture. */
  clear() {
    this.stop();
    this.graphics?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #draw() {
    this.#requested = 0;
    if (this.#waiting === null) return;
    const { image, drawn } = this.#waiting;
    this.#waiting = null;
    const width = 'displayWidth' in image ? image.displayWidth : image.width;
    const height = 'displayHeight' in image ? image.displayHeight : image.height;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.resized(width, height);
    }
    this.graphics?.drawImage(image, 0, 0);
    image.close();
    drawn();
  }
}
