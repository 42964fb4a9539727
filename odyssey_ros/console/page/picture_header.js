// Reads the binary messages of the picture socket, and access units of H.264. No DOM.

export const H264 = 1;
export const JPEG = 2;

const HEADER_BYTES = 24;
const SLICE = 1;
const KEY_SLICE = 5;
const SPS = 7;
const MAX_UNITS = 64;

/**
 * A picture as it came from the server.
 * @typedef {{codec: number, key: boolean, number: number, stamp: number, age: number, data: Uint8Array}} Picture
 *   number: rises from picture to picture; stamp, age: in seconds, age NaN if the clocks cannot be compared
 */

/**
 * Return the picture in a binary message; null for a message of another version.
 * @param {ArrayBuffer} message
 * @returns {Picture | null}
 */
export function readPicture(message) {
  if (message.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(message);
  if (view.getUint8(0) !== 1) return null;
  return {
    codec: view.getUint8(1),
    key: (view.getUint8(2) & 1) === 1,
    number: view.getUint32(4, true),
    stamp: view.getFloat64(8, true),
    age: view.getFloat64(16, true),
    data: new Uint8Array(message, HEADER_BYTES),
  };
}

/**
 * Return the codec string of WebCodecs for a key frame in Annex B form, such as `avc1.42e01f`; empty without SPS.
 * @param {Uint8Array} data
 */
export function codecString(data) {
  let place = 0;
  for (let count = 0; count < MAX_UNITS; count += 1) {
    place = afterStartCode(data, place);
    if (place < 0 || place + 3 >= data.length) return '';
    const kind = data[place] & 0x1f;
    if (kind === SPS) {
      const numbers = [data[place + 1], data[place + 2], data[place + 3]];
      return `avc1.${numbers.map((number) => number.toString(16).padStart(2, '0')).join('')}`;
    }
    if (kind === SLICE || kind === KEY_SLICE) return '';
  }
  return '';
}

/**
 * Return the place after the next start code; -1 without one.
 * @param {Uint8Array} data
 * @param {number} from
 */
function afterStartCode(data, from) {
  for (let place = data.indexOf(1, from); place >= 0; place = data.indexOf(1, place + 1)) {
    if (place >= 2 && data[place - 1] === 0 && data[place - 2] === 0) return place + 1;
  }
  return -1;
}
