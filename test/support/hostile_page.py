"""A web page of an attacker, and what it tries against a console in the same browser."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = b"<!doctype html><title>hostile</title><body></body>"

ATTACKS: Final = """async ({ target, limit }) => {
  const results = {};
  const body = JSON.stringify({ prompt: 'written by an attacker' });
  const change = `${target}/api/stream/interact?node=/odyssey`;
  const outcome = (promise) => Promise.race([
    promise.then((value) => `reached: ${value}`, () => 'refused'),
    new Promise((resolve) => setTimeout(() => resolve('no answer'), limit)),
  ]);
  const attempt = async (name, act) => { results[name] = await outcome(act()); };
  const load = (name, source) => new Promise((resolve, reject) => {
    const element = document.createElement(name);
    element.addEventListener('load', () => resolve(name));
    element.addEventListener('loadedmetadata', () => resolve(name));
    element.addEventListener('error', reject);
    if (name === 'link') element.rel = 'stylesheet';
    element[{ link: 'href', object: 'data' }[name] ?? 'src'] = source;
    document.body.append(element);
  });
  const send = (options) =>
    fetch(change, { method: 'POST', body, ...options }).then((answer) => answer.status);

  await attempt('read', () => fetch(`${target}/api/session`).then((answer) => answer.text()));
  await attempt('read with cookies', () =>
    fetch(`${target}/api/session`, { credentials: 'include' }).then((answer) => answer.text()));
  await attempt('read without cors', () =>
    fetch(`${target}/api/session`, { mode: 'no-cors' }).then(({ type }) => type));
  await attempt('read the page', () => fetch(`${target}/`).then((answer) => answer.text()));
  await attempt('json', () => send({ headers: { 'X-Console-Token': 'x' } }));
  await attempt('simple post', () => send({ headers: { 'Content-Type': 'text/plain' } }));
  await attempt('post without cors', () => send({ mode: 'no-cors', credentials: 'include' }));
  await attempt('put', () => fetch(change, { method: 'PUT', body }));
  await attempt('image', () => load('img', `${target}/static/icon.svg`));
  await attempt('script', () => load('script', `${target}/static/main.js`));
  await attempt('style', () => load('link', `${target}/static/style.css`));
  await attempt('video', () => load('video', `${target}/media/recordings/x/video`));
  await attempt('module', () => import(`${target}/static/store.js`));
  await attempt('events', () => new Promise((resolve, reject) => {
    const source = new EventSource(`${target}/api/session`);
    source.onmessage = resolve;
    source.onerror = () => { source.close(); reject(); };
  }));
  for (const path of ['state', 'pictures']) {
    await attempt(`socket ${path}`, () => new Promise((resolve, reject) => {
      const socket = new WebSocket(`${target.replace('http', 'ws')}/socket/${path}`);
      socket.onopen = () => resolve('open');
      socket.onerror = reject;
    }));
  }
  navigator.sendBeacon(change, body);

  // Embedded and opened pages load, or show the browser's own error: what counts is what they contain.
  const frame = document.createElement('iframe');
  frame.name = 'embedded';
  frame.src = `${target}/`;
  const form = document.createElement('form');
  Object.assign(form, { method: 'post', action: change, target: 'posted', enctype: 'text/plain' });
  const posted = Object.assign(document.createElement('iframe'), { name: 'posted' });
  const field = document.createElement('input');
  Object.assign(field, { name: '{"prompt":"written by a form","x":"', value: '"}' });
  form.append(field);
  document.body.append(frame, posted, form);
  await new Promise((resolve) => { frame.onload = resolve; });
  form.submit();
  await new Promise((resolve) => { posted.onload = resolve; });
  for (const name of ['embedded', 'posted']) {
    await attempt(`read the frame ${name}`, async () => window.frames[name].document.body.textContent.length);
  }
  return results;
}"""
"""Tries everything that a page can send; returns what became of each attempt."""

POPUP: Final = """async (target) => {
  const opened = window.open(`${target}/`, 'popup');
  for (let count = 0; count < 20; count += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    try {
      opened.postMessage({ type: 'hello' }, '*');
      opened.location.hash = '#simulations';
    } catch {
      // another origin, or severed
    }
  }
  try {
    return opened.document?.body?.textContent ?? 'severed';
  } catch {
    return 'refused';
  }
}"""
"""Opens the console in a window; returns what it can read there."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def hostile_server() -> Iterator[int]:
    """Serve the page of an attacker on loopback; yield the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
