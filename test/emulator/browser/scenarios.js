// Uses of the official SDK in a web application. Each scenario returns its observations; the test checks them.

import { Odyssey, credentialsFromDict, credentialsToDict } from "/sdk/index.js";

const LANDSCAPE = { portrait: false };
const LIMIT_S = 90;
const RESTART_S = 20;

function within(seconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function nextFrame(video) {
  return within(LIMIT_S, new Promise((resolve) => video.requestVideoFrameCallback(resolve)), "a video frame");
}

// Returns the picture of the video element after `count` further frames, as a PNG data URL.
async function picture(video, count = 1) {
  for (let index = 0; index < count; index += 1) {
    await nextFrame(video);
  }
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
}

// Returns the id of the current prompt from the marker: 16 blocks, from the 12th block of the last row on.
function promptId(video) {
  const canvas = document.createElement("canvas");
  canvas.width = 704;
  canvas.height = 32;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, video.videoHeight - 32, 704, 32, 0, 0, 704, 32);
  const level = (row, column) => context.getImageData(column * 16 + 8, row * 16 + 8, 1, 1).data[1];
  const middle = (level(1, 0) + level(1, 1)) / 2;
  return Array.from({ length: 16 }, (_, index) => level(1, 12 + index)).reduce(
    (bits, found) => bits * 2 + (found > middle),
    0,
  );
}

// Waits for a frame that shows the prompt, and returns its picture.
async function pictureOf(video, prompt) {
  await until(async () => {
    await nextFrame(video);
    return promptId(video) === prompt.id;
  }, `a picture of ${prompt.text}`);
  return picture(video, 0);
}

async function watch(stream, whose = "the stream") {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  document.body.append(video);
  // The video plays only when frames arrive, that is, after the start of a stream.
  await within(LIMIT_S, video.play(), `playing ${whose}`);
  return video;
}

function recordingHandlers(events) {
  const note = (name) => (...values) => events.push([name, ...values.map(String)]);
  return {
    onStatusChange: (status) => events.push(["status", status]),
    onConnected: () => events.push(["connected"]),
    onDisconnected: note("disconnected"),
    onStreamStarted: note("started"),
    onStreamEnded: note("ended"),
    onInteractAcknowledged: note("acknowledged"),
    onStreamError: note("streamError"),
    onError: note("error"),
  };
}

// Connects, and waits for the status too: on a busy machine `connect` may return before the status changes, and the
// SDK refuses to start a stream before that.
async function connected(connect, handlers = {}) {
  let resolveStatus;
  const announced = new Promise((resolve) => (resolveStatus = resolve));
  const onStatusChange = (status) => {
    handlers.onStatusChange?.(status);
    if (status === "connected") {
      resolveStatus();
    }
  };
  const stream = await within(LIMIT_S, connect({ ...handlers, onStatusChange }), "connecting");
  await within(LIMIT_S, announced, "the status");
  return stream;
}

// Starts a stream and returns its id. On a busy machine the SDK sometimes sends no start, on neither transport, and its
// call has no time limit: request the start again then, as a user would.
async function started(client, options) {
  const late = (resolve) => setTimeout(() => resolve(null), RESTART_S * 1000);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const streamId = await Promise.race([client.startStream(options), new Promise(late)]);
    if (streamId !== null) {
      return streamId;
    }
  }
  return within(LIMIT_S, client.startStream(options), "starting");
}

async function until(condition, what) {
  const check = async () => {
    let value;
    while (!(value = await condition())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return value;
  };
  return within(LIMIT_S, check(), what);
}

export async function interactive({ apiKey, prompts }) {
  const events = [];
  const client = new Odyssey({ apiKey });
  const stream = await connected((handlers) => client.connect(handlers), recordingHandlers(events));
  const streamId = await started(client, { prompt: prompts[0].text, ...LANDSCAPE });
  const video = await watch(stream);
  const pictures = [await picture(video), await picture(video, 10)];
  const acknowledged = await within(LIMIT_S, client.interact({ prompt: prompts[1].text }), "interacting");
  pictures.push(await pictureOf(video, prompts[1]));
  await within(LIMIT_S, client.endStream(), "ending");
  client.disconnect();
  return { events, streamId, pictures, acknowledged };
}

export async function imageToVideo({ apiKey, prompt, colour }) {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 480;
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const image = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const client = new Odyssey({ apiKey });
  const stream = await connected((handlers) => client.connect(handlers));
  const streamId = await started(client, { prompt, portrait: true, image });
  const shown = await picture(await watch(stream));
  client.disconnect();
  return { streamId, picture: shown };
}

export async function recordings({ apiKey, prompt }) {
  const client = new Odyssey({ apiKey });
  const stream = await connected((handlers) => client.connect(handlers));
  const streamIds = [];
  for (let index = 0; index < 2; index += 1) {
    streamIds.push(await started(client, { prompt, ...LANDSCAPE }));
    await picture(await watch(stream), 20);
    await within(LIMIT_S, client.endStream(), "ending");
  }
  client.disconnect();
  const recording = await until(async () => {
    const found = await client.getRecording(streamIds[1]);
    return found.video_url && found;
  }, "the recording");
  const newest = await client.listStreamRecordings({ limit: 1 });
  const player = document.createElement("video");
  player.muted = true;
  player.crossOrigin = "anonymous";
  player.src = recording.video_url;
  await within(LIMIT_S, player.play(), "playing the recording");
  const replayed = await picture(player, 3);
  const thumbnail = new Image();
  thumbnail.src = recording.thumbnail_url;
  await within(LIMIT_S, thumbnail.decode(), "the thumbnail");
  const eventLines = (await (await fetch(recording.events_url)).text()).trim().split("\n");
  return {
    streamIds,
    recording,
    newest,
    replayed,
    duration: player.duration,
    thumbnail: [thumbnail.naturalWidth, thumbnail.naturalHeight],
    events: eventLines.map((line) => JSON.parse(line)),
  };
}

export async function simulations({ apiKey, prompts }) {
  const client = new Odyssey({ apiKey });
  const script = (milliseconds) => [
    { timestamp_ms: 0, start: { prompt: prompts[0] } },
    { timestamp_ms: milliseconds / 2, interact: { prompt: prompts[1] } },
    { timestamp_ms: milliseconds, end: {} },
  ];
  const submitted = await client.simulate({ script: script(2000), ...LANDSCAPE });
  const waiting = await client.simulate({ scripts: [script(4000), script(4000)], portrait: true });
  const cancelled = await client.cancelSimulation(waiting.job_id);
  const finished = await until(async () => {
    const job = await client.getSimulateStatus(submitted.job_id);
    return ["completed", "failed"].includes(job.status) && job;
  }, "the simulation");
  const player = document.createElement("video");
  player.muted = true;
  player.crossOrigin = "anonymous";
  player.src = finished.streams[0].video_url;
  await within(LIMIT_S, player.play(), "playing the simulation");
  const replayed = await picture(player, 2);
  return {
    submitted,
    cancelled,
    finished,
    replayed,
    afterwards: await client.getSimulateStatus(waiting.job_id),
    listed: await client.listSimulations({ limit: 10 }),
    active: await client.listSimulations({ active: true }),
  };
}

export async function credentials({ apiKey, prompt }) {
  const minted = credentialsToDict(await new Odyssey({ apiKey }).createClientCredentials());
  const events = [];
  const client = new Odyssey();
  const received = credentialsFromDict(JSON.parse(JSON.stringify(minted)));
  const stream = await connected(
    (handlers) => client.connectWithCredentials(received, handlers),
    recordingHandlers(events),
  );
  const streamId = await started(client, { prompt, ...LANDSCAPE });
  const shown = await picture(await watch(stream));
  const sessionId = client.currentSessionId;
  client.disconnect();
  return { minted: Object.keys(minted), sessionId, mintedSession: received.sessionId, streamId, picture: shown, events };
}

export async function broadcast({ apiKey, prompts }) {
  const client = new Odyssey({ apiKey });
  let ready;
  const announced = new Promise((resolve) => (ready = resolve));
  const stream = await connected((handlers) => client.connect(handlers), { onBroadcastReady: ready });
  await started(client, { prompt: prompts[0].text, broadcast: true, ...LANDSCAPE });
  const own = await watch(stream);
  const info = await within(LIMIT_S, announced, "the broadcast");
  const join = (token) => within(LIMIT_S, Odyssey.connectToStream(info.webrtcUrl, token), "joining");
  const spectators = await Promise.all([0, 1].map(() => join(info.spectatorToken)));
  const videos = await Promise.all(
    spectators.map((spectator, index) => watch(spectator.stream, `the stream of spectator ${index}`)),
  );
  const before = await Promise.all([own, ...videos].map((video) => picture(video)));
  await within(LIMIT_S, client.interact({ prompt: prompts[1].text }), "interacting");
  const after = await Promise.all([own, ...videos].map((video) => pictureOf(video, prompts[1])));
  const refusal = await join("wrong").catch((error) => error.message);
  spectators[0].disconnect();
  const notified = new Promise((resolve) => spectators[1].onDisconnect(() => resolve(true)));
  await within(LIMIT_S, client.endStream(), "ending");
  const spectatorNotified = await within(LIMIT_S, notified, "the end of the broadcast");
  client.disconnect();
  return { before, after, refusal, spectatorNotified };
}
