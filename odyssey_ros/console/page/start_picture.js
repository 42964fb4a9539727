// The picture that a stream starts from: chosen, checked and uploaded. Only its bytes leave the browser, no path.

import { ConsoleError } from './api.js';

export const MAX_BYTES = 25 * 1024 * 1024;
const KINDS = /\.(jpe?g|png|webp|gif|bmp|hei[cf]|avif)$/i;

/** The server keeps an uploaded picture for ten minutes. */
const UPLOAD_AGAIN_MS = 8 * 60 * 1000;

/**
 * Return why a file cannot be a start picture, in words; empty when it may be one.
 * @param {{name: string, type: string, size: number}} file
 */
export function pictureProblem(file) {
  const name = file.name || 'The pasted file';
  if (!file.type.startsWith('image/') && !KINDS.test(file.name)) {
    return `${name} is not a picture: choose a JPEG, PNG, WebP, GIF, BMP, HEIC or AVIF file.`;
  }
  if (file.size > MAX_BYTES) return `${name} has more than 25 MiB: reduce it.`;
  if (file.size === 0) return `${name} is empty: choose another picture.`;
  return '';
}

/**
 * Return the first picture of dropped or pasted files; undefined without files.
 * @param {DataTransfer | null} transfer
 * @returns {File | undefined}
 */
export function transferredFile(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => pictureProblem(file) === '') ?? files[0];
}

export class ChosenPicture {
  /** @type {Promise<any> | undefined} */
  #uploaded;
  #uploadedAt = 0;

  /**
   * @param {File} file
   * @param {string} node - the node that the page operates
   */
  constructor(file, node) {
    this.file = file;
    this.node = node;
    this.name = file.name || 'pasted picture';
    this.url = URL.createObjectURL(file);
  }

  /**
   * Upload the picture, unless that was done; return what the server says: `{id, width, height, format}`.
   * @param {import('./api.js').Api} api
   * @returns {Promise<{id: string, width: number, height: number, format: string}>}
   */
  upload(api) {
    if (this.#uploaded === undefined || performance.now() - this.#uploadedAt > UPLOAD_AGAIN_MS) {
      this.#uploadedAt = performance.now();
      this.#uploaded = api.post('/api/stream/picture', { node: this.node }, this.file);
      this.#uploaded.catch(() => this.forget());
    }
    return this.#uploaded;
  }

  /**
   * Return the id of the uploaded picture.
   * @param {import('./api.js').Api} api
   */
  async id(api) {
    const { id } = await this.upload(api);
    if (typeof id !== 'string') throw new ConsoleError('INVALID_RESPONSE', 'The console did not store the picture.');
    return id;
  }

  /** Upload the picture again for the next start: the server may not have it any more. */
  forget() {
    this.#uploaded = undefined;
  }

  /** Release the preview. */
  release() {
    URL.revokeObjectURL(this.url);
  }
}
